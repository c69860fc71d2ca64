/**
 * The server: takes clients, registers their services, and leads visitors to them.
 *
 * @module
 */
import { systemClock } from "../clock.ts";
import { describeError } from "../errors.ts";
import { type Logger, loggerOrDefault } from "../log.ts";
import type { SessionEnd } from "../mux/session_types.ts";
import { Counters } from "../observe/counters.ts";
import type { Connection, Listener, SocketAddress } from "../runtime/types.ts";
import type { HandshakeStatus, Register, RegisterAck } from "../wire/messages.ts";
import { Doorkeeper } from "./doorkeeper.ts";
import { DirectPool } from "./direct_pool.ts";
import { fingerprintOfCertificate } from "../trust/fingerprint.ts";
import { createEnvironment, type TunnelEnvironment } from "./environment.ts";
import type { ServerEvent } from "./events.ts";
import { type HttpPorts, makeHttpPorts } from "./http_ports.ts";
import {
  type CertificateOptions,
  DEFAULT_ALLOW_PORTS,
  DEFAULT_SERVER_BIND,
  DEFAULT_SERVER_LIMITS,
  DEFAULT_SERVICE_HOST,
  type ServerLimits,
  type ServerOptions,
  type TlsFiles,
} from "./options.ts";
import { type ClientTeam, ServerSession, type ServerSessionHost } from "./server_session.ts";
import { addressText, clientRows, serviceRows } from "./server_status.ts";
import { type RegisterAnswer, ServiceBinder } from "./service_binder.ts";
import { type Identity, sameIdentity } from "./services.ts";
import { SessionGroup } from "./session_group.ts";
import { Splices } from "./splices.ts";
import { formatAddress } from "../format_address.ts";
import type { ServerDependencies } from "./server_dependencies.ts";
import { type ServerChanges, ServerReload } from "./server_reload.ts";
import type { ServerStatus } from "./status.ts";
import { UnnamedClients } from "./unnamed_clients.ts";
import type { BindPort, VisitorPort } from "./visitors.ts";

/** A server. {@linkcode TunnelServer.start} binds its ports. */
export class TunnelServer implements ServerSessionHost {
  readonly environment: TunnelEnvironment;
  readonly limits: ServerLimits;
  readonly #options: ServerOptions;
  readonly #dependencies: ServerDependencies;
  readonly #logger: Logger;
  /** @inheritdoc */
  readonly doorkeeper: Doorkeeper;
  /** @inheritdoc */
  readonly binder: ServiceBinder;
  readonly #bindPort: BindPort;
  readonly #http: HttpPorts | undefined;
  /** Every connection of a client, authenticated or not, and what gives its place back. */
  readonly #connections = new Map<ServerSession, () => void>();
  /** Every connection that is in, also one that is leaving. */
  readonly #clients = new Set<ServerSession>();
  /** Who has which tunnel id. A client that is leaving has none: its successor takes it. */
  readonly #teams = new Map<string, ClientTeam>();
  readonly #group = new SessionGroup();
  readonly #splices: Splices;
  readonly #unnamed: UnnamedClients;
  readonly #reload: ServerReload;
  #listener: Listener | undefined;
  #tls: TlsFiles | undefined;
  /** Read from the certificate when it is first asked for: every proof of a key asks. */
  #fingerprint: string | undefined;
  #sharedPort: VisitorPort | undefined;
  #stopping: Promise<void> | undefined;

