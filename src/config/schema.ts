/**
 * The schema of each role's configuration: one description gives the check, the type, the JSON Schema for editors and
 * the reference in the documentation. Nothing is required here, because a value that a file lacks may come from the
 * environment or a flag; what must be there in the end is checked in `rules.ts`.
 *
 * @module
 */
import { z } from "zod";
import {
  DEFAULT_ALLOW_PORTS,
  DEFAULT_CLIENT_LIMITS,
  DEFAULT_DIRECT_POOL,
  DEFAULT_PORT,
  DEFAULT_SERVER_BIND,
  DEFAULT_SERVER_LIMITS,
  DEFAULT_SERVICE_HOST,
  MAX_CONNECTIONS,
  SERVER_ORDERS,
  SERVICE_MODES,
} from "../tunnel/options.ts";
import { formatAddress } from "../format_address.ts";
import { parsePin, PIN_EXPECTED } from "../trust/fingerprint.ts";
import { formatPortRange } from "./address.ts";
import {
  address,
  addresses,
  canonicalText,
  choice,
  filePath,
  host,
  kinds,
  listOf,
  localAddress,
  mapping,
  patterned,
  portRange,
  secret,
  setOf,
  wholeNumber,
  yesOrNo,
} from "./fields.ts";
import { httpServerSchema, httpServiceFields } from "./http_schema.ts";
import {
  keyFileField,
  keysSchema,
  SERVICE_NAME,
  SERVICE_NAME_EXPECTED,
  tokensSchema,
} from "./scope_schema.ts";
import { adminSchema, limitsSchema, logSchema, tokenFileField } from "./shared_schema.ts";

/** Which of the two programs a configuration is for. */
export type Role = "server" | "client";
/** Every role. */
export const ROLES: readonly Role[] = ["server", "client"];

export { SERVICE_NAME, SERVICE_NAME_EXPECTED };

/** A server's configuration file. */
export const serverSchema = mapping({
  bind: address('an IP address and port such as "0.0.0.0:7835"', {
    ipOnly: true,
    allowPortZero: true,
    defaultPort: DEFAULT_PORT,
  }).describe("Where clients connect").optional(),
  tcpBind: address('an IP address and port such as "0.0.0.0:9000"', { ipOnly: true, allowPortZero: true })
    .describe("Shared public port for the client that registered a service without a port of its own")
    .optional(),
  serviceHost: host("an IP address", true).describe("Address on which services' own ports are bound")
    .optional(),
  publicHost: host("a host name or an IP address", false)
    .describe("Host name told to clients as that of their services; the name that they dialled when left out")
    .optional(),
  allowPorts: listOf(portRange()).describe("Ports and ranges of ports that clients may ask for").optional(),
  token: secret().describe("The token that clients must present; or use `tokenFile` or `tokens`").optional(),
  tokenFile: tokenFileField().optional(),
  tokens: tokensSchema.optional(),
  keys: keysSchema.optional(),
  tls: mapping({
    enabled: yesOrNo().describe(
      "Whether to speak TLS with clients; when left out, if `cert` is given. Without `cert` the server makes a key and " +
        "certificate of its own",
    ).optional(),
    cert: filePath().describe("Certificate chain of the server, PEM").optional(),
    key: filePath().describe("Private key of `cert`, PEM").optional(),
    ca: filePath().describe("Authorities whose client certificates are demanded and accepted, PEM")
      .optional(),
  }).describe("TLS between clients and server").optional(),
  stateDir: filePath("the path of a directory").describe(
    "Directory in which the server keeps the key and certificate that it makes for itself; " +
      "the service's, root's or the user's own when left out",
  ).optional(),
  http: httpServerSchema.optional(),
  admin: adminSchema.optional(),
  log: logSchema.optional(),
  limits: limitsSchema(DEFAULT_SERVER_LIMITS).optional(),
}).describe("FerroTunnel server");

const SERVICE_TYPE = "What the service speaks";
const local = localAddress()
  .describe("Where the client reaches it: `host:port`, or a port of this machine");

