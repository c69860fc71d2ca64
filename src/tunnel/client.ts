/**
 * The client: keeps one connection to its server, for ever, and shows its services there.
 *
 * @module
 */
import { createHash, randomBytes } from "node:crypto";
import { type CancelTimer, type Clock, systemClock } from "../clock.ts";
import { describeError, TunnelError } from "../errors.ts";
import { type Logger, loggerOrDefault } from "../log.ts";
import type { SessionEnd } from "../mux/session_types.ts";
import { Counters } from "../observe/counters.ts";
import type { Runtime } from "../runtime/types.ts";
import { spawn } from "../spawn.ts";
import type { GoAwayCode } from "../wire/frame.ts";
import { MAX_NAME_BYTES } from "../wire/limits.ts";
import { assertToken } from "./authenticator.ts";
import { Backoff } from "./backoff.ts";
import {
  ClientSession,
  type ClientSessionHost,
  type Introduction,
  type Registration,
} from "./client_session.ts";
import { createEnvironment, type TunnelEnvironment } from "./environment.ts";
import type { ClientEvent } from "./events.ts";
import {
  type ClientLimits,
  type ClientOptions,
  DEFAULT_CLIENT_LIMITS,
  type ServiceOptions,
} from "./options.ts";
import { SessionGroup } from "./session_group.ts";
import { formatAddress, formatHost } from "../format_address.ts";
import type { ClientStatus } from "./status.ts";

/** What a client runs on. */
export interface ClientDependencies {
  readonly runtime: Runtime;
  readonly logger?: Logger;
  readonly clock?: Clock;
  readonly counters?: Counters;
  /** Told what happens; must not throw. */
  readonly onEvent?: (event: ClientEvent) => void;
  /** A number from 0 to 1, for the jitter. @default Math.random */
  readonly random?: () => number;
}

/** How a service stands at the server. */
export interface ServiceState {
  /** Name of the service. */
  readonly name: string;
  /** Where visitors reach it; undefined when it was refused, or when the server does not say. */
  readonly publicUrl: string | undefined;
  /** Why the server refused it. */
  readonly error: string | undefined;
}

/** A session that lasted so long was a success. */
const STABLE_MS = 30_000;
/** Waits after failures that time alone does not mend. */
const SLOW_RETRY_MS = 5_000;
/** Wait after another client took over, so that two do not evict each other without end. */
const REPLACED_RETRY_MS = 30_000;
/** How often a service that was refused because it is taken is asked for again. */
const REGISTER_AGAIN_MS = 15_000;

/** A client. {@linkcode TunnelClient.start} begins to dial. */
export class TunnelClient implements ClientSessionHost {
  readonly environment: TunnelEnvironment;
  readonly limits: ClientLimits;
  readonly runtime: Runtime;
  readonly logger: Logger;
  readonly services: ReadonlyMap<string, ServiceOptions>;
  /**
   * Resolves when the server has answered for every service for the first time. Rejects with a TunnelError when the
   * client gives up before.
   */
  readonly ready: Promise<readonly ServiceState[]>;
  /** Resolves when the client was stopped. Rejects with a TunnelError when it gave up, never for network trouble. */
  readonly closed: Promise<void>;
  readonly #options: ClientOptions;
  readonly #dependencies: ClientDependencies;
  readonly #introduction: Introduction;
  readonly #backoff: Backoff;
  readonly #states = new Map<string, ServiceState>();
  #current: ClientSession | undefined;
  /** Waits for the answer to its handshake. */
  #dialling: ClientSession | undefined;
  readonly #draining = new Set<ClientSession>();
  readonly #group = new SessionGroup();
  #connectedAt: number | undefined;
  #everConnected = false;
  #cancelTimer: CancelTimer = () => {};
  #cancelRegistering: CancelTimer = () => {};
  #stopping: Promise<void> | undefined;
  #over = false;
  #resolveReady: (states: readonly ServiceState[]) => void = () => {};
  #rejectReady: (error: Error) => void = () => {};
  #resolveClosed: () => void = () => {};
  #rejectClosed: (error: Error) => void = () => {};

