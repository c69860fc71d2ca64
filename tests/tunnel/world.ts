/**
 * Servers, clients, services and visitors of one test, closed at its end.
 *
 * @module
 */
import { type RunningClient, startClient, type StartClientOptions } from "../../src/app/client.ts";
import { type RunningServer, startServer, type StartServerOptions } from "../../src/app/server.ts";
import type { ClientEvent, ServerEvent } from "../../src/tunnel/events.ts";
import type { ClientOptions, ServerOptions, ServiceOptions } from "../../src/tunnel/options.ts";
import { Puppet, PuppetServer } from "./puppet.ts";
import { dial, TestService, type TestSocket } from "./sockets.ts";
import { ToxicRelay } from "./toxic_relay.ts";

/** The token of every client that is not told another one. */
export const TOKEN = "correct horse battery staple";
/** A second token that the servers know. */
export const OTHER_TOKEN = "wrong donkey battery staple";

/** Events as they come, to be awaited. */
export class EventLog<Event extends { readonly type: string }> {
  readonly all: Event[] = [];
  #changed: (() => void)[] = [];
  #taken = 0;

  readonly push = (event: Event): void => {
    this.all.push(event);
    for (const resolve of this.#changed.splice(0)) resolve();
  };

  /** The next event of a type, from behind the one that was returned last. */
  async next<Type extends Event["type"]>(type: Type): Promise<Extract<Event, { type: Type }>> {
    for (;;) {
      while (this.#taken < this.all.length) {
        const event = this.all[this.#taken++];
        if (event?.type === type) return event as Extract<Event, { type: Type }>;
      }
      await new Promise<void>((resolve) => this.#changed.push(resolve));
    }
  }

  /** Events of a type so far. */
  of<Type extends Event["type"]>(type: Type): Extract<Event, { type: Type }>[] {
    return this.all.filter((event) => event.type === type) as Extract<Event, { type: Type }>[];
  }
}

/** A server and its events. */
export interface TestServer {
  readonly server: RunningServer;
  readonly events: EventLog<ServerEvent>;
  readonly port: number;
}

/** A client and its events. */
export interface TestClient {
  readonly client: RunningClient;
  readonly events: EventLog<ClientEvent>;
}

/** A service on `local`, with a public port that the server picks unless told otherwise. */
export function service(name: string, localPort: number, more: Partial<ServiceOptions> = {}): ServiceOptions {
  return { name, kind: "tcp", local: { hostname: "127.0.0.1", port: localPort }, remotePort: 0, ...more };
}

/** The same without a port of its own. */
export function sharedService(name: string, localPort: number): ServiceOptions {
  return { name, kind: "tcp", local: { hostname: "127.0.0.1", port: localPort } };
}

/** The port in a public URL. */
export function portOf(publicUrl: string | undefined): number {
  const port = Number(/:(\d+)$/.exec(publicUrl ?? "")?.[1]);
  if (Number.isNaN(port)) throw new TypeError(`No port in ${publicUrl}`);
  return port;
}

/** Everything that a test starts. `await using world = new World()`. */
export class World implements AsyncDisposable {
  readonly #cleanup: (() => Promise<unknown>)[] = [];

  /** Has `close` called at the end, the last one first. */
  defer(close: () => Promise<unknown>): void {
    this.#cleanup.push(close);
  }

  async server(
    options: Partial<ServerOptions> = {},
    dependencies: StartServerOptions = {},
  ): Promise<TestServer> {
    const events = new EventLog<ServerEvent>();
    const server = await startServer({
      bind: { hostname: "127.0.0.1", port: 0 },
      serviceHost: "127.0.0.1",
      tokens: [{ name: "first", token: TOKEN }, { name: "second", token: OTHER_TOKEN }],
      ...options,
      limits: { drainTimeoutMs: 0, ...options.limits },
    }, { onEvent: events.push, ...dependencies });
    this.defer(() => server.stop());
    return { server, events, port: server.address.port };
  }

  client(
    port: number,
    options: Partial<ClientOptions> & Pick<ClientOptions, "services">,
    dependencies: StartClientOptions = {},
  ): TestClient {
    const events = new EventLog<ClientEvent>();
    const client = startClient({
      server: { hostname: "127.0.0.1", port },
      token: TOKEN,
      ...options,
      limits: { drainTimeoutMs: 0, reconnectMinMs: 20, reconnectMaxMs: 40, ...options.limits },
    }, { onEvent: events.push, ...dependencies });
    this.defer(() => client.stop());
    return { client, events };
  }

  async echo(): Promise<TestService> {
    return this.#own(await TestService.echo());
  }

  async service(serve: Parameters<typeof TestService.start>[0]): Promise<TestService> {
    return this.#own(await TestService.start(serve));
  }

  async visitor(port: number, host?: string): Promise<TestSocket> {
    const socket = await dial(port, host);
    this.defer(() => socket.destroy());
    return socket;
  }

  async relay(port: number): Promise<ToxicRelay> {
    return this.#own(await ToxicRelay.start(port));
  }

  async puppet(port: number): Promise<Puppet> {
    const puppet = await Puppet.dial(port);
    this.defer(() => puppet.socket.destroy());
    return puppet;
  }

  async puppetServer(): Promise<PuppetServer> {
    return this.#own(await PuppetServer.start());
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const close of this.#cleanup.reverse()) await close();
  }

  #own<Closable extends { close(): Promise<void> }>(closable: Closable): Closable {
    this.defer(() => closable.close());
    return closable;
  }
}

/** Sends text through a public port and returns what comes back. */
export async function roundTrip(world: World, port: number, text: string, host?: string): Promise<string> {
  const visitor = await world.visitor(port, host);
  visitor.write(text);
  visitor.end();
  return new TextDecoder().decode(await visitor.readAll());
}

/** Lets the event loop turn until a condition holds that no event tells of. */
export async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise<void>((resolve) => setTimeout(resolve, 1));
}
