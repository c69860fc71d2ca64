/**
 * A server with an HTTP port, a client, local services that a test plays by hand, and visitors that send bytes as they are.
 *
 * @module
 */
import { startClient } from "../../../src/app/client.ts";
import type { Clock } from "../../../src/clock.ts";
import { HttpIngress } from "../../../src/ingress/http/ingress.ts";
import { TcpIngress } from "../../../src/ingress/tcp.ts";
import { VisitorPlaces } from "../../../src/ingress/visitor_places.ts";
import { loggerOrDefault } from "../../../src/log.ts";
import { PluginRegistry } from "../../../src/plugins/registry.ts";
import type { Plugin } from "../../../src/plugins/types.ts";
import { runtime } from "../../../src/runtime/mod.ts";
import type {
  HttpServerOptions,
  HttpServiceOptions,
  ServerLimits,
  ServerOptions,
} from "../../../src/tunnel/options.ts";
import { TunnelServer } from "../../../src/tunnel/server.ts";
import { ToxicRelay } from "../../tunnel/toxic_relay.ts";
import {
  connectSocket,
  listenSockets,
  type RawSocket,
  type RawSocketOptions,
  type TestListener,
} from "../../support/raw_socket.ts";

const TOKEN = "correct horse battery staple";
const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** A socket that speaks lines. */
export class Talker {
  readonly socket: RawSocket;
  #kept = "";

  constructor(socket: RawSocket) {
    this.socket = socket;
  }

  /** Writes text as UTF-8; `\n` stays what it is. */
  async write(text: string): Promise<void> {
    await this.socket.write(encoder.encode(text));
  }

  /** A head: everything up to and with the empty line. */
  async head(): Promise<string> {
    return await this.until("\r\n\r\n");
  }

