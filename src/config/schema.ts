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
  DEFAULT_PORT,
  DEFAULT_SERVER_BIND,
  DEFAULT_SERVER_LIMITS,
  DEFAULT_SERVICE_HOST,
} from "../tunnel/options.ts";
import { formatAddress } from "../format_address.ts";
import { formatPortRange } from "./address.ts";
import {
  address,
  choice,
  filePath,
  host,
  listOf,
  localAddress,
  mapping,
  patterned,
  portRange,
  secret,
  wholeNumber,
  yesOrNo,
} from "./fields.ts";
import { adminSchema, limitsSchema, logSchema, tokenFileField } from "./shared_schema.ts";

/** Which of the two programs a configuration is for. */
export type Role = "server" | "client";
/** Every role. */
export const ROLES: readonly Role[] = ["server", "client"];

/**
 * What the name of a service looks like: no `.` or `-` first, so that it can stand in a path or an argument, and not
 * the one word that JavaScript treats specially as a key.
 */
export const SERVICE_NAME: RegExp = /^(?!__proto__$)[A-Za-z0-9_][A-Za-z0-9_.-]{0,62}$/;
/** {@linkcode SERVICE_NAME} in words. */
export const SERVICE_NAME_EXPECTED =
  "a name of 1 to 63 letters, digits, -, _ and . that begins with none of - and .";

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
  tokens: listOf(mapping({
    name: patterned(SERVICE_NAME, SERVICE_NAME_EXPECTED).describe(
      "Names the token in logs and in the status",
    ),
    token: secret().describe("The token; or use `tokenFile`").optional(),
    tokenFile: tokenFileField().optional(),
  })).describe("Several tokens, for instance one for each client").optional(),
  tls: mapping({
    cert: filePath().describe("Certificate chain of the server, PEM; switches TLS on").optional(),
    key: filePath().describe("Private key of `cert`, PEM").optional(),
    ca: filePath().describe("Authorities whose client certificates are demanded and accepted, PEM")
      .optional(),
  }).describe("TLS between clients and server").optional(),
  admin: adminSchema.optional(),
  log: logSchema.optional(),
  limits: limitsSchema(DEFAULT_SERVER_LIMITS).optional(),
}).describe("FerroTunnel server");

const serviceSchema = mapping({
  type: choice(["tcp"]).describe("What the service speaks"),
  local: localAddress().describe("Where the client reaches it: `host:port`, or a port of this machine"),
  remotePort: wholeNumber(0, 65535)
    .describe("Its public port; 0 lets the server pick; the server's shared port when left out").optional(),
});

/** A client's configuration file. */
export const clientSchema = mapping({
  server: address('the address of a server such as "tunnel.example.com:7835"', { defaultPort: DEFAULT_PORT })
    .describe(`Address of the server; port ${DEFAULT_PORT} when it names none`).optional(),
  token: secret().describe("The token to present; or use `tokenFile`").optional(),
  tokenFile: tokenFileField().optional(),
  tunnelId: patterned(SERVICE_NAME, SERVICE_NAME_EXPECTED)
    .describe("Names this client on the server; made from the machine's name and the services when left out")
    .optional(),
  services: z.record(
    z.string().regex(SERVICE_NAME, { error: `Expected ${SERVICE_NAME_EXPECTED}` }),
    serviceSchema,
    { error: "Expected a mapping of names to services" },
  ).describe("What is shown to the world, by name").optional(),
  tls: mapping({
    enabled: yesOrNo().describe("Whether to speak TLS with the server").optional(),
    ca: filePath().describe(
      "Authorities trusted to sign the server's certificate, PEM; the system's when left out",
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
    tls: { enabled: false },
    admin: { allowRemote: false },
    log: LOG_DEFAULTS,
    limits: { ...DEFAULT_CLIENT_LIMITS },
  },
};
