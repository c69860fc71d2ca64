/**
 * Which values of a configuration can also be given as a flag or in the environment. Flags, their help and the
 * documentation are made from these tables.
 *
 * @module
 */
import type { Path } from "./origin.ts";
import type { Role } from "./schema.ts";

/** How the text of a flag or variable becomes a value. */
export type SettingKind = "text" | "texts" | "number" | "boolean" | "list";

/** A value that can be given outside of the file. */
export interface Setting {
  /** Its place in the configuration. Those under `service` describe the one service of a command line. */
  readonly path: Path;
  /** Its flag, such as `--bind`; undefined for what must not be seen in a list of processes. */
  readonly flag?: string;
  /** What the flag's argument is called in the help. */
  readonly argument?: string;
  /** Its environment variable. */
  readonly variable: string;
  /** How its text is read. */
  readonly kind: SettingKind;
  /** Its meaning, where the schema has none for its path. */
  readonly meaning?: string;
  /** Whether the flag can be given more than once, for a list. @default false */
  readonly repeatable?: boolean;
}

const TLS_FILES: readonly Setting[] = [
  {
    path: ["tls", "cert"],
    flag: "--tls-cert",
    argument: "file",
    variable: "FERROTUNNEL_TLS_CERT",
    kind: "text",
  },
  {
    path: ["tls", "key"],
    flag: "--tls-key",
    argument: "file",
    variable: "FERROTUNNEL_TLS_KEY",
    kind: "text",
  },
  { path: ["tls", "ca"], flag: "--tls-ca", argument: "file", variable: "FERROTUNNEL_TLS_CA", kind: "text" },
];

const TOKEN: readonly Setting[] = [
  { path: ["token"], variable: "FERROTUNNEL_TOKEN", kind: "text" },
  {
    path: ["tokenFile"],
    flag: "--token-file",
    argument: "file",
    variable: "FERROTUNNEL_TOKEN_FILE",
    kind: "text",
  },
];

const ADMIN_AND_LOG: readonly Setting[] = [
  {
    path: ["admin", "bind"],
    flag: "--admin-bind",
    argument: "address",
    variable: "FERROTUNNEL_ADMIN_BIND",
    kind: "text",
  },
  { path: ["admin", "token"], variable: "FERROTUNNEL_ADMIN_TOKEN", kind: "text" },
  {
    path: ["admin", "tokenFile"],
    flag: "--admin-token-file",
    argument: "file",
    variable: "FERROTUNNEL_ADMIN_TOKEN_FILE",
    kind: "text",
  },
  {
    path: ["admin", "allowRemote"],
    flag: "--admin-allow-remote",
    variable: "FERROTUNNEL_ADMIN_ALLOW_REMOTE",
    kind: "boolean",
    meaning: "Permit an admin address that other machines reach; needs a token",
  },
  {
    path: ["log", "level"],
    flag: "--log-level",
    argument: "level",
    variable: "FERROTUNNEL_LOG_LEVEL",
    kind: "text",
  },
  {
    path: ["log", "format"],
    flag: "--log-format",
    argument: "format",
    variable: "FERROTUNNEL_LOG_FORMAT",
    kind: "text",
  },
];

