/**
 * Visitors over HTTP: every request is led to the service that has its host and path.
 *
 * @module
 */
import { BlockList, isIP } from "node:net";
import type { CancelTimer } from "../../clock.ts";
import { describeError } from "../../errors.ts";
import type { HeadLimits } from "../../http/head_limits.ts";
import type { Logger } from "../../log.ts";
import type { PluginRegistry } from "../../plugins/registry.ts";
import type { Connection, ConnectionHandler, Listener, Runtime } from "../../runtime/types.ts";
import type { TunnelEnvironment } from "../../tunnel/environment.ts";
import type { HttpIngress as HttpIngressOfServer, HttpPortOptions } from "../../tunnel/http_ingress.ts";
import type { HstsOptions, ServerLimits } from "../../tunnel/options.ts";
import type { VisitorPort } from "../../tunnel/visitors.ts";
import type { VisitorPlaces } from "../visitor_places.ts";
import { withEntrance } from "./http2_entrance.ts";
import { Http2Origins } from "./http2_origins.ts";
import { Http2Visitor } from "./http2_visitor.ts";
import { OriginPools } from "./origin_pool.ts";
import type { HttpPort } from "./port.ts";
import type { Visitor } from "./visitor.ts";
import { VisitorConnection } from "./visitor_connection.ts";

/** Longest time between two rounds of the timer. */
const MAX_ROUND_MS = 500;

/** What is spoken with visitors over TLS, best first. */
const PROTOCOLS = ["h2", "http/1.1"];
/** A year. */
const DEFAULT_HSTS_SECONDS = 31_536_000;

/** Options of an {@linkcode HttpIngress}. */
export interface HttpIngressOptions {
  readonly runtime: Runtime;
  readonly environment: TunnelEnvironment;
  readonly logger: Logger;
  readonly limits: ServerLimits;
  /** What else sees requests. @default nothing */
  readonly plugins?: PluginRegistry;
  /** Shared by all ingresses of a server. */
  readonly places: VisitorPlaces;
}

/** Takes visitors on HTTP ports. */
export class HttpIngress implements HttpIngressOfServer {
  readonly #options: HttpIngressOptions;
  readonly #headLimits: HeadLimits;
  readonly #origins: OriginPools;
  readonly #http2Origins: Http2Origins;
  readonly #places: VisitorPlaces;
  readonly #connections = new Set<Visitor>();
  readonly #roundMs: number;
  #openPorts = 0;
  #cancelTimer: CancelTimer | undefined;
  #lastRoundAt = 0;

  /** @param options What it runs on. */
  constructor(options: HttpIngressOptions) {
    const { limits, environment, places } = options;
    this.#options = options;
    this.#places = places;
    this.#headLimits = {
      maxHeadBytes: limits.httpMaxHeadBytes,
      maxFields: limits.httpMaxHeaders,
      maxTargetBytes: limits.httpMaxTargetBytes,
    };
    this.#origins = new OriginPools({
      pool: environment.pool,
      headLimits: this.#headLimits,
      maxIdle: limits.httpMaxIdleOrigins,
      idleMs: limits.httpIdleOriginMs,
    });
    this.#http2Origins = new Http2Origins({
      headLimits: this.#headLimits,
      idleMs: limits.httpIdleOriginMs,
    });
    const shortest = Math.min(
      limits.httpHeadTimeoutMs,
      limits.httpBodyIdleTimeoutMs,
      limits.httpResponseTimeoutMs,
      limits.httpKeepAliveMs,
      limits.httpIdleOriginMs,
    );
    this.#roundMs = Math.min(MAX_ROUND_MS, Math.max(10, shortest / 4));
  }

  /** Names of the plugins that services may ask for. */
  get plugins(): ReadonlySet<string> {
    return this.#options.plugins?.names ?? new Set();
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
  async bind(options: HttpPortOptions): Promise<VisitorPort> {
    const { environment, limits, logger, runtime } = this.#options;
    const { address, http, https, redirectToPort, routes } = options;
    const trusted = addressList(http.trustedProxies ?? []);
    let stopping = false;
    const port: HttpPort = {
      environment,
      limits,
      logger,
      routes,
      headLimits: this.#headLimits,
      origins: this.#origins,
      http2Origins: this.#http2Origins,
      plugins: this.#options.plugins,
      scheme: https === undefined ? "http" : "https",
      redirectToPort,
      hsts: hstsValue(https?.hsts),
      get stopping() {
        return stopping;
      },
      isTrusted: (text) => trusted !== undefined && trusted.check(text, isIP(text) === 6 ? "ipv6" : "ipv4"),
    };
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
      close: async () => {
        if (!stopping) {
          stopping = true;
          if (--this.#openPorts === 0) {
            this.#origins.close();
            this.#http2Origins.close();
          }
          this.#rest();
          for (const visitor of this.#connections) if (visitor.port === port) visitor.leave();
        }
        await listener.close();
      },
    };
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

/** The value of `Strict-Transport-Security`. */
function hstsValue(hsts: HstsOptions | undefined): string | undefined {
  if (hsts === undefined) return undefined;
  const { maxAgeSeconds = DEFAULT_HSTS_SECONDS, includeSubdomains = false } = hsts;
  return `max-age=${maxAgeSeconds}${includeSubdomains ? "; includeSubDomains" : ""}`;
}

/** Addresses and ranges, checked already. */
function addressList(ranges: readonly string[]): BlockList | undefined {
  if (ranges.length === 0) return undefined;
  const list = new BlockList();
  for (const range of ranges) {
    const [network = "", prefix] = range.split("/");
    const family = isIP(network) === 6 ? "ipv6" : "ipv4";
    if (prefix === undefined) list.addAddress(network, family);
    else list.addSubnet(network, Number(prefix), family);
  }
  return list;
}
