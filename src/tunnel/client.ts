/**
 * The client: keeps connections to its server, for ever, and shows its services there.
 *
 * @module
 */
import { systemClock } from "../clock.ts";
import { TunnelError } from "../errors.ts";
import { formatAddress } from "../format_address.ts";
import { type Logger, loggerOrDefault } from "../log.ts";
import { Counters } from "../observe/counters.ts";
import type { Runtime, SocketAddress } from "../runtime/types.ts";
import { spawn } from "../spawn.ts";
import { MAX_DIRECT_POOL } from "../wire/capabilities.ts";
import type { ClientSession } from "./client_session.ts";
import type { ClientDependencies } from "./client_dependencies.ts";
import { connectionsStatus } from "./client_status.ts";
import { ConnectionKeeper, type Established, type KeeperHost } from "./connection_keeper.ts";
import { Dialler } from "./dialler.ts";
import { DirectDialler } from "./direct_dialler.ts";
import { createEnvironment, type TunnelEnvironment } from "./environment.ts";
import type { ClientEvent } from "./events.ts";
import { Failback, type FailbackHost } from "./failback.ts";
import { assertServices, introduce, type Introduction } from "./introduction.ts";
import {
  type ClientLimits,
  type ClientOptions,
  DEFAULT_CLIENT_LIMITS,
  DEFAULT_DIRECT_POOL,
  MAX_CONNECTIONS,
  type ServiceOptions,
} from "./options.ts";
import { Registrar, type RegistrarHost, type ServiceState } from "./registrar.ts";
import { RetryPolicy, type Verdict } from "./retry_policy.ts";
import { ServerChoice } from "./server_choice.ts";
import { serviceChanges } from "./service_changes.ts";
import { SessionGroup } from "./session_group.ts";
import { Splices } from "./splices.ts";
import type { ClientStatus } from "./status.ts";

export type { ServiceState } from "./registrar.ts";

/** The server at which the client is. */
interface Home {
  readonly server: SocketAddress;
  /** What the server calls all connections of this client. */
  readonly sessionId: string;
}

