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
import { Admission } from "./admission.ts";
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
import { formatAddress, type ServerStatus } from "./status.ts";

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
  readonly #sessions = new Map<string, ServerSession>();
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
        onConnection: (connection) => this.#accept(connection),
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
      clients: [...this.#sessions].map(([tunnelId, { session, since, identity }]) => ({
        tunnelId,
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
    return this.#penalties.isShutOut(address);
  }

  /** @inheritdoc */
  checkToken(token: string, address: string): string | undefined {
    const name = this.#authenticator.check(token);
    if (name === undefined) this.#penalties.failed(address);
    else this.#penalties.succeeded(address);
    return name;
  }

  /** @inheritdoc */
  hasRoom(): boolean {
    if (this.#sessions.size < this.limits.maxSessions) return true;
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
    const { address, ...answer }: RegisterAnswer = this.#stopping === undefined
      ? await this.#binder.register(session, message)
      : { type: "register_ack", publicUrl: "The server is stopping", status: "quota_exceeded" };
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
    this.#binder.registry.release(session);
  }

  /** @inheritdoc */
  left(session: ServerSession, end: SessionEnd): void {
    this.#connections.get(session)?.();
    this.#connections.delete(session);
    const { identity } = session;
    if (identity === undefined) return;
    const { tunnelId } = identity;
    if (this.#sessions.get(tunnelId) === session) this.#sessions.delete(tunnelId);
    this.#binder.registry.orphan(session);
    const holder = this.#unnamed.get(session);
    if (holder !== undefined) this.#binder.shared.leave(holder);
    this.#unnamed.delete(session);
    this.counters.add("sessions_closed", { label: end.code });
    this.#logger.info("Client {tunnelId} disconnected: {reason}", { tunnelId, reason: end.message });
    this.#emit({ type: "client_disconnected", tunnelId, reason: end.message });
  }

  #accept(connection: Connection): void {
    const leave = this.#stopping === undefined
      ? this.#admission.enter(connection.remote.hostname)
      : undefined;
    if (leave === undefined) {
      this.counters.add("connections_refused", { label: "unauthenticated" });
      return connection.close();
    }
    const session = new ServerSession(connection, this);
    this.#connections.set(session, leave);
  }

  async #stop(): Promise<void> {
    const { clock } = this.environment;
    await this.#listener?.close();
    this.#binder.registry.clear();
    await this.#sharedPort?.close();
    const sessions = [...this.#connections.keys()];
    const idle = Promise.all(sessions.map(({ session }) => session.drain("shutting_down")));
    let cancel = (): void => {};
    const deadline = new Promise<void>((resolve) => {
      cancel = clock.setTimer(resolve, this.limits.drainTimeoutMs);
    });
    await Promise.race([idle, deadline]);
    cancel();
    for (const { session } of sessions) session.close("The server is stopping");
    this.#logger.info("Stopped");
  }

  #emit(event: ServerEvent): void {
    this.#dependencies.onEvent?.(event);
  }
}
