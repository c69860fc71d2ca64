/**
 * Visitors over HTTP: every request is led to the service that has its host and path.
 *
 * @module
 */
import type { CancelTimer } from "../../clock.ts";
import { describeError } from "../../errors.ts";
import { isSame } from "../../is_same.ts";
import type { Logger } from "../../log.ts";
import type { PluginKeeper } from "../../plugins/plugin_keeper.ts";
import type { PreparedPlugins } from "../../plugins/types.ts";
import type { Connection, ConnectionHandler, Listener, Runtime } from "../../runtime/types.ts";
import type { TunnelEnvironment } from "../../tunnel/environment.ts";
import type {
  HttpIngress as HttpIngressOfServer,
  HttpPortOptions,
  HttpPortRules,
  HttpVisitorPort,
} from "../../tunnel/http_ingress.ts";
import type { HttpServerOptions, ServerLimits } from "../../tunnel/options.ts";
import type { VisitorPlaces } from "../visitor_places.ts";
import { withEntrance } from "./http2_entrance.ts";
import { Http2Origins } from "./http2_origins.ts";
import { Http2Visitor } from "./http2_visitor.ts";
import { OriginPools } from "./origin_pool.ts";
import type { HttpPort } from "./port.ts";
import { headLimitsOf, type HttpSettings, httpSettings } from "./settings.ts";
import type { Visitor } from "./visitor.ts";
import { VisitorConnection } from "./visitor_connection.ts";

/** Longest time between two rounds of the timer. */
const MAX_ROUND_MS = 500;

/** What is spoken with visitors over TLS, best first. */
const PROTOCOLS = ["h2", "http/1.1"];

/** Options of an {@linkcode HttpIngress}. */
export interface HttpIngressOptions {
  readonly runtime: Runtime;
  readonly environment: TunnelEnvironment;
  readonly logger: Logger;
  /** Changed in place; a port takes them when it is bound, and when it is told other rules. */
  readonly limits: ServerLimits;
  /** What else sees requests. @default nothing */
  readonly plugins?: Pick<PluginKeeper, "registry" | "prepare">;
  /** Shared by all ingresses of a server. */
  readonly places: VisitorPlaces;
}

/** Takes visitors on HTTP ports. */
export class HttpIngress implements HttpIngressOfServer {
  readonly #options: HttpIngressOptions;
  /** The limits as the ports have them: one value until another is taken. */
  #limits: ServerLimits;
  #origins: OriginPools;
  #http2Origins: Http2Origins;
  readonly #places: VisitorPlaces;
  readonly #connections = new Set<Visitor>();
  #roundMs: number;
  #openPorts = 0;
  #cancelTimer: CancelTimer | undefined;
  #lastRoundAt = 0;

  /** @param options What it runs on. */
  constructor(options: HttpIngressOptions) {
    this.#options = options;
    this.#places = options.places;
    this.#limits = { ...options.limits };
    this.#origins = this.#newOrigins();
    this.#http2Origins = this.#newHttp2Origins();
    this.#roundMs = roundMsOf(this.#limits);
  }

  /** Names of the plugins that services may ask for. */
  get plugins(): ReadonlySet<string> {
    return this.#options.plugins?.registry?.names ?? new Set();
  }

  /** @inheritdoc */
  async prepare(http: HttpServerOptions, limits: ServerLimits): Promise<PreparedPlugins> {
    const prepared = await this.#options.plugins?.prepare(http, limits.pluginTimeoutMs);
    return prepared ?? { names: this.plugins, take: () => {}, discard: () => Promise.resolve() };
  }

  /** Visitors now. */
  get connections(): number {
    return this.#connections.size;
  }

  /** Streams to local services that wait for their next request. */
  get idleOrigins(): number {
    return this.#origins.idleCount;
  }

  /** @inheritdoc */
  async bind(options: HttpPortOptions): Promise<HttpVisitorPort> {
    const { logger, runtime } = this.#options;
    const { address, https } = options;
    const { port, change, stop } = this.#port(options);
    const listener: Listener = await runtime.listen({
      ...address,
      ...(https === undefined ? {} : {
        tls: { identities: https.certificates, minVersion: "TLSv1.2", alpn: PROTOCOLS },
        // A handshake takes a visitor's place: silent ones are bounded as silent visitors are.
        admit: () => this.#enter(),
      }),
      onConnection: (connection, leave) => this.#visit(connection, port, leave),
      onError: (error) => {
        logger.warn("Accepting visitors: {error}", { error: describeError(error) });
        this.#places.acceptFailed(error);
      },
    });
    this.#openPorts++;
    return {
      address: listener.address,
      setCertificates: listener.setIdentities,
      change,
      close: async () => {
        stop();
        await listener.close();
      },
    };
  }

