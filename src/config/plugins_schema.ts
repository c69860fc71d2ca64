/**
 * What a server's configuration says about plugins.
 *
 * @module
 */
import { z } from "zod";
import { parseHostPattern } from "../http/host.ts";
import { isRealm, isUserName } from "../plugins/basic.ts";
import { HEADER_VARIABLES, isEditableHeader, isHeaderTemplate } from "../plugins/headers.ts";
import { isAddressOrRange } from "../plugins/ip.ts";
import { REQUEST_LOG_FORMATS } from "../plugins/log.ts";
import { parsePasswordHash, PASSWORD_HASH_EXPECTED } from "../plugins/password.ts";
import { isTokenText } from "../plugins/token.ts";
import { isPluginName } from "../tunnel/http_service.ts";
import {
  canonicalText,
  choice,
  filePath,
  hiddenText,
  keptWhen,
  kinds,
  listOf,
  mapping,
  setOf,
  showValue,
  wholeNumber,
  yesOrNo,
} from "./fields.ts";

const MAX_DURATION_MS = 0x7fff_ffff;
const PLUGIN_TYPE = "What the plugin does";
const NAME_EXPECTED = "the name of a plugin: letters, digits, -, _ and ., and none of - and . first";
const HEADER_EXPECTED = "the name of a header field that is not Host, Connection or one that frames the body";
const FORWARD = "Whether the service is given the field that let the visitor in";

const type = <Word extends string>(word: Word): z.ZodLiteral<Word> => z.literal(word).describe(PLUGIN_TYPE);
const headerName = canonicalText(HEADER_EXPECTED, keptWhen(isEditableHeader));
const range = canonicalText('an IP address, or a range such as "10.0.0.0/8"', keptWhen(isAddressOrRange));
const duration = wholeNumber(1, MAX_DURATION_MS);

const tokenText = hiddenText(
  'a token that a header field can carry, or "sha256:" and 64 hexadecimal digits',
  isTokenText,
);
const passwordHash = hiddenText(PASSWORD_HASH_EXPECTED, (text) => parsePasswordHash(text) !== undefined);
const template = hiddenText(
  `text for a header field; of variables \${${HEADER_VARIABLES.join("}, ${")}}`,
  isHeaderTemplate,
);

const values = z.record(
  z.string().refine(isEditableHeader, { error: `Expected ${HEADER_EXPECTED}` }),
  template,
  { error: "Expected a mapping of header fields to values" },
);

/** What is changed about one kind of message. */
const edits = mapping({
  remove: setOf(headerName).describe("Header fields that are taken away, before any are set").optional(),
  set: values.describe("Header fields that get this one value, by name").optional(),
  append: values.describe("Header fields that get one more value, by name").optional(),
});

