/**
 * A server whose HTTP ports are none: tests ask its routes themselves.
 *
 * @module
 */
import { TcpIngress } from "../../src/ingress/tcp.ts";
import { VisitorPlaces } from "../../src/ingress/visitor_places.ts";
import { loggerOrDefault } from "../../src/log.ts";
import { runtime } from "../../src/runtime/mod.ts";
import type { ServerEvent } from "../../src/tunnel/events.ts";
import type { HttpPortOptions, HttpPortRules, HttpRouting } from "../../src/tunnel/http_ingress.ts";
import type { HttpServerOptions, HttpServiceOptions, ServerOptions } from "../../src/tunnel/options.ts";
import { TunnelServer } from "../../src/tunnel/server.ts";
import type { RegisterAck } from "../../src/wire/messages.ts";
import type { Puppet } from "./puppet.ts";
import { EventLog, OTHER_TOKEN, TOKEN, type World } from "./world.ts";

/** Where the ports would be. */
export const HTTP_PORT = 8080;
export const HTTPS_PORT = 8443;

/** A server, and the HTTP ports it has asked for. */
export interface RoutedServer {
  readonly server: TunnelServer;
  readonly events: EventLog<ServerEvent>;
  readonly port: number;
  readonly ports: readonly HttpPortOptions[];
  /** Rules that ports were told while they were bound. */
  readonly changes: readonly HttpPortRules[];
  /** Ports that were closed. */
  closedPorts(): number;
  route(host: string, target?: string): HttpRouting;
}

/** Options of {@linkcode routedServer}. */
export interface RoutedServerOptions {
  readonly http?: HttpServerOptions;
  readonly more?: Partial<ServerOptions>;
  /** Plugins that it offers. */
  readonly plugins?: readonly string[];
}

/** Starts such a server. */
export async function routedServer(world: World, options: RoutedServerOptions = {}): Promise<RoutedServer> {
  const events = new EventLog<ServerEvent>();
  const ports: HttpPortOptions[] = [];
  const changes: HttpPortRules[] = [];
  let closed = 0;
  const server = new TunnelServer({
    bind: { hostname: "127.0.0.1", port: 0 },
    serviceHost: "127.0.0.1",
    tokens: [{ name: "first", token: TOKEN }, { name: "second", token: OTHER_TOKEN }],
    http: { bind: { hostname: "127.0.0.1", port: HTTP_PORT }, ...options.http },
    ...options.more,
    limits: { drainTimeoutMs: 0, ...options.more?.limits },
  }, {
    runtime,
    onEvent: events.push,
    ingress: (environment, limits) => {
      const logger = loggerOrDefault(undefined);
      const places = new VisitorPlaces({ limits, counters: environment.counters, logger });
      const ingress = new TcpIngress({ runtime, environment, logger, places });
      return (address, target) => ingress.bind(address, target);
    },
    httpIngress: () => ({
      plugins: new Set(options.plugins),
      bind: (port) => {
        ports.push(port);
        const close = (): Promise<void> => Promise.resolve(void closed++);
        const change = (rules: HttpPortRules): void => void changes.push(rules);
        return Promise.resolve({ address: port.address, change, close });
      },
    }),
  });
  world.defer(() => server.stop());
  await server.start();
  return {
    server,
    events,
    port: server.address.port,
    ports,
    changes,
    closedPorts: () => closed,
    route: (host, target = "/") => ports[0]?.routes.route(host, target) ?? { state: "unknown" },
  };
}

/** A service over HTTP that nobody needs to reach. */
export function httpService(name: string, more: Partial<HttpServiceOptions> = {}): HttpServiceOptions {
  return { name, kind: "http", local: { hostname: "127.0.0.1", port: 9 }, ...more };
}

/** A client that says exactly what a test wants. */
export async function joined(world: World, port: number, tunnelId: string, token = TOKEN): Promise<Puppet> {
  const puppet = await world.puppet(port);
  const { status } = await puppet.handshake({ token, tunnelId });
  if (status !== "success") throw new Error(`The handshake was refused: ${status}`);
  return puppet;
}

/** Registers a service over HTTP. */
export async function registerHttp(
  puppet: Puppet,
  serviceName: string,
  metadata: Record<string, string> = {},
): Promise<RegisterAck> {
  puppet.send({
    type: "register",
    serviceName,
    protocol: "http",
    metadata: new Map(Object.entries(metadata)),
  });
  return await puppet.expect("register_ack");
}
