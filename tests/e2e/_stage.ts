/**
 * What one test starts, closed at its end in the opposite order.
 *
 * @module
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { ChildProgram } from "../support/child_program.ts";
import {
  type ClientProcess,
  type Mix,
  type ServerProcess,
  startClientProcess,
  startServerProcess,
} from "../support/tunnel_process.ts";
import { TrafficService } from "./_service.ts";

/** A stage. `await using stage = new Stage()`. */
export class Stage implements AsyncDisposable {
  readonly #things: AsyncDisposable[] = [];
  #folder: string | undefined;

  /** A temporary folder of this test. */
  get folder(): string {
    return this.#folder ??= mkdtempSync(join(tmpdir(), "ferrotunnel-e2e-"));
  }

  /** Closes `thing` at the end. */
  keep<T extends AsyncDisposable>(thing: T): T {
    this.#things.push(thing);
    return thing;
  }

  /** Stops the program of `started` at the end. */
  async run<T extends { readonly program: ChildProgram }>(started: Promise<T>): Promise<T> {
    const result = await started;
    this.keep(result.program);
    return result;
  }

  /** A {@linkcode TrafficService}. */
  async service(): Promise<TrafficService> {
    return this.keep(await TrafficService.start());
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      for (const thing of this.#things.splice(0).reverse()) await thing[Symbol.asyncDispose]();
    } finally {
      if (this.#folder !== undefined) rmSync(this.#folder, { recursive: true, force: true });
    }
  }
}

/** A server and a client with one service. */
export interface Tunnel {
  readonly server: ServerProcess;
  readonly client: ClientProcess;
  /** Where visitors reach the service. */
  readonly port: number;
}

/** Options of {@linkcode startTunnel}. */
export interface TunnelOptions {
  /** The service's port on this machine. */
  readonly localPort: number;
  readonly serverArgs?: readonly string[];
  readonly clientArgs?: readonly string[];
}

/** Starts a server and a client, and waits until visitors can come. */
export async function startTunnel(stage: Stage, mix: Mix, options: TunnelOptions): Promise<Tunnel> {
  const { localPort, serverArgs = [], clientArgs = [] } = options;
  const server = await stage.run(startServerProcess({ runtime: mix.server, args: serverArgs }));
  const client = await stage.run(
    startClientProcess({ runtime: mix.client, serverPort: server.port, localPort, args: clientArgs }),
  );
  return { server, client, port: client.publicPort };
}