/** One plugin. */
export const pluginSchema = kinds("type", [
  mapping({
    type: type("token"),
    tokens: listOf(tokenText).describe("Tokens that are good: as they are, or `sha256:` and the hash")
      .optional(),
    tokensFile: filePath().describe("File with such tokens, one a line").optional(),
    header: headerName.describe(
      "Header field that carries the token; `Authorization`, after `Bearer`, when left out",
    )
      .optional(),
    forward: yesOrNo().describe(FORWARD).optional(),
  }),
  mapping({
    type: type("basic"),
    users: z.record(
      z.string().refine(isUserName, { error: "Expected the name of a user, without :" }),
      passwordHash,
      { error: "Expected a mapping of users to hashes of passwords" },
    ).describe("Hashes of passwords, as `ferrotunnel hash-password` prints them, by user").optional(),
    usersFile: filePath().describe("File with lines such as `ada:HASH`").optional(),
    realm: canonicalText('printable ASCII without " and \\', keptWhen(isRealm))
      .describe("What browsers show when they ask; `Restricted` when left out").optional(),
    forward: yesOrNo().describe(FORWARD).optional(),
    rememberMs: duration
      .describe("Milliseconds a password that was right needs no new check; 300000 when left out").optional(),
  }),
  mapping({
    type: type("ip"),
    allow: listOf(range).describe("Addresses and ranges that may come; all when left out").optional(),
    deny: listOf(range).describe("Addresses and ranges that may not, even if `allow` has them").optional(),
  }),
  mapping({
    type: type("rateLimit"),
    perSecond: number(0.000_1, 1_000_000).describe("Requests a second in the long run; may be a fraction"),
    burst: wholeNumber(1, 1_000_000).describe("Requests at once; `perSecond`, rounded up, when left out")
      .optional(),
    by: choice(["address", "host"]).describe(
      "Whose requests count together; by address when left out (of IPv6, by /64)",
    ).optional(),
    byHeader: headerName.describe("In place of `by`: those with the same value of this header field")
      .optional(),
    maxKeys: wholeNumber(1, 1_000_000)
      .describe("How many are told apart, at about 200 bytes each; 10000 when left out").optional(),
  }),
  mapping({
    type: type("breaker"),
    failures: wholeNumber(1, 1000).describe(
      "Failures within `windowMs` that open the circuit; 5 when left out",
    )
      .optional(),
    windowMs: duration.describe("Milliseconds; 10000 when left out").optional(),
    openMs: duration.describe("Milliseconds before one request tries again; 10000 when left out").optional(),
  }),
  mapping({
    type: type("log"),
    format: choice(REQUEST_LOG_FORMATS).describe(
      "The lines of web servers (common, when left out), or values by name (json)",
    ).optional(),
    headers: setOf(headerName)
      .describe("Header fields of requests that are logged; the values of those with secrets never are")
      .optional(),
    redactQuery: setOf(z.string({ error: "Expected the name of a parameter" }).min(1))
      .describe("Parameters whose values are not logged, beside those that usually are secrets").optional(),
  }),
  mapping({
    type: type("headers"),
    request: edits.describe("Changes of requests").optional(),
    response: edits.describe("Changes of responses").optional(),
  }),
  mapping({
    type: type("module"),
    path: filePath().describe("Module of JavaScript or TypeScript whose default export makes the plugin"),
    // They may well be secrets.
    options: z.record(z.string(), z.unknown().meta({ writeOnly: true }), { error: "Expected a mapping" })
      .describe("Handed to the module as they are").optional(),
    failOpen: yesOrNo()
      .describe("Whether requests go on when it fails; what the plugin says itself when left out").optional(),
  }),
]);

const pluginName = canonicalText(NAME_EXPECTED, keptWhen(isPluginName));

/** What `http` of a server says about plugins. */
export const httpPluginFields = {
  plugins: z.record(
    z.string().refine(isPluginName, { error: `Expected ${NAME_EXPECTED}` }),
    pluginSchema,
    { error: "Expected a mapping of names to plugins" },
  ).describe("Plugins that `use` and the clients' services can name").optional(),
  use: setOf(pluginName).describe("Plugins that see the requests of every service, in this order").optional(),
  services: z.record(
    z.string().refine(isScope, {
      error: "Expected the name of a service, a host or a pattern such as *.example.com",
    }),
    mapping({
      use: setOf(pluginName).describe("Plugins that see its requests too, after those of `http.use`")
        .optional(),
    }),
    { error: "Expected a mapping of services and hosts to what is done for them" },
  ).describe("What is done for some services, by name, by host, or by pattern such as `*.example.com`")
    .optional(),
};

/** The name of a service, or a host or pattern in its one spelling. */
function isScope(text: string): boolean {
  return isPluginName(text) || parseHostPattern(text) === text;
}

function number(min: number, max: number): z.ZodNumber {
  const error = (issue: { readonly input?: unknown }): string =>
    `Expected a number from ${min} to ${max} but got ${showValue(issue.input)}`;
  return z.number({ error }).min(min, { error }).max(max, { error });
}