const serviceSchema = kinds("type", [
  mapping({
    type: z.literal("tcp").describe(SERVICE_TYPE),
    local,
    remotePort: wholeNumber(0, 65535)
      .describe("Its public port; 0 lets the server pick; the server's shared port when left out").optional(),
    mode: choice(SERVICE_MODES).describe(
      "Whether visitors share the client's connection, or have one of their own each; `multiplexed` when left out",
    ).optional(),
  }),
  mapping({ type: z.literal("http").describe(SERVICE_TYPE), local, ...httpServiceFields }),
]);

/** A client's configuration file. */
export const clientSchema = mapping({
  server: addresses('the address of a server such as "tunnel.example.com:7835"', {
    defaultPort: DEFAULT_PORT,
  })
    .describe(
      `Address of the server, or of several of which one is used; port ${DEFAULT_PORT} when one names none`,
    ).optional(),
  serverOrder: choice(SERVER_ORDERS).describe(
    "How one of several servers is chosen: the first that can be reached, and back to it later; or any",
  ).optional(),
  connections: wholeNumber(1, MAX_CONNECTIONS)
    .describe("Parallel connections to the server, over which visitors are spread").optional(),
  directPool: wholeNumber(1, 999)
    .describe("Connections kept ready for visitors of services with mode `direct`").optional(),
  token: secret().describe("The token to present; or use `tokenFile`").optional(),
  tokenFile: tokenFileField().optional(),
  keyFile: keyFileField().optional(),
  tunnelId: patterned(SERVICE_NAME, SERVICE_NAME_EXPECTED)
    .describe("Names this client on the server; made from the machine's name and the services when left out")
    .optional(),
  services: z.record(
    z.string().regex(SERVICE_NAME, { error: `Expected ${SERVICE_NAME_EXPECTED}` }),
    serviceSchema,
    { error: "Expected a mapping of names to services" },
  ).describe("What is shown to the world, by name").optional(),
  tls: mapping({
    enabled: yesOrNo().describe("Whether to speak TLS with the server; when left out, if `pins` are given")
      .optional(),
    pins: setOf(canonicalText(PIN_EXPECTED, parsePin)).describe(
      "Fingerprints of keys, of which the server's must be one; without `ca` that alone counts",
    ).optional(),
    skipVerify: yesOrNo().describe(
      "Whether to take any server for the right one; only for one on this machine",
    )
      .optional(),
    ca: filePath().describe(
      "Authorities trusted to sign the server's certificate, PEM; the system's, or none with `pins`, when left out",
    )
      .optional(),
    cert: filePath().describe("Certificate chain of this client for mutual TLS, PEM").optional(),
    key: filePath().describe("Private key of `cert`, PEM").optional(),
    serverName: host("a host name or an IP address", false)
      .describe("Name that the server's certificate must be for; the name in `server` when left out")
      .optional(),
  }).describe("TLS between client and server").optional(),
  admin: adminSchema.optional(),
  log: logSchema.optional(),
  limits: limitsSchema(DEFAULT_CLIENT_LIMITS).optional(),
}).describe("FerroTunnel client");

/** A server's configuration after its check. */
export type ServerConfig = z.output<typeof serverSchema>;
/** A client's configuration after its check. */
export type ClientConfig = z.output<typeof clientSchema>;
/** The configuration of a role. */
export type ConfigOf<R extends Role> = R extends "server" ? ServerConfig : ClientConfig;

/** The schema of a role. */
export const SCHEMAS = { server: serverSchema, client: clientSchema } as const;

/** How a program logs that is told nothing else. */
export const LOG_DEFAULTS = { level: "info", format: "text" } as const;

/** The lowest layer of a role's configuration, as it could stand in a file. */
export const DEFAULTS: Record<Role, Record<string, unknown>> = {
  server: {
    bind: formatAddress(DEFAULT_SERVER_BIND),
    serviceHost: DEFAULT_SERVICE_HOST,
    allowPorts: DEFAULT_ALLOW_PORTS.map(formatPortRange),
    admin: { allowRemote: false },
    log: LOG_DEFAULTS,
    limits: { ...DEFAULT_SERVER_LIMITS },
  },
  client: {
    serverOrder: SERVER_ORDERS[0],
    connections: 1,
    directPool: DEFAULT_DIRECT_POOL,
    tls: { skipVerify: false },
    admin: { allowRemote: false },
    log: LOG_DEFAULTS,
    limits: { ...DEFAULT_CLIENT_LIMITS },
  },
};