  /**
   * @param options What the server is told.
   * @param dependencies What it runs on.
   * @throws {TypeError} for tokens or HTTP options that cannot be used
   */
  constructor(options: ServerOptions, dependencies: ServerDependencies) {
    const { clock = systemClock, counters = new Counters() } = dependencies;
    this.#options = options;
    this.#tls = options.tls;
    this.#dependencies = dependencies;
    this.#logger = loggerOrDefault(dependencies.logger);
    this.limits = { ...DEFAULT_SERVER_LIMITS, ...options.limits };
    this.environment = createEnvironment({ clock, counters, limits: this.limits });
    this.#splices = new Splices({ environment: this.environment, limits: this.limits });
    const { tokens, keys } = options;
    this.doorkeeper = new Doorkeeper({ clock, tokens, keys, limits: this.limits });
    this.#bindPort = dependencies.ingress(this.environment, this.limits);
    this.#http = makeHttpPorts(options.http, () => dependencies.httpIngress?.(this.environment, this.limits));
    this.binder = new ServiceBinder({
      clock,
      bindPort: this.#bindPort,
      http: this.#http?.services,
      serviceHost: options.serviceHost ?? DEFAULT_SERVICE_HOST,
      publicHost: options.publicHost,
      allowPorts: options.allowPorts ?? DEFAULT_ALLOW_PORTS,
      maxServices: this.limits.maxServices,
      graceMs: this.limits.reclaimGraceMs,
      onReleased: ({ name, identity }) => {
        this.#emit({ type: "service_released", service: name, tunnelId: identity.tunnelId });
      },
    });
    this.#unnamed = new UnnamedClients({
      logger: this.#logger,
      shared: this.binder.shared,
      hasSharedPort: () => this.#sharedPort !== undefined,
      refusal: (session) => this.binder.refusalOfUnnamed(session),
      http: this.#http?.services,
    });
    const { doorkeeper, limits, binder } = this;
    const [unnamed, http, logger] = [this.#unnamed, this.#http, this.#logger];
    this.#reload = new ServerReload({ doorkeeper, limits, binder, unnamed, http, logger });
  }

  /** Counts of what happened. */
  get counters(): Counters {
    return this.environment.counters;
  }

  /** Where clients connect. @throws {TypeError} before `start` */
  get address(): SocketAddress {
    if (this.#listener === undefined) throw new TypeError("The server was not started");
    return this.#listener.address;
  }

  /** The shared public port, if there is one. */
  get tcpAddress(): SocketAddress | undefined {
    return this.#sharedPort?.address;
  }

  /** The HTTP port, if there is one. */
  get httpAddress(): SocketAddress | undefined {
    return this.#http?.addresses.http;
  }

  /** The HTTPS port, if there is one. */
  get httpsAddress(): SocketAddress | undefined {
    return this.#http?.addresses.https;
  }

  /** Fingerprint of the key by which clients know the server; undefined without TLS. */
  get fingerprint(): string | undefined {
    if (this.#tls?.cert === undefined) return undefined;
    return this.#fingerprint ??= fingerprintOfCertificate(this.#tls.cert);
  }

  /** Takes other TLS files for clients that connect from now on. @throws {TunnelError} `CONFIG`; then nothing has changed */
  setTls(files: TlsFiles): void {
    const { cert, key, ca } = { ...this.#tls, ...files };
    if (this.#tls === undefined || cert === undefined || key === undefined) {
      throw new TypeError("Only a server that speaks TLS takes other TLS files");
    }
    this.#listener?.setIdentities?.([{ cert, key }], ca === undefined ? {} : { ca });
    this.#tls = { ...this.#tls, ...files };
    this.#fingerprint = undefined;
  }

  /** See {@linkcode HttpPorts.setCertificates}. */
  setCertificates(certificates: readonly CertificateOptions[]): void {
    this.#http?.setCertificates(certificates);
  }

  /**
   * Takes other tokens, keys, rules and limits while it runs. Clients that have what is not permitted any more are told so
   * and disconnected; everybody else notices nothing. See {@linkcode ServerReload.take} for what it throws.
   */
  reload(changes: ServerChanges): Promise<void> {
    return this.#reload.take(changes);
  }

  /** Whether clients are taken. */
  get ready(): boolean {
    return this.#listener !== undefined && this.#stopping === undefined;
  }

  /** Binds the ports. @throws {TunnelError} `BIND` when one cannot be bound; then none is */
  async start(): Promise<void> {
    const { bind = DEFAULT_SERVER_BIND, tcpBind, tls } = this.#options;
    if (tcpBind !== undefined) {
      this.#sharedPort = await this.#bindPort(tcpBind, () => this.binder.shared.target());
      this.binder.sharedPortBound(this.#sharedPort.address);
    }
    try {
      await this.#http?.start();
      this.#listener = await this.#dependencies.runtime.listen({
        ...bind,
        ...(tls === undefined ? {} : { tls }),
        admit: (remote) => this.#admit(remote),
        onConnection: (connection, leave) => this.#accept(connection, leave),
        onError: (error) => this.#logger.warn("Accepting clients: {error}", { error: describeError(error) }),
      });
    } catch (error) {
      await this.#http?.close();
      await this.#sharedPort?.close();
      throw error;
    }
    this.#logger.info("Listening for clients on {address}", { address: formatAddress(this.address) });
  }

  /**
   * Takes no more clients and visitors at once, lets open streams go on until they end or `drainTimeoutMs` has passed, and
   * closes everything. Calling it again returns the same promise.
   */
  stop(): Promise<void> {
    return this.#stopping ??= this.#stop();
  }

  /** What the server is doing. */
  status(): ServerStatus {
    return {
      role: "server",
      address: formatAddress(this.address),
      sharedAddress: addressText(this.tcpAddress),
      httpAddress: addressText(this.httpAddress),
      httpsAddress: addressText(this.httpsAddress),
      stopping: this.#stopping !== undefined,
      unauthenticated: this.doorkeeper.unauthenticated,
      clients: clientRows({ sessions: this.#clients, now: this.environment.clock.now() }),
      services: serviceRows(this.binder),
    };
  }

  /** @inheritdoc */
  hasRoom(): boolean {
    // A client that is told to try again finds whoever serves here next.
    if (this.#stopping !== undefined) return false;
    if (this.#clients.size < this.limits.maxSessions) return true;
    this.counters.add("limits_hit", { label: "max_sessions" });
    return false;
  }

  /** @inheritdoc */
  teamOf(tunnelId: string): ClientTeam | undefined {
    return this.#teams.get(tunnelId);
  }

  /** @inheritdoc */
  isReserved(identity: Identity): boolean {
    for (const { identity: other } of this.binder.registry.claims()) {
      if (other.tunnelId === identity.tunnelId && !sameIdentity(other, identity)) return true;
    }
    return false;
  }

  /** @inheritdoc */
  directPool(team: ClientTeam, poolSize: number): DirectPool {
    const { maxDirectPool, maxStreams, openTimeoutMs } = this.limits;
    return new DirectPool({
      environment: this.environment,
      maxIdle: Math.min(poolSize, maxDirectPool),
      maxVisitors: maxStreams,
      openTimeoutMs,
      lackOfRoom: () => team.pick()?.lackOfRoom(),
      pacers: () => team.pick()?.grant?.pacers,
      ask: (count) => team.pick()?.session.send({ type: "direct_wanted", count }),
      join: (options) => this.#splices.join(options),
    });
  }

  /** @inheritdoc */
  joined(session: ServerSession): void {
    const tunnelId = session.identity?.tunnelId ?? "";
    const { remote } = session.session.connection;
    this.#connections.get(session)?.();
    this.#clients.add(session);
    if (session.team !== undefined) this.#teams.set(tunnelId, session.team);
    this.counters.add("sessions_opened");
    this.#logger.info("Client {tunnelId} connected from {remote}", {
      tunnelId,
      remote: formatAddress(remote),
    });
    this.#emit({ type: "client_connected", tunnelId, remote });
    if (!session.namesServices) this.#unnamed.joined(session);
  }

  /** @inheritdoc */
  refused(session: ServerSession, status: HandshakeStatus, reason?: string): void {
    const { remote } = session.session.connection;
    this.counters.add("handshakes_refused", { label: status });
    if (reason !== undefined) this.#logger.warn("A client is not taken: {reason}", { reason });
    // One line with the bare address at its end, so that fail2ban and its kin can read it.
    this.#logger.warn("Refused handshake: {status} from {address}", { status, address: remote.hostname });
    this.#emit({ type: "client_refused", remote, reason: status });
  }

  /** @inheritdoc */
  async register(session: ServerSession, message: Register): Promise<RegisterAck> {
    const service = message.serviceName;
    const tunnelId = session.identity?.tunnelId ?? "";
    let refusal: string | undefined;
    if (this.#stopping !== undefined) refusal = "The server is stopping";
    // Its successor may have registered the name meanwhile.
    else if (this.#teams.get(tunnelId) !== session.team) refusal = "The client is leaving";
    const { place, ...answer }: RegisterAnswer = refusal === undefined
      ? await this.binder.register(session, message)
      : { type: "register_ack", publicUrl: refusal, status: "quota_exceeded" };
    if (place !== undefined) {
      this.#logger.info("Service {service} of {tunnelId} is at {address}", {
        service,
        tunnelId,
        address: message.protocol === "http" ? place.publicUrl : formatAddress(place.address),
      });
      const { address, publicUrl } = place;
      this.#emit({ type: "service_registered", service, tunnelId, address, publicUrl });
    } else {
      this.counters.add("registrations_refused", { label: answer.status });
      this.#logger.warn("Refused service {service} of {tunnelId}: {reason}", {
        service,
        tunnelId,
        reason: answer.publicUrl,
      });
      this.#emit({ type: "service_refused", service, tunnelId, reason: answer.publicUrl });
    }
    return answer;
  }

  /** @inheritdoc */
  leaving(session: ServerSession, returns = false): void {
    const { team } = session;
    if (team === undefined || !team.remove(session) || team.size > 0) return;
    team.direct?.close();
    if (!this.#forgetId(team)) return;
    this.binder.registry[returns ? "orphan" : "release"](team);
    this.#unnamed.left(session);
  }

  /** @inheritdoc */
  left(session: ServerSession, end: SessionEnd): void {
    this.#connections.get(session)?.();
    this.#connections.delete(session);
    this.#group.ended(session.session);
    const { team } = session;
    if (team === undefined) return;
    const { tunnelId } = team.identity;
    this.#clients.delete(session);
    this.#unnamed.left(session);
    if (team.remove(session) && team.size === 0) {
      team.direct?.close();
      this.#forgetId(team);
      this.binder.registry.orphan(team);
    }
    this.counters.add("sessions_closed", { label: end.code });
    this.#logger.info("Client {tunnelId} disconnected: {reason}", { tunnelId, reason: end.message });
    this.#emit({ type: "client_disconnected", tunnelId, reason: end.message });
  }

  /** Frees the tunnel id of a client. @returns false when that client does not have it any more */
  #forgetId(team: ClientTeam): boolean {
    const { tunnelId } = team.identity;
    return this.#teams.get(tunnelId) === team && this.#teams.delete(tunnelId);
  }

  /** A place among those that have not authenticated, held from before a TLS handshake until the token was checked. */
  #admit(remote: SocketAddress): (() => void) | undefined {
    const leave = this.#stopping === undefined ? this.doorkeeper.enter(remote.hostname) : undefined;
    if (leave === undefined) this.counters.add("connections_refused", { label: "unauthenticated" });
    return leave;
  }

  #accept(connection: Connection, leave = this.#admit(connection.remote)): void {
    if (leave === undefined) return connection.close();
    if (this.#stopping !== undefined) {
      leave();
      return connection.close();
    }
    const session = new ServerSession(connection, this);
    this.#connections.set(session, leave);
  }

  async #stop(): Promise<void> {
    for (const { identity, session } of this.#connections.keys()) {
      if (identity === undefined) session.close("The server is stopping");
    }
    await this.#listener?.close();
    this.binder.registry.clear();
    await this.#http?.close();
    await this.#sharedPort?.close();
    const sessions = [...this.#connections.keys()].map(({ session }) => session);
    for (const { direct } of this.#teams.values()) direct?.close();
    const drain = { clock: this.environment.clock, drainTimeoutMs: this.limits.drainTimeoutMs };
    await Promise.all([
      this.#group.stop(sessions, { ...drain, reason: "The server is stopping" }),
      this.#splices.stop(drain),
    ]);
    this.doorkeeper.grants.close();
    await this.#dependencies.onStopped?.();
    this.#logger.info("Stopped");
  }

  #emit(event: ServerEvent): void {
    this.#dependencies.onEvent?.(event);
  }
}
