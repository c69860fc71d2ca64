/**
 * The server: takes clients, registers their services, and leads visitors to them.
 *
 * @module
 */
import { type Clock, systemClock } from "../clock.ts";
import { describeError } from "../errors.ts";
import { type Logger, loggerOrDefault } from "../log.ts";
import type { SessionEnd } from "../mux/session_types.ts";
import { Counters } from "../observe/counters.ts";
import type { Connection, Listener, Runtime, SocketAddress } from "../runtime/types.ts";
import type { HandshakeStatus, Register, RegisterAck } from "../wire/messages.ts";
import { addressGroup, Admission } from "./admission.ts";
import { AddressPenalties, Authenticator } from "./authenticator.ts";
import { createEnvironment, type TunnelEnvironment } from "./environment.ts";
import type { ServerEvent } from "./events.ts";
import {
  DEFAULT_ALLOW_PORTS,
  DEFAULT_SERVER_BIND,
  DEFAULT_SERVER_LIMITS,
  DEFAULT_SERVICE_HOST,
  type ServerLimits,
  type ServerOptions,
} from "./options.ts";
import { ServerSession, type ServerSessionHost } from "./server_session.ts";
import {
  type BindPort,
  type RegisterAnswer,
  ServiceBinder,
  type VisitorPort,
  type VisitorTarget,
} from "./service_binder.ts";
import { type Identity, sameIdentity } from "./services.ts";
import { SessionGroup } from "./session_group.ts";
import { formatAddress } from "../format_address.ts";
import type { ServerStatus } from "./status.ts";

/** What a server runs on. */
export interface ServerDependencies {
  readonly runtime: Runtime;
  /** Makes the function that binds public ports. */
  readonly ingress: (environment: TunnelEnvironment, limits: ServerLimits) => BindPort;
  readonly logger?: Logger;
  readonly clock?: Clock;
  readonly counters?: Counters;
  /** Told what happens; must not throw. */
  readonly onEvent?: (event: ServerEvent) => void;
}

/** A server. {@linkcode TunnelServer.start} binds its ports. */
export class TunnelServer implements ServerSessionHost {
  readonly environment: TunnelEnvironment;
  readonly limits: ServerLimits;
  readonly #options: ServerOptions;
  readonly #dependencies: ServerDependencies;
  readonly #logger: Logger;
  readonly #authenticator: Authenticator;
  readonly #penalties: AddressPenalties;
  readonly #admission: Admission;
  readonly #binder: ServiceBinder;
  readonly #bindPort: BindPort;
  /** Every connection of a client, authenticated or not, and what gives its place back. */
  readonly #connections = new Map<ServerSession, () => void>();
  /** Every client that is in, also one that is leaving. */
  readonly #clients = new Set<ServerSession>();
  /** Who has which tunnel id. A client that is leaving has none: its successor takes it. */
  readonly #sessions = new Map<string, ServerSession>();
  readonly #group = new SessionGroup();
  /** Clients that cannot name a service wait for the shared port with this. */
  readonly #unnamed = new Map<ServerSession, { target: () => VisitorTarget | undefined }>();
  #listener: Listener | undefined;
  #sharedPort: VisitorPort | undefined;
  #stopping: Promise<void> | undefined;