  /** What the exchanges of a port share, and what changes it. */
  #port(options: HttpPortOptions): { port: HttpPort; change: HttpVisitorPort["change"]; stop: () => void } {
    const { environment, logger } = this.#options;
    const scheme = options.https === undefined ? "http" as const : "https" as const;
    const settingsOf = (rules: HttpPortRules): HttpSettings =>
      httpSettings(rules, { limits: this.#limits, plugins: this.#options.plugins?.registry, scheme });
    const origins = (): OriginPools => this.#origins;
    const http2Origins = (): Http2Origins => this.#http2Origins;
    let settings = settingsOf(options);
    let stopping = false;
    const port: HttpPort = {
      ...{ environment, logger, routes: options.routes, scheme },
      get settings() {
        return settings;
      },
      get origins() {
        return origins();
      },
      get http2Origins() {
        return http2Origins();
      },
      get stopping() {
        return stopping;
      },
    };
    const change = (rules: HttpPortRules): void => {
      this.#takeLimits();
      settings = settingsOf(rules);
    };
    const stop = (): void => {
      if (stopping) return;
      stopping = true;
      if (--this.#openPorts === 0) {
        this.#origins.close();
        this.#http2Origins.close();
      }
      this.#rest();
      for (const visitor of this.#connections) if (visitor.port === port) visitor.leave();
    };
    return { port, change, stop };
  }

  /** Takes the limits as they are now. Streams to services that know others are not used for new requests. */
  #takeLimits(): void {
    const before = this.#limits;
    const limits = { ...this.#options.limits };
    if (isSame(before, limits)) return;
    this.#limits = limits;
    this.#roundMs = roundMsOf(limits);
    if (ORIGIN_LIMITS.every((name) => before[name] === limits[name])) return;
    this.#origins.close();
    this.#http2Origins.close();
    this.#origins = this.#newOrigins();
    this.#http2Origins = this.#newHttp2Origins();
  }

  #newOrigins(): OriginPools {
    const limits = this.#limits;
    return new OriginPools({
      pool: this.#options.environment.pool,
      headLimits: headLimitsOf(limits),
      maxIdle: limits.httpMaxIdleOrigins,
      idleMs: limits.httpIdleOriginMs,
    });
  }

  #newHttp2Origins(): Http2Origins {
    return new Http2Origins({
      headLimits: headLimitsOf(this.#limits),
      idleMs: this.#limits.httpIdleOriginMs,
    });
  }

  /** A place for one more visitor. @returns gives it back */
  #enter(): (() => void) | undefined {
    if (this.#places.enter() !== undefined) return undefined;
    let here = true;
    return () => {
      if (here) this.#places.leave();
      here = false;
    };
  }

  #visit(connection: Connection, port: HttpPort, leave = this.#enter()): void {
    if (leave === undefined) return connection.reset();
    this.#options.environment.counters.add("visitors_accepted");
    const onClosed = (visitor: Visitor): void => {
      // The place is held until the socket is really closed, not until somebody asked for that.
      leave();
      this.#left(visitor);
    };
    const speakHttp2 = (): ConnectionHandler => {
      const visitor = new Http2Visitor(connection, port, onClosed);
      this.#connections.add(visitor);
      return visitor.handler;
    };
    if (connection.alpn === "h2") connection.start(speakHttp2());
    else if (port.scheme === "https") {
      this.#connections.add(new VisitorConnection(connection, port, onClosed));
    } else this.#visitPlainly(connection, port, { speakHttp2, onClosed });
    this.#schedule();
  }

  /** A visitor that may speak HTTP/2 without having said so before. */
  #visitPlainly(
    connection: Connection,
    port: HttpPort,
    options: { speakHttp2: () => ConnectionHandler; onClosed: (visitor: Visitor) => void },
  ): void {
    let isHttp2 = false;
    const entrance = withEntrance(connection, () => {
      isHttp2 = true;
      return options.speakHttp2();
    });
    this.#connections.add(
      new VisitorConnection(entrance, port, (visitor) => {
        if (isHttp2) this.#connections.delete(visitor);
        else options.onClosed(visitor);
      }),
    );
  }

  #left(visitor: Visitor): void {
    this.#connections.delete(visitor);
    this.#rest();
  }

  /** Whether there is somebody whose time is measured. */
  get #isBusy(): boolean {
    return this.#connections.size > 0 || this.#origins.busy || this.#http2Origins.busy;
  }

  /** Stops the timer when nobody needs it. */
  #rest(): void {
    if (this.#isBusy) return;
    this.#cancelTimer?.();
    this.#cancelTimer = undefined;
  }

  /** The timer runs while there is somebody whose time it measures. */
  #schedule(): void {
    if (this.#cancelTimer !== undefined) return;
    const { clock } = this.#options.environment;
    this.#lastRoundAt = clock.now();
    const round = (): void => {
      const now = clock.now();
      // After a blocked event loop this comes before the bytes that wait in the kernel: such a time counts as one round.
      const elapsedMs = Math.min(now - this.#lastRoundAt, this.#roundMs * 2);
      this.#lastRoundAt = now;
      this.#cancelTimer = undefined;
      this.#origins.sweep(elapsedMs);
      this.#http2Origins.sweep(elapsedMs);
      for (const visitor of [...this.#connections]) visitor.sweep(elapsedMs);
      if (this.#isBusy) this.#cancelTimer = clock.setTimer(round, this.#roundMs);
    };
    this.#cancelTimer = clock.setTimer(round, this.#roundMs);
  }
}

/** Limits that streams to local services know. */
const ORIGIN_LIMITS = [
  "httpMaxHeadBytes",
  "httpMaxHeaders",
  "httpMaxTargetBytes",
  "httpMaxIdleOrigins",
  "httpIdleOriginMs",
] as const;

/** Short enough for the shortest deadline. */
function roundMsOf(limits: ServerLimits): number {
  const shortest = Math.min(
    limits.httpHeadTimeoutMs,
    limits.httpBodyIdleTimeoutMs,
    limits.httpResponseTimeoutMs,
    limits.httpKeepAliveMs,
    limits.httpIdleOriginMs,
  );
  return Math.min(MAX_ROUND_MS, Math.max(10, shortest / 4));
}