  /** Everything up to and with a text. */
  async until(end: string): Promise<string> {
    while (!this.#kept.endsWith(end)) this.#kept += decoder.decode(await this.socket.read(1));
    const text = this.#kept;
    this.#kept = "";
    return text;
  }

  /** So many bytes. */
  async read(bytes: number): Promise<string> {
    return decoder.decode(await this.socket.read(bytes));
  }

  /** Everything up to the end. */
  async rest(): Promise<string> {
    return decoder.decode(await this.socket.readToEnd());
  }

  /** A response with `Content-Length`; without its body when the request was HEAD. */
  async response(method = "GET"): Promise<{ head: string; status: number; body: string }> {
    const head = await this.head();
    const length = method === "HEAD" ? 0 : Number(/^content-length: (\d+)\r$/im.exec(head)?.[1] ?? 0);
    const status = Number(head.slice(9, 12));
    return { head, status, body: length === 0 ? "" : await this.read(length) };
  }
}

/** Options of {@linkcode stage}. */
export interface StageOptions {
  readonly limits?: Partial<ServerLimits>;
  readonly http?: Partial<HttpServerOptions>;
  readonly service?: Partial<HttpServiceOptions>;
  /** Other services. Their local address is that of an origin of their own. */
  readonly more?: readonly (Partial<HttpServiceOptions> & { readonly name: string })[];
  /** Plugins that see every request, in order. */
  readonly plugins?: readonly Plugin[];
  /** The clock of the ingress. */
  readonly clock?: Clock;
}

/** What a test works with. */
export interface Stage extends AsyncDisposable {
  readonly server: TunnelServer;
  readonly ingress: HttpIngress;
  readonly port: number;
  /** The local service of `app.test`. */
  readonly origin: TestListener;
  readonly origins: readonly TestListener[];
  /** A visitor that has said nothing yet. */
  visit(options?: RawSocketOptions): Promise<Talker>;
  /** The next connection to the local service. */
  next(): Promise<Talker>;
  /** Has the server take other rules and limits of HTTP. */
  reload(changes: Pick<ServerOptions, "limits" | "http">): Promise<void>;
  /** Ends the client. */
  stopClient(): Promise<void>;
  /** Loses the client's connection; it does not come back. */
  loseClient(): Promise<void>;
}

/** Builds a stage. The service is found as `app.test`. */
export async function stage(options: StageOptions = {}): Promise<Stage> {
  const cleanup: (() => Promise<unknown>)[] = [];
  const logger = loggerOrDefault(undefined);
  const services: HttpServiceOptions[] = [];
  const origins: TestListener[] = [];
  for (const more of [{ name: "app", hosts: ["app.test"], ...options.service }, ...options.more ?? []]) {
    const origin = await listenSockets();
    cleanup.push(() => origin.close());
    origins.push(origin);
    const local = { hostname: "127.0.0.1", port: origin.address.port };
    services.push({ kind: "http", hosts: [`${more.name}.test`], local, ...more });
  }
  let ingress: HttpIngress | undefined;
  let places: VisitorPlaces | undefined;
  const server = new TunnelServer({
    bind: { hostname: "127.0.0.1", port: 0 },
    tokens: [{ name: "first", token: TOKEN }],
    http: { bind: { hostname: "127.0.0.1", port: 0 }, ...options.http },
    limits: { drainTimeoutMs: 0, ...options.limits },
  }, {
    runtime,
    logger,
    ingress: (environment, limits) => {
      places = new VisitorPlaces({ limits, counters: environment.counters, logger });
      const tcp = new TcpIngress({ runtime, environment, logger, places });
      return (address, target) => tcp.bind(address, target);
    },
    httpIngress: (environment, limits) => {
      const clock = options.clock ?? environment.clock;
      const plugins = options.plugins === undefined
        ? undefined
        : new PluginRegistry(new Map(options.plugins.map((plugin) => [plugin.name, plugin])), {
          clock,
          logger,
          counters: environment.counters,
          timeoutMs: 5_000,
          use: options.plugins.map(({ name }) => name),
        });
      return ingress = new HttpIngress({
        runtime,
        environment: { ...environment, clock },
        logger,
        limits,
        places: places ??= new VisitorPlaces({ limits, counters: environment.counters, logger }),
        ...(plugins === undefined ? {} : {
          plugins: { registry: plugins, prepare: () => Promise.reject(new Error("These plugins stay")) },
        }),
      });
    },
  });
  await server.start();
  cleanup.push(() => server.stop());
  const relay = await ToxicRelay.start(server.address.port);
  cleanup.push(() => relay.close());
  const client = startClient({
    server: { hostname: "127.0.0.1", port: relay.port },
    token: TOKEN,
    services,
    limits: { drainTimeoutMs: 0, reconnectMinMs: 600_000, reconnectMaxMs: 600_000 },
  });
  cleanup.push(() => client.stop());
  for (const { error } of await client.ready) if (error !== undefined) throw new Error(error);
  const port = server.httpAddress?.port ?? 0;
  const visitors: RawSocket[] = [];
  cleanup.push(() => Promise.all(visitors.map((socket) => socket.close())));
  return {
    server,
    ingress: ingress as HttpIngress,
    port,
    origin: origins[0] as TestListener,
    origins,
    visit: async (socketOptions) => {
      const socket = await connectSocket({ hostname: "127.0.0.1", port }, socketOptions);
      visitors.push(socket);
      return new Talker(socket);
    },
    next: async () => new Talker(await (origins[0] as TestListener).next()),
    reload: (changes) => server.reload({ tokens: [{ name: "first", token: TOKEN }], ...changes }),
    stopClient: () => client.stop(),
    loseClient: async () => {
      await relay.cut();
      while (server.status().clients.length > 0) await new Promise<void>((resolve) => setTimeout(resolve, 1));
    },
    [Symbol.asyncDispose]: async () => {
      for (const close of cleanup.reverse()) await close();
    },
  };
}

/** A request for `app.test`. */
export function request(line: string, fields: readonly string[] = [], body = ""): string {
  return [`${line} HTTP/1.1`, "Host: app.test", ...fields, "", body].join("\r\n");
}

/** A response. */
export function response(status: string, fields: readonly string[] = [], body = ""): string {
  return [`HTTP/1.1 ${status}`, ...fields, "", body].join("\r\n");
}

/** The usual response. */
export const OK = response("200 OK", ["Content-Length: 2"], "ok");
