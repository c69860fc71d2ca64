/**
 * A reverse tunnel: shows a service behind NAT to the world. This is the library that the `ferrotunnel` command itself uses.
 *
 * A server has a public address; a client next to the service dials it and keeps one connection open; every visitor of a public
 * port becomes a stream inside that connection.
 *
 * @example
 * ```ts
 * import { startClient, startServer } from "@ferrotunnel/ferrotunnel";
 *
 * const token = "correct horse battery staple";
 * const server = await startServer({
 *   bind: { hostname: "127.0.0.1", port: 0 },
 *   serviceHost: "127.0.0.1",
 *   tokens: [{ name: "example", token }],
 * });
 * const client = startClient({
 *   server: server.address,
 *   token,
 *   services: [{ name: "web", kind: "tcp", local: { hostname: "127.0.0.1", port: 8080 }, remotePort: 0 }],
 * });
 * const [web] = await client.ready;
 * console.log(web?.publicUrl); // tcp://127.0.0.1:49152, for instance
 * await client.stop();
 * await server.stop();
 * ```
 *
 * @module
 */
export { type RunningServer, startServer, type StartServerOptions } from "./src/app/server.ts";
export { type RunningClient, startClient, type StartClientOptions } from "./src/app/client.ts";
export type { ServiceState } from "./src/tunnel/client.ts";
export type { ReadTlsFiles } from "./src/tunnel/dialler.ts";
export type { ServerChanges } from "./src/tunnel/server_reload.ts";
export type { ClientEvent, ServerEvent } from "./src/tunnel/events.ts";
export type { ClientStatus, ServerStatus } from "./src/tunnel/status.ts";
export {
  type CertificateOptions,
  type ClientLimits,
  type ClientOptions,
  DEFAULT_CLIENT_LIMITS,
  DEFAULT_SERVER_LIMITS,
  type HeaderRules,
  type HstsOptions,
  HTTP_SERVICE_PROTOCOLS,
  type HttpServerOptions,
  type HttpServiceOptions,
  type HttpServicePolicy,
  type HttpServiceProtocol,
  type HttpsOptions,
  type KeyOptions,
  type Limits,
  type PortRange,
  type ScopeOptions,
  SERVER_ORDERS,
  type ServerLimits,
  type ServerOptions,
  type ServerOrder,
  SERVICE_KINDS,
  SERVICE_MODES,
  type ServiceBase,
  type ServiceKind,
  type ServiceMode,
  type ServiceOptions,
  type TcpServiceOptions,
  type TlsFiles,
  type TokenOptions,
} from "./src/tunnel/options.ts";
export { HeaderList } from "./src/http/header_list.ts";
export type { ListedLines } from "./src/http/header_list.ts";
export type { Lines } from "./src/http/field_lines.ts";
export type { HeaderField } from "./src/http/types.ts";
export { basicAuth, type BasicAuthOptions } from "./src/plugins/basic.ts";
export { circuitBreaker, type CircuitBreakerOptions } from "./src/plugins/breaker.ts";
export { type HeaderEdits, headers, type HeadersOptions } from "./src/plugins/headers.ts";
export { ipFilter, type IpFilterOptions } from "./src/plugins/ip.ts";
export { requestLog, type RequestLogOptions } from "./src/plugins/log.ts";
export { modulePlugin, type ModulePluginOptions, type PluginModule } from "./src/plugins/module.ts";
export { hashPassword, type ScryptCost } from "./src/plugins/password.ts";
export { rateLimit, type RateLimitOptions } from "./src/plugins/rate_limit.ts";
export { tokenAuth, type TokenAuthOptions } from "./src/plugins/token.ts";
export type {
  BodyTransform,
  Plugin,
  PluginAnswer,
  PluginContext,
  PluginFactory,
  PluginRequest,
  PluginResponse,
  RequestOutcome,
  RequestVerdict,
  ResponseVerdict,
} from "./src/plugins/types.ts";
export { ProtocolError, TunnelError, type TunnelErrorCode, type TunnelErrorOptions } from "./src/errors.ts";
export { type CounterName, COUNTERS, Counters } from "./src/observe/counters.ts";
export { type CancelTimer, type Clock, systemClock } from "./src/clock.ts";
export type { Logger, LogProperties } from "./src/log.ts";
export type {
  Connection,
  ConnectionHandler,
  ConnectOptions,
  ConnectTlsOptions,
  Listener,
  ListenOptions,
  ListenTlsOptions,
  Runtime,
  ServeHttpOptions,
  Signal,
  SocketAddress,
  TlsIdentity,
  TlsOptions,
} from "./src/runtime/types.ts";
export { VERSION } from "./src/version.ts";
