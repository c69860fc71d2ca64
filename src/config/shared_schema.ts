/**
 * What the configurations of both roles have in common.
 *
 * @module
 */
import { z } from "zod";
import type { ClientLimits, ServerLimits } from "../tunnel/options.ts";
import { MAX_CREDIT } from "../wire/limits.ts";
import { address, choice, filePath, mapping, secret, wholeNumber, yesOrNo } from "./fields.ts";

/** What is logged. */
export const LOG_LEVELS = ["trace", "debug", "info", "warning", "error"] as const;
/** One of {@linkcode LOG_LEVELS}. */
export type LogLevelName = typeof LOG_LEVELS[number];
/** How it is written. */
export const LOG_FORMATS = ["text", "json"] as const;
/** One of {@linkcode LOG_FORMATS}. */
export type LogFormatName = typeof LOG_FORMATS[number];

/** Longest timer of a JavaScript runtime, in milliseconds: 24.8 days. Longer ones would fire at once. */
const MAX_TIMER_MS = 0x7fff_ffff;
/** More of anything counted would not fit into a process. */
export const MAX_COUNT = 1_000_000;
/** More bytes would not fit anywhere. */
export const MAX_BYTES = 1024 ** 4;

/** The file that holds the only token. */
export function tokenFileField(): z.ZodString {
  return filePath().describe("File with the token; line ends after it are ignored");
}

/** Where and how the program logs. */
export const logSchema = mapping({
  level: choice(LOG_LEVELS).describe("Least important records that are still logged").optional(),
  format: choice(LOG_FORMATS).describe("Lines for people (text) or one JSON object a line (json)").optional(),
}).describe("Log, written to standard error");

/** The admin endpoint. */
export const adminSchema = mapping({
  bind: address('an IP address and port such as "127.0.0.1:4040"', { ipOnly: true, allowPortZero: true })
    .describe("Where status and metrics are served; not served when left out").optional(),
  token: secret().describe("Token that admin requests must carry").optional(),
  tokenFile: filePath().describe("File with the token that admin requests must carry").optional(),
  allowRemote: yesOrNo()
    .describe("Whether `bind` may be an address that other machines reach; needs a token").optional(),
}).describe("Admin endpoint");

interface LimitField {
  readonly min: number;
  readonly max: number;
  readonly meaning: string;
}

const bytes = (meaning: string, min = 1024, max = MAX_BYTES): LimitField => ({ min, max, meaning });
const count = (meaning: string): LimitField => ({ min: 1, max: MAX_COUNT, meaning });
const duration = (meaning: string, min = 1): LimitField => ({ min, max: MAX_TIMER_MS, meaning });