  /**
   * @param options What the client is told.
   * @param dependencies What it runs on.
   * @throws {TypeError} without services, with a name used twice, or with a name or token that cannot be sent
   */
  constructor(options: ClientOptions, dependencies: ClientDependencies) {
    const { runtime, clock = systemClock, counters = new Counters(), random } = dependencies;
    if (options.services.length === 0) throw new TypeError("A client needs at least one service");
    assertToken(options.token);
    this.#options = options;
    this.#dependencies = dependencies;
    this.runtime = runtime;
    this.logger = loggerOrDefault(dependencies.logger);
    this.limits = { ...DEFAULT_CLIENT_LIMITS, ...options.limits };
    this.environment = createEnvironment({ clock, counters, limits: this.limits });
    this.services = new Map(options.services.map((service) => [service.name, service]));
    if (this.services.size < options.services.length) throw new TypeError("Two services have the same name");
    for (const name of this.services.keys()) assertSendable("service name", name);
    if (options.tunnelId !== undefined) assertSendable("tunnel id", options.tunnelId);
    this.#introduction = {
      token: options.token,
      tunnelId: options.tunnelId ?? defaultTunnelId(runtime.hostname(), options.services),
      instance: randomBytes(16).toString("hex"),
    };
    this.#backoff = new Backoff({
      minMs: this.limits.reconnectMinMs,
      maxMs: this.limits.reconnectMaxMs,
      stableMs: STABLE_MS,
      ...(random === undefined ? {} : { random }),
    });
    this.ready = new Promise((resolve, reject) => {
      this.#resolveReady = resolve;
      this.#rejectReady = reject;
    });
    this.closed = new Promise((resolve, reject) => {
      this.#resolveClosed = resolve;
      this.#rejectClosed = reject;
    });
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
    return this.#current !== undefined && this.#states.size === this.services.size;
  }

  /** The id by which the server knows this client. */
  get tunnelId(): string {
    return this.#introduction.tunnelId;
  }

  /** Begins to dial, and to dial again whenever the connection is lost. */
  start(): void {
    spawn(() => this.#dial(), (error) => this.#giveUp(error));
  }

  /**
   * Takes no new visitors, lets open streams go on until they end or `drainTimeoutMs` has passed, and closes everything.
   * Calling it again returns the same promise.
   */
  stop(): Promise<void> {
    return this.#stopping ??= this.#stop();
  }

  /** What the client is doing. */
  status(): ClientStatus {
    const session = this.#current?.session;
    return {
      role: "client",
      server: formatAddress(this.#options.server),
      tunnelId: this.tunnelId,
      connected: this.connected,
      stopping: this.#stopping !== undefined,
      streams: session?.streamCount ?? 0,
      bufferedBytes: session?.bufferedBytes ?? 0,
      rttMs: session?.rttMs,
      services: [...this.services.values()].map(({ name, local }) => {
        const { publicUrl, error } = this.#states.get(name) ?? {};
        return { name, local: formatAddress(local), publicUrl, error };
      }),
    };
  }

  /** @inheritdoc */
  goingAway(session: ClientSession, code: GoAwayCode): void {
    if (session !== this.#current || this.#stopping !== undefined) return;
    // Its streams go on while a new connection takes the new ones.
    this.#draining.add(session);
    this.#lost(`The server is ${code.replaceAll("_", " ")}`, code === "replaced" ? REPLACED_RETRY_MS : 0);
    spawn(async () => {
      await session.session.idle();
      session.session.close("The server is shutting down");
    }, () => {});
  }

  /** @inheritdoc */
  left(session: ClientSession, end: SessionEnd): void {
    this.#draining.delete(session);
    this.#group.ended(session.session);
    if (session === this.#current) this.#lost(end.message, 0);
  }

  async #dial(): Promise<void> {
    const { server, tls } = this.#options;
    let session: ClientSession | undefined;
    try {
      const connection = await this.runtime.connect({
        ...server,
        timeoutMs: this.limits.connectTimeoutMs,
        ...(tls === undefined ? {} : { tls }),
      });
      if (this.#stopping !== undefined) return connection.close();
      session = this.#dialling = new ClientSession(connection, this.#introduction, this);
      const sessionId = await session.handshake();
      if (this.#stopping !== undefined) return session.session.close("The client is stopping");
      if (!session.session.open) {
        session.session.close("The server went away");
        throw new TunnelError("CONNECTION", "The server went away right after the handshake");
      }
      this.#established(session, sessionId);
    } catch (error) {
      if (this.#stopping === undefined) this.#dialFailed(error);
    } finally {
      this.#dialling = undefined;
    }
  }

  #established(session: ClientSession, sessionId: string): void {
    const { server } = this.#options;
    this.#current = session;
    this.#everConnected = true;
    this.#connectedAt = this.environment.clock.now();
    this.counters.add("sessions_opened");
    this.logger.info("Connected to {server} as {tunnelId}", {
      server: formatAddress(server),
      tunnelId: this.tunnelId,
    });
    this.#emit({ type: "connected", server, sessionId });
    this.#states.clear();
    spawn(() => this.#registerAll(session, [...this.services.values()]), (error) => this.#giveUp(error));
  }

  async #registerAll(session: ClientSession, services: readonly ServiceOptions[]): Promise<void> {
    const again: ServiceOptions[] = [];
    await Promise.all(services.map(async (service) => {
      const registration = await session.register(service);
      if (session !== this.#current) return;
      this.#registered(service, registration);
      if (registration.temporary) again.push(service);
    }));
    if (session !== this.#current) return;
    this.#resolveReady([...this.#states.values()]);
    if (again.length === 0) return;
    this.#cancelRegistering = this.environment.clock.setTimer(
      () => spawn(() => this.#registerAll(session, again), (error) => this.#giveUp(error)),
      REGISTER_AGAIN_MS,
    );
  }

  #registered({ name }: ServiceOptions, { publicUrl, error }: Registration): void {
    const url = publicUrl === undefined
      ? undefined
      : withDialledHost(publicUrl, this.#options.server.hostname);
    this.#states.set(name, { name, publicUrl: url, error });
    if (error === undefined) {
      this.logger.info("Service {service} is at {publicUrl}", {
        service: name,
        publicUrl: url ?? "the server's own port",
      });
      this.#emit({ type: "service_ready", service: name, publicUrl: url });
    } else {
      this.counters.add("registrations_refused", { label: "by_server" });
      this.logger.error("The server refused service {service}: {reason}", { service: name, reason: error });
      this.#emit({ type: "service_refused", service: name, reason: error });
    }
  }

  #dialFailed(error: unknown): void {
    const code = error instanceof TunnelError ? error.code : "CONNECTION";
    // Time does not mend a version; a token only after it was right once, for it may be being rotated.
    if (code === "VERSION" || (code === "AUTHENTICATION" && !this.#everConnected)) return this.#giveUp(error);
    const atLeastMs = code === "AUTHENTICATION"
      ? REPLACED_RETRY_MS
      : code === "TAKEN" || code === "LIMIT"
      ? SLOW_RETRY_MS
      : 0;
    this.#retry(describeError(error), 0, atLeastMs);
  }

  #lost(reason: string, atLeastMs: number): void {
    const lastedMs = this.environment.clock.now() - (this.#connectedAt ?? Infinity);
    this.#current = undefined;
    this.#states.clear();
    this.#cancelRegistering();
    this.counters.add("sessions_closed", { label: "lost" });
    if (this.#stopping === undefined && !this.#over) this.#retry(reason, lastedMs, atLeastMs);
  }

  #retry(reason: string, lastedMs: number, atLeastMs: number): void {
    const retryInMs = Math.round(this.#backoff.failed(lastedMs, atLeastMs));
    this.counters.add("reconnects");
    this.logger.warn("{reason}; trying again in {seconds} s", {
      reason,
      seconds: (retryInMs / 1000).toFixed(1),
    });
    this.#emit({ type: "disconnected", reason, retryInMs });
    this.#cancelTimer = this.environment.clock.setTimer(() => this.start(), retryInMs);
  }

  #giveUp(error: unknown): void {
    if (this.#over) return;
    this.#over = true;
    const failure = error instanceof Error ? error : new Error(String(error));
    this.#cancelTimer();
    this.#cancelRegistering();
    this.#rejectReady(failure);
    this.#rejectClosed(failure);
    this.#current?.session.close("The client gave up");
  }

  async #stop(): Promise<void> {
    this.#cancelTimer();
    this.#cancelRegistering();
    this.#dialling?.session.close("The client is stopping");
    const sessions = [...this.#draining, ...(this.#current === undefined ? [] : [this.#current])];
    await this.#group.stop(sessions.map(({ session }) => session), {
      clock: this.environment.clock,
      drainTimeoutMs: this.limits.drainTimeoutMs,
      reason: "The client is stopping",
    });
    this.#over = true;
    this.#rejectReady(new TunnelError("CLOSED", "The client was stopped"));
    this.#resolveClosed();
  }

  #emit(event: ClientEvent): void {
    this.#dependencies.onEvent?.(event);
  }
}

/** What a name is made of is for the server to judge; this is what the wire can carry. */
function assertSendable(what: string, name: string): void {
  if (name.isWellFormed() && new TextEncoder().encode(name).length <= MAX_NAME_BYTES) return;
  throw new TypeError(`A ${what} must be well-formed text of at most ${MAX_NAME_BYTES} bytes`);
}

/** The same machine with the same services is the same client, also after a restart. */
function defaultTunnelId(hostname: string, services: readonly ServiceOptions[]): string {
  const text = services.map(({ name, local }) => `${name}=${formatAddress(local)}`).sort().join("\n");
  return `${hostname}-${createHash("sha256").update(text).digest("hex").slice(0, 8)}`;
}

/** A server that does not know its public name answers with the address it is bound to, which may be "any". */
function withDialledHost(publicUrl: string, hostname: string): string {
  const dialled = formatHost(hostname);
  return publicUrl.replace(/^(\w+:\/\/)(0\.0\.0\.0|\[::\])(?=[:/]|$)/, `$1${dialled}`);
}