  /**
   * @param options What the server is told.
   * @param dependencies What it runs on.
   * @throws {TypeError} for tokens that cannot be used
   */
  constructor(options: ServerOptions, dependencies: ServerDependencies) {
    const { clock = systemClock, counters = new Counters() } = dependencies;
    this.#options = options;
    this.#dependencies = dependencies;
    this.#logger = loggerOrDefault(dependencies.logger);
    this.limits = { ...DEFAULT_SERVER_LIMITS, ...options.limits };
    this.environment = createEnvironment({ clock, counters, limits: this.limits });
    this.#authenticator = new Authenticator(options.tokens);
    this.#penalties = new AddressPenalties(clock);
    this.#admission = new Admission(this.limits);
    this.#bindPort = dependencies.ingress(this.environment, this.limits);
    this.#binder = new ServiceBinder({
      clock,
      bindPort: this.#bindPort,
      serviceHost: options.serviceHost ?? DEFAULT_SERVICE_HOST,
      publicHost: options.publicHost,
      allowPorts: options.allowPorts ?? DEFAULT_ALLOW_PORTS,
      maxServices: this.limits.maxServices,
      graceMs: this.limits.reclaimGraceMs,
      onReleased: ({ name, identity }) => {
        this.#emit({ type: "service_released", service: name, tunnelId: identity.tunnelId });
      },
    });
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

  /** Whether clients are taken. */
  get ready(): boolean {
    return this.#listener !== undefined && this.#stopping === undefined;
  }

  /** Binds the ports. @throws {TunnelError} `BIND` when one cannot be bound; then none is */
  async start(): Promise<void> {
    const { bind = DEFAULT_SERVER_BIND, tcpBind, tls } = this.#options;
    if (tcpBind !== undefined) {
      this.#sharedPort = await this.#bindPort(tcpBind, () => this.#binder.shared.target());
      this.#binder.sharedPortBound(this.#sharedPort.address);
    }
    try {
      this.#listener = await this.#dependencies.runtime.listen({
        ...bind,
        ...(tls === undefined ? {} : { tls }),
        admit: (remote) => this.#admit(remote),
        onConnection: (connection, leave) => this.#accept(connection, leave),
        onError: (error) => this.#logger.warn("Accepting clients: {error}", { error: describeError(error) }),
      });
    } catch (error) {
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
    const now = this.environment.clock.now();
    return {
      role: "server",
      address: formatAddress(this.address),
      sharedAddress: this.tcpAddress === undefined ? undefined : formatAddress(this.tcpAddress),
      stopping: this.#stopping !== undefined,
      unauthenticated: this.#admission.total,
      clients: [...this.#clients].map(({ session, since, identity }) => ({
        tunnelId: identity?.tunnelId ?? "",
        token: identity?.tokenName ?? "",
        remote: formatAddress(session.connection.remote),
        connectedForMs: Math.round(now - since),
        streams: session.streamCount,
        bufferedBytes: session.bufferedBytes,
        rttMs: session.rttMs,
        extended: session.extended,
      })),
      services: [...this.#binder.registry.claims()].map(({ name, identity, owner, binding }) => ({
        name,
        tunnelId: identity.tunnelId,
        online: owner !== undefined,
        address: binding === undefined
          ? undefined
          : binding.kind === "port"
          ? formatAddress(binding.port.address)
          : formatAddress(this.tcpAddress as SocketAddress),
      })),
    };
  }

  /** @inheritdoc */
  isShutOut(address: string): boolean {
    return this.#penalties.isShutOut(addressGroup(address));
  }

  /** @inheritdoc */
  checkToken(token: string, address: string): string | undefined {
    const name = this.#authenticator.check(token);
    if (name === undefined) this.#penalties.failed(addressGroup(address));
    return name;
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
  sessionOf(tunnelId: string): ServerSession | undefined {
    return this.#sessions.get(tunnelId);
  }

  /** @inheritdoc */
  isReserved(identity: Identity): boolean {
    for (const claim of this.#binder.registry.claims()) {
      if (claim.identity.tunnelId === identity.tunnelId && !sameIdentity(claim.identity, identity)) {
        return true;
      }
    }
    return false;
  }

  /** @inheritdoc */
  joined(session: ServerSession): void {
    const tunnelId = session.identity?.tunnelId ?? "";
    const { remote } = session.session.connection;
    this.#connections.get(session)?.();
    this.#clients.add(session);
    this.#sessions.set(tunnelId, session);
    this.counters.add("sessions_opened");
    this.#logger.info("Client {tunnelId} connected from {remote}", {
      tunnelId,
      remote: formatAddress(remote),
    });
    this.#emit({ type: "client_connected", tunnelId, remote });
    if (session.namesServices || this.#sharedPort === undefined) return;
    const holder = { target: (): VisitorTarget => ({ service: undefined, session }) };
    this.#unnamed.set(session, holder);
    this.#binder.shared.takeOrWait(holder);
  }

  /** @inheritdoc */
  refused(session: ServerSession, status: HandshakeStatus): void {
    const { remote } = session.session.connection;
    this.counters.add("handshakes_refused", { label: status });
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
    else if (this.#sessions.get(tunnelId) !== session) refusal = "The client is leaving";
    const { address, ...answer }: RegisterAnswer = refusal === undefined
      ? await this.#binder.register(session, message)
      : { type: "register_ack", publicUrl: refusal, status: "quota_exceeded" };
    if (address !== undefined) {
      this.#logger.info("Service {service} of {tunnelId} is at {address}", {
        service,
        tunnelId,
        address: formatAddress(address),
      });
      this.#emit({ type: "service_registered", service, tunnelId, address });
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
  leaving(session: ServerSession): void {
    if (!this.#forgetId(session)) return;
    this.#binder.registry.release(session);
    this.#leaveSharedPort(session);
  }

  /** @inheritdoc */
  left(session: ServerSession, end: SessionEnd): void {
    this.#connections.get(session)?.();
    this.#connections.delete(session);
    this.#group.ended(session.session);
    const { identity } = session;
    if (identity === undefined) return;
    const { tunnelId } = identity;
    this.#clients.delete(session);
    this.#forgetId(session);
    this.#binder.registry.orphan(session);
    this.#leaveSharedPort(session);
    this.counters.add("sessions_closed", { label: end.code });
    this.#logger.info("Client {tunnelId} disconnected: {reason}", { tunnelId, reason: end.message });
    this.#emit({ type: "client_disconnected", tunnelId, reason: end.message });
  }

  /** Frees the tunnel id of a session. @returns false when the session does not have it any more */
  #forgetId(session: ServerSession): boolean {
    const tunnelId = session.identity?.tunnelId ?? "";
    return this.#sessions.get(tunnelId) === session && this.#sessions.delete(tunnelId);
  }

  #leaveSharedPort(session: ServerSession): void {
    const holder = this.#unnamed.get(session);
    if (holder !== undefined) this.#binder.shared.leave(holder);
    this.#unnamed.delete(session);
  }

  /** A place among those that have not authenticated, held from before a TLS handshake until the token was checked. */
  #admit(remote: SocketAddress): (() => void) | undefined {
    const leave = this.#stopping === undefined
      ? this.#admission.enter(addressGroup(remote.hostname))
      : undefined;
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
    this.#binder.registry.clear();
    await this.#sharedPort?.close();
    const sessions = [...this.#connections.keys()];
    await this.#group.stop(sessions.map(({ session }) => session), {
      clock: this.environment.clock,
      drainTimeoutMs: this.limits.drainTimeoutMs,
      reason: "The server is stopping",
    });
    this.#logger.info("Stopped");
  }

  #emit(event: ServerEvent): void {
    this.#dependencies.onEvent?.(event);
  }
}
