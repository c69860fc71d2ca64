/**
 * What a server's configuration says of tokens and keys: who has them, and what they permit.
 *
 * @module
 */
import { z } from "zod";
import { parseHostPattern } from "../http/host.ts";
import { PUBLIC_KEY_EXPECTED, PUBLIC_KEY_PATTERN } from "../trust/client_key.ts";
import { SERVICE_KINDS } from "../tunnel/options.ts";
import {
  canonicalText,
  choice,
  filePath,
  listOf,
  mappingWithSecret,
  moment,
  patterned,
  patternedUnshown,
  portRange,
  secret,
  setOf,
  wholeNumber,
} from "./fields.ts";
import { MAX_BYTES, MAX_COUNT, tokenFileField } from "./shared_schema.ts";

/**
 * What the name of a service looks like: no `.` or `-` first, so that it can stand in a path or an argument, and not
 * the one word that JavaScript treats specially as a key.
 */
export const SERVICE_NAME: RegExp = /^(?!__proto__$)[A-Za-z0-9_][A-Za-z0-9_.-]{0,62}$/;
/** {@linkcode SERVICE_NAME} in words. */
export const SERVICE_NAME_EXPECTED =
  "a name of 1 to 63 letters, digits, -, _ and . that begins with none of - and .";

/** What the clients of a token or key may do. */
const scopeFields = {
  services: setOf(patterned(
    /^[A-Za-z0-9_.*-]{1,63}$/,
    'the name of a service, or a pattern such as "web*"',
  )).describe("Names and patterns that its services may have, such as `web*`; all when left out").optional(),
  hosts: setOf(canonicalText('a host, or a pattern such as "*.example.com"', parseHostPattern))
    .describe("Hosts and patterns that its HTTP services may have; all that the server allows when left out")
    .optional(),
  ports: listOf(portRange())
    .describe("Public ports that its TCP services may have, among `allowPorts`; all of those when left out")
    .optional(),
  kinds: setOf(choice(SERVICE_KINDS)).describe("Kinds that its services may have; all when left out")
    .optional(),
  maxConnections: wholeNumber(1, MAX_COUNT).describe("Connections of its clients at once").optional(),
  maxStreams: wholeNumber(1, MAX_COUNT).describe("Visitors of all its clients at once").optional(),
  bandwidth: wholeNumber(1, MAX_BYTES).describe(
    "Bytes per second that all its visitors share, in each direction; what is beyond it is delayed",
  ).optional(),
  expires: moment().describe(
    "From then on it is refused and its clients are disconnected, such as `2027-01-01T00:00:00Z`",
  )
    .optional(),
};

const name = patterned(SERVICE_NAME, SERVICE_NAME_EXPECTED);

/** The tokens. */
export const tokensSchema = listOf(mappingWithSecret({
  name: name.describe("Names the token in logs and in the status"),
  token: secret().describe("The token; or use `hash` or `tokenFile`").optional(),
  hash: patternedUnshown(
    /^sha256:[0-9a-fA-F]{64}$/,
    '"sha256:" and 64 hexadecimal digits, as `ferrotunnel token` prints it',
  )
    .describe("The token's hash in its place, as `ferrotunnel token` prints it").optional(),
  tokenFile: tokenFileField().optional(),
  ...scopeFields,
})).describe("Several tokens, for instance one for each client");

/** The keys. */
export const keysSchema = listOf(mappingWithSecret({
  name: name.describe("Names the key in logs and in the status; no token may have the same name"),
  publicKey: patternedUnshown(PUBLIC_KEY_PATTERN, PUBLIC_KEY_EXPECTED)
    .describe("The client's public key, as `ferrotunnel key` prints it"),
  ...scopeFields,
})).describe("Public keys of clients that prove who they are without a token");

/** The file with a client's key. */
export function keyFileField(): z.ZodString {
  return filePath().describe(
    "File with the client's private key in place of a token, made by `ferrotunnel key`",
  );
}