/** A client. {@linkcode TunnelClient.start} begins to dial. */
export class TunnelClient implements KeeperHost, RegistrarHost, FailbackHost {
  readonly environment: TunnelEnvironment;
  readonly limits: ClientLimits;
  readonly runtime: Runtime;
  readonly logger: Logger;
  readonly services: Map<string, ServiceOptions>;
  readonly dialler: Dialler;
  readonly random: (() => number) | undefined;
  /**
   * Resolves when the server has answered for every service for the first time. Rejects with a TunnelError when the
   * client gives up before.
   */
  readonly ready: Promise<readonly ServiceState[]>;
  /** Resolves when the client was stopped. Rejects with a TunnelError when it gave up, never for network trouble. */
  readonly closed: Promise<void>;
  readonly #ready = Promise.withResolvers<readonly ServiceState[]>();
  readonly #closed = Promise.withResolvers<void>();
  readonly #onEvent: ((event: ClientEvent) => void) | undefined;
  readonly #introduction: Introduction;
  readonly #servers: readonly SocketAddress[];
  readonly #choice: ServerChoice;
  readonly #policy: RetryPolicy;
  readonly #registrar: Registrar = new Registrar(this);
  /** The first finds the server; the others join it there. */
  readonly #keepers: readonly ConnectionKeeper[];
  readonly #group = new SessionGroup();
  readonly #splices: Splices;
  readonly #directPool: number;
  #dialler: DirectDialler | undefined;
  #home: Home | undefined;
  readonly #failback: Failback = new Failback(this);
  #stopping: Promise<void> | undefined;
  #over = false;
  /**
   * @param options What the client is told.
   * @param dependencies What it runs on.
   * @throws {TypeError} without servers or services, with a name used twice, with a name, token or service that cannot be
   * sent, or with a server that is neither verified nor on this machine
   * @throws {RangeError} for `connections` or `directPool` out of range
   */
  constructor(options: ClientOptions, dependencies: ClientDependencies) {
    const { runtime, clock = systemClock, counters = new Counters(), random } = dependencies;
    const { server, serverOrder = "in_order", connections = 1, directPool = DEFAULT_DIRECT_POOL } = options;
    assertCount("connections", connections, MAX_CONNECTIONS);
    assertCount("direct connections", directPool, MAX_DIRECT_POOL);
    this.#introduction = introduce(options, runtime.hostname());
    this.#onEvent = dependencies.onEvent;
    this.runtime = runtime;
    this.random = random;
    this.logger = loggerOrDefault(dependencies.logger);
    this.limits = { ...DEFAULT_CLIENT_LIMITS, ...options.limits };
    this.environment = createEnvironment({ clock, counters, limits: this.limits });
    this.services = new Map(options.services.map((service) => [service.name, service]));
    this.#splices = new Splices({ environment: this.environment, limits: this.limits });
    this.#directPool = directPool;
    this.#servers = "port" in server ? [server] : server;
    this.#choice = new ServerChoice({ servers: this.#servers, order: serverOrder, random });
    this.dialler = new Dialler({
      runtime,
      clock,
      logger: this.logger,
      timeoutMs: this.limits.connectTimeoutMs,
      servers: this.#servers,
      tls: options.tls,
      readTls: dependencies.readTls,
    });
    this.#policy = new RetryPolicy({
      servers: this.#servers.length,
      nextServer: () => this.#choice.failed(),
    });
    this.#keepers = Array.from({ length: connections }, (_, member) => new ConnectionKeeper(member, this));
    this.ready = this.#ready.promise;
    this.closed = this.#closed.promise;
    // Whoever cares awaits one of them; the other one must not end the process.
    this.ready.catch(() => {});
    this.closed.catch(() => {});
  }

  /** Counts of what happened. */
  get counters(): Counters {
    return this.environment.counters;
  }

  /** Whether the client is connected and the server has answered for its services. */
  get connected(): boolean {
    return this.#home !== undefined && this.#registrar.complete;
  }

  /** The id by which the server knows this client. */
  get tunnelId(): string {
    return this.#introduction.tunnelId;
  }

  /** Begins to dial, and to dial again whenever the connection is lost. */
  start(): void {
    this.dialler.warn();
    this.#first.start();
  }

  /**
   * Takes no new visitors, lets open streams go on until they end or `drainTimeoutMs` has passed, and closes everything.
   * Calling it again returns the same promise.
   */
  stop(): Promise<void> {
    return this.#stopping ??= this.#stop();
  }

  /**
   * Shows these services from now on, in place of those it has. Visitors of those that stay notice nothing. Resolves when the
   * server has answered, or at once without a connection.
   *
   * @throws {TypeError} for services that cannot be shown; then nothing has changed
   */
  async reload({ services }: Pick<ClientOptions, "services">): Promise<void> {
    assertServices(services);
    const changes = serviceChanges(this.services, services);
    for (const name of changes.removed) this.services.delete(name);
    for (const service of changes.changed) this.services.set(service.name, service);
    await this.#registrar.change(changes);
  }

  /** What the client is doing. */
  status(): ClientStatus {
    return {
      role: "client",
      server: formatAddress(this.#home?.server ?? this.#choice.current),
      servers: this.#servers.map(formatAddress),
      tunnelId: this.tunnelId,
      connected: this.connected,
      stopping: this.#stopping !== undefined,
      ...connectionsStatus(this.#keepers),
      direct: { idle: this.#dialler?.idle ?? 0, visitors: this.#splices.size },
      services: [...this.services.values()].map(({ name, local }) => {
        const { publicUrl, error } = this.#registrar.stateOf(name) ?? {};
        return { name, local: formatAddress(local), publicUrl, error };
      }),
    };
  }

  /** @inheritdoc */
  introductionOf({ member }: ConnectionKeeper): Introduction {
    const of = this.#keepers.length;
    const group = of === 1 ? undefined : { member, of };
    const direct = this.#wantsDirect ? { pool: this.#directPool } : undefined;
    return { ...this.#introduction, group, direct };
  }

  /** @inheritdoc */
  currentServer(): SocketAddress {
    return this.#home?.server ?? this.#choice.current;
  }

  /** @inheritdoc */
  serverHostname(): string {
    return this.currentServer().hostname;
  }

  /** @inheritdoc */
  established(keeper: ConnectionKeeper, { server, session, agreement }: Established): void {
    const { sessionId, group } = agreement;
    if (this.#home?.sessionId === sessionId && this.#home.server === server) {
      this.emit({ type: "member_joined", member: keeper.member });
      return this.#speakOn();
    }
    this.#policy.connected();
    this.#home = { server, sessionId };
    this.logger.info("Connected to {server} as {tunnelId}", {
      server: formatAddress(server),
      tunnelId: this.tunnelId,
    });
    this.emit({ type: "connected", server, sessionId });
    // What is connected elsewhere, or to what the server does not know any more, goes when the services are here.
    for (const other of this.#others(keeper)) {
      other.release();
      other.stop("The client is somewhere else");
    }
    this.#dialDirect(agreement.directPool);
    spawn(async () => {
      await this.#registrar.begin(session);
      for (const each of this.#keepers) each.retire();
    }, (error) => this.failed(error));
    if (this.#keepers.length > 1 && group === undefined) {
      this.logger.warn("{server} takes only one connection of a client", { server: formatAddress(server) });
    }
    for (const other of this.#keepers.slice(1, group?.of ?? 1)) other.start();
    if (keeper !== this.#first) this.#first.start();
    this.#failback.begin();
  }

  /** @inheritdoc */
  lost(keeper: ConnectionKeeper, session: ClientSession): boolean {
    const goOn = this.#stopping === undefined && !this.#over;
    if (this.#keepers.some(({ current }) => current !== undefined)) {
      if (session === this.#registrar.speaker) this.#speakOn();
      return goOn;
    }
    this.#home = undefined;
    this.#dialler?.stop();
    this.#registrar.clear();
    this.#failback.stop();
    this.#choice.newRound();
    for (const other of this.#keepers.slice(1)) {
      if (other !== keeper) other.stop("The client looks for a server");
    }
    if (keeper === this.#first || !goOn) return goOn;
    this.emit({ type: "disconnected", reason: "The last connection was lost", retryInMs: 0 });
    this.#first.hasten();
    return false;
  }

  /** @inheritdoc */
  dialFailed(keeper: ConnectionKeeper, error: unknown): Verdict {
    const searching = this.#home === undefined && keeper === this.#first;
    const verdict = this.#policy.failed(error, { searching });
    if (verdict === "never") this.failed(error);
    return verdict;
  }

  /** @inheritdoc */
  retrying({ member }: ConnectionKeeper, reason: string, retryInMs: number): void {
    this.logger.warn("{reason}; trying again in {seconds} s", {
      reason,
      seconds: (retryInMs / 1000).toFixed(1),
    });
    if (this.#home === undefined) this.emit({ type: "disconnected", reason, retryInMs });
    else this.emit({ type: "member_lost", member, reason, retryInMs });
  }

  /** @inheritdoc */
  preferredServer(): SocketAddress | undefined {
    return this.#choice.preferred;
  }

  /** @inheritdoc */
  connect(server: SocketAddress): Promise<Established> {
    return this.#first.connect(server);
  }

  /** @inheritdoc */
  moveTo(established: Established): void {
    this.#choice.newRound();
    this.#first.adopt(established);
  }

  /** @inheritdoc */
  directWanted(count: number): void {
    this.#dialler?.wanted(count);
  }

  /** @inheritdoc */
  ended({ session }: ClientSession): void {
    this.#group.ended(session);
  }

  /** @inheritdoc */
  answered(states: readonly ServiceState[]): void {
    this.#ready.resolve(states);
  }

  /** The client gives up. */
  failed(error: unknown): void {
    if (this.#over) return;
    this.#over = true;
    const failure = error instanceof Error ? error : new Error(String(error));
    this.#halt("The client gave up");
    this.#ready.reject(failure);
    this.#closed.reject(failure);
    for (const { current } of this.#keepers) current?.session.close("The client gave up");
  }

  /** @inheritdoc */
  emit(event: ClientEvent): void {
    this.#onEvent?.(event);
  }

  get #wantsDirect(): boolean {
    return [...this.services.values()].some((service) => service.kind === "tcp" && service.mode === "direct");
  }

  /** There is always one. */
  get #first(): ConnectionKeeper {
    return this.#keepers[0] as ConnectionKeeper;
  }

  #others(keeper: ConnectionKeeper): ConnectionKeeper[] {
    return this.#keepers.filter((other) => other !== keeper);
  }

  /** Services belong to all connections together; when the one on which they are asked for is lost, another takes over. */
  #speakOn(): void {
    const { speaker } = this.#registrar;
    if (speaker !== undefined && !speaker.session.over && this.#isCurrent(speaker)) return;
    const next = this.#keepers.find(({ current }) => current !== undefined)?.current;
    if (next !== undefined) spawn(() => this.#registrar.moveTo(next), (error) => this.failed(error));
  }

  #isCurrent(session: ClientSession): boolean {
    return this.#keepers.some(({ current }) => current === session);
  }

  #dialDirect(poolSize: number | undefined): void {
    this.#dialler?.stop();
    this.#dialler = undefined;
    if (!this.#wantsDirect || this.#home === undefined) return;
    if (poolSize === undefined) {
      this.logger.warn("{server} knows no direct mode; services with it are multiplexed", {
        server: formatAddress(this.#home.server),
      });
      return;
    }
    this.#dialler = new DirectDialler({
      host: this,
      introduction: this.#introduction,
      splices: this.#splices,
      home: this.#home,
      poolSize: Math.min(poolSize, this.#directPool),
    });
    this.#dialler.start();
  }

  #halt(reason: string): void {
    this.#failback.stop();
    this.#dialler?.stop();
    this.#registrar.stop();
    for (const keeper of this.#keepers) keeper.stop(reason);
  }

  async #stop(): Promise<void> {
    this.#halt("The client is stopping");
    const sessions = this.#keepers.flatMap((keeper) => keeper.sessions).map(({ session }) => session);
    const { clock } = this.environment;
    const { drainTimeoutMs } = this.limits;
    await Promise.all([
      this.#group.stop(sessions, { clock, drainTimeoutMs, reason: "The client is stopping" }),
      this.#splices.stop({ clock, drainTimeoutMs }),
    ]);
    this.#over = true;
    this.#ready.reject(new TunnelError("CLOSED", "The client was stopped"));
    this.#closed.resolve();
  }
}

function assertCount(what: string, count: number, max: number): void {
  if (Number.isInteger(count) && count >= 1 && count <= max) return;
  throw new RangeError(`A client has 1 to ${max} ${what}, not ${count}`);
}