/** Every limit of both roles, in the order of the documentation. */
export const LIMIT_FIELDS = {
  windowBytes: bytes("Bytes a peer may send on a new stream before it is given more", 1024, MAX_CREDIT),
  maxWindowBytes: bytes(
    "How far a stream's window may grow, in bytes; at least `windowBytes`",
    1024,
    MAX_CREDIT,
  ),
  sessionBufferBytes: bytes(
    "Bytes that may wait for slow readers in one session; beyond it, stalled streams are reset",
  ),
  processBufferBytes: bytes("The same for all sessions together"),
  maxStreams: count("Streams open at once in one session"),
  maxResetsPerSecond: count(
    "Streams that a peer may open and reset, at once and again with each second; beyond it its session ends",
  ),
  openTimeoutMs: duration("Milliseconds a stream waits for the peer to accept it"),
  heartbeatIntervalMs: duration("Milliseconds between heartbeats"),
  deadAfterMs: duration(
    "Milliseconds without a sign of the peer, or an answer to a heartbeat, after which a session is dead",
  ),
  writeStallTimeoutMs: duration("Milliseconds without being able to write after which a session is dead"),
  halfCloseLingerMs: duration("Milliseconds a half-closed stream may stand still before it is reset"),
  streamStallTimeoutMs: duration(
    "Milliseconds a stream's reader may take nothing although bytes wait, before the reset",
  ),
  handshakeTimeoutMs: duration("Milliseconds after which the handshake must be over"),
  drainTimeoutMs: duration("Milliseconds streams may go on after a stop was asked for", 0),
  maxConnections: count(
    "Visitors connected at once, over all ports; fewer where the system permits too few open files, of which 256 are kept for the rest",
  ),
  maxSessions: count("Clients connected at once"),
  maxSessionConnections: {
    min: 1,
    max: 64,
    meaning: "Parallel connections of one client; each counts in `maxSessions`",
  },
  maxDirectPool: {
    min: 1,
    max: 999,
    meaning: "Direct connections of one client that may wait for a visitor",
  },
  maxUnauthenticated: count("Connections that have not yet authenticated"),
  maxUnauthenticatedPerAddress: count("The same from one address; of IPv6, from one /64"),
  maxServices: count("Services that one client may register"),
  reclaimGraceMs: duration("Milliseconds the names and ports of a client that was lost are kept for it", 0),
  httpHeadTimeoutMs: duration(
    "Milliseconds from a request's first byte, or from the connection, to the end of its head; then 408",
  ),
  httpBodyIdleTimeoutMs: duration(
    "Milliseconds a body may stand still because the visitor sends or takes nothing of it",
  ),
  httpResponseTimeoutMs: duration(
    "Milliseconds a local service may take to begin its response once it has the request; then 504",
  ),
  httpKeepAliveMs: duration("Milliseconds a visitor's connection may wait for its next request"),
  httpIdleOriginMs: duration(
    "Milliseconds a stream to a local HTTP service may wait for its next request; shorter than the service allows",
  ),
  httpMaxIdleOrigins: count("Streams to one local HTTP service that may wait for their next request"),
  httpMaxRequests: count("Requests on one visitor's connection"),
  httpMaxStreams: count("Requests at once on one visitor's HTTP/2 connection"),
  httpMaxHeadBytes: bytes("Bytes of the head of a request (then 431) or of a response", 1024, 1024 ** 2),
  httpMaxHeaders: count("Header fields of a head; then 431"),
  httpMaxTargetBytes: bytes("Bytes of a request's target; then 414", 64, 1024 ** 2),
  httpMaxBodyBytes: bytes("Bytes of a request's body, then 413; 0 sets no limit", 0),
  pluginTimeoutMs: duration("Milliseconds a hook of a plugin may take; beyond it the plugin has failed"),
  connectTimeoutMs: duration("Milliseconds dialling the server may take"),
  localConnectTimeoutMs: duration("Milliseconds dialling a local service may take"),
  reconnectMinMs: duration("Milliseconds that bound the first wait before dialling again"),
  reconnectMaxMs: duration("Milliseconds up to which that bound doubles with every failure"),
  failbackIntervalMs: duration("Milliseconds between attempts to return to the first of several servers"),
  directIdleMs: duration(
    "Milliseconds after which a direct connection without a visitor is replaced, or up to a quarter earlier",
  ),
} as const satisfies Record<keyof ServerLimits | keyof ClientLimits, LimitField>;

type LimitsShape<Limits> = { [Name in keyof Limits]: z.ZodOptional<z.ZodInt> };

/**
 * The schema of a role's limits.
 *
 * @param defaults The role's limits; its keys are the keys of the schema.
 */
export function limitsSchema<Limits extends Partial<ServerLimits & ClientLimits>>(
  defaults: Limits,
): z.ZodObject<LimitsShape<Limits>, z.core.$strict> {
  const names = Object.keys(LIMIT_FIELDS) as (keyof typeof LIMIT_FIELDS)[];
  const fields = names.filter((name) => Object.hasOwn(defaults, name)).map((name) => {
    const { min, max, meaning } = LIMIT_FIELDS[name];
    return [name, wholeNumber(min, max).describe(meaning).optional()];
  });
  // The keys were taken from `Limits` just above, which Object.fromEntries cannot express.
  const shape = Object.fromEntries(fields) as LimitsShape<Limits>;
  return mapping(shape).describe("Limits and deadlines");
}