/** The settings of each role, in the order of the help. */
export const SETTINGS: Record<Role, readonly Setting[]> = {
  server: [
    { path: ["bind"], flag: "--bind", argument: "address", variable: "FERROTUNNEL_BIND", kind: "text" },
    {
      path: ["tcpBind"],
      flag: "--tcp-bind",
      argument: "address",
      variable: "FERROTUNNEL_TCP_BIND",
      kind: "text",
    },
    {
      path: ["serviceHost"],
      flag: "--service-host",
      argument: "address",
      variable: "FERROTUNNEL_SERVICE_HOST",
      kind: "text",
    },
    {
      path: ["publicHost"],
      flag: "--public-host",
      argument: "name",
      variable: "FERROTUNNEL_PUBLIC_HOST",
      kind: "text",
    },
    {
      path: ["allowPorts"],
      flag: "--allow-ports",
      argument: "ports",
      variable: "FERROTUNNEL_ALLOW_PORTS",
      kind: "list",
    },
    {
      path: ["http", "bind"],
      flag: "--http-bind",
      argument: "address",
      variable: "FERROTUNNEL_HTTP_BIND",
      kind: "text",
    },
    {
      path: ["http", "domain"],
      flag: "--domain",
      argument: "name",
      variable: "FERROTUNNEL_DOMAIN",
      kind: "text",
    },
    ...TOKEN,
    {
      path: ["keyFile"],
      flag: "--key-file",
      argument: "file",
      variable: "FERROTUNNEL_KEY_FILE",
      kind: "text",
    },
    {
      path: ["tls", "enabled"],
      flag: "--tls",
      variable: "FERROTUNNEL_TLS",
      kind: "boolean",
      meaning:
        "Speak TLS with clients, without --tls-cert by a key and certificate of the server's own making",
    },
    ...TLS_FILES,
    {
      path: ["stateDir"],
      flag: "--state-dir",
      argument: "directory",
      variable: "FERROTUNNEL_STATE_DIR",
      kind: "text",
    },
    ...ADMIN_AND_LOG,
  ],
  client: [
    {
      path: ["server"],
      flag: "--server",
      argument: "address",
      variable: "FERROTUNNEL_SERVER",
      kind: "texts",
      repeatable: true,
      meaning: "Address of the server; may be repeated for several of which one is used",
    },
    {
      path: ["serverOrder"],
      flag: "--server-order",
      argument: "order",
      variable: "FERROTUNNEL_SERVER_ORDER",
      kind: "text",
    },
    {
      path: ["connections"],
      flag: "--connections",
      argument: "count",
      variable: "FERROTUNNEL_CONNECTIONS",
      kind: "number",
    },
    {
      path: ["directPool"],
      flag: "--direct-pool",
      argument: "count",
      variable: "FERROTUNNEL_DIRECT_POOL",
      kind: "number",
    },
    {
      path: ["service", "local"],
      flag: "--local-addr",
      argument: "address",
      variable: "FERROTUNNEL_LOCAL_ADDR",
      kind: "text",
      meaning:
        "Service to show to the world: `host:port`, or a port of this machine; replaces the services of a file",
    },
    {
      path: ["service", "remotePort"],
      flag: "--remote-port",
      argument: "port",
      variable: "FERROTUNNEL_REMOTE_PORT",
      kind: "number",
      meaning: "Its public port; 0 lets the server pick; the server's shared port when left out",
    },
    {
      path: ["service", "type"],
      flag: "--type",
      argument: "type",
      variable: "FERROTUNNEL_TYPE",
      kind: "text",
      meaning: "What it speaks: tcp or http; tcp when left out",
    },
    {
      path: ["service", "hosts"],
      flag: "--host",
      argument: "host",
      variable: "FERROTUNNEL_HOSTS",
      kind: "list",
      repeatable: true,
      meaning:
        "Host, or pattern such as *.example.com, of an http service; its name below the server's domain " +
        "when left out; may be repeated",
    },
    {
      path: ["service", "paths"],
      flag: "--path",
      argument: "path",
      variable: "FERROTUNNEL_PATHS",
      kind: "list",
      repeatable: true,
      meaning: "Beginning of the paths of an http service; every path when left out; may be repeated",
    },
    {
      path: ["service", "rewriteHost"],
      flag: "--rewrite-host",
      argument: "host",
      variable: "FERROTUNNEL_REWRITE_HOST",
      kind: "text",
      meaning: "Host that an http service is given; the visitor's when left out",
    },
    {
      path: ["service", "mode"],
      flag: "--mode",
      argument: "mode",
      variable: "FERROTUNNEL_MODE",
      kind: "text",
      meaning:
        "How visitors of a tcp service are carried: multiplexed, or direct with a connection of their own each",
    },
    {
      path: ["service", "name"],
      flag: "--name",
      argument: "name",
      variable: "FERROTUNNEL_NAME",
      kind: "text",
      meaning: "Its name, unique on the server; made from the machine's name and the port when left out",
    },
    {
      path: ["tunnelId"],
      flag: "--tunnel-id",
      argument: "id",
      variable: "FERROTUNNEL_TUNNEL_ID",
      kind: "text",
    },
    ...TOKEN,
    {
      path: ["tls", "enabled"],
      flag: "--tls",
      variable: "FERROTUNNEL_TLS",
      kind: "boolean",
      meaning: "Speak TLS with the server",
    },
    ...TLS_FILES,
    {
      path: ["tls", "serverName"],
      flag: "--tls-server-name",
      argument: "name",
      variable: "FERROTUNNEL_TLS_SERVER_NAME",
      kind: "text",
    },
    {
      path: ["tls", "pins"],
      flag: "--pin",
      argument: "fingerprint",
      variable: "FERROTUNNEL_PINS",
      kind: "list",
      repeatable: true,
      meaning: "Speak TLS with the server that has the key with this fingerprint; may be repeated",
    },
    {
      path: ["tls", "skipVerify"],
      flag: "--tls-skip-verify",
      variable: "FERROTUNNEL_TLS_SKIP_VERIFY",
      kind: "boolean",
      meaning: "Take any server for the right one; only for one on this machine",
    },
    ...ADMIN_AND_LOG,
  ],
};

/** The variable that names a configuration file when `--config` is not given. */
export const CONFIG_VARIABLE = "FERROTUNNEL_CONFIG";

/**
 * Reads the text of a flag or variable. Text that does not fit its kind stays text, so that the schema's message
 * shows it.
 *
 * @param text What was given.
 * @param kind How to read it.
 */
export function readSetting(text: string, kind: SettingKind): unknown {
  switch (kind) {
    case "text":
      return text;
    case "number":
      return /^\d+$/.test(text) ? Number(text) : text;
    case "texts":
      return text.includes(",") ? readSetting(text, "list") : text;
    case "list":
      return text.split(",").map((part) => part.trim());
    case "boolean":
      if (/^(?:true|yes|on|1)$/i.test(text)) return true;
      return /^(?:false|no|off|0)$/i.test(text) ? false : text;
  }
}
