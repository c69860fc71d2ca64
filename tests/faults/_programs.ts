/**
 * Programs under test that start with something wrong around them: an output that nobody reads, a full disk, few descriptors,
 * little memory.
 *
 * @module
 */
import { runtime } from "../../src/runtime/mod.ts";
import { runtimeName } from "../harness.ts";
import { echoService } from "../support/arena.ts";
import { until } from "../support/deadline.ts";
import { assertEcho } from "../support/invariants.ts";
import { connectPuppet } from "../support/puppet.ts";
import { connectSocket, RawSocket } from "../support/raw_socket.ts";
import { programCommand } from "../support/tunnel_process.ts";

export const LOOPBACK = "127.0.0.1";

/** The program, started by a shell script that ends with `exec "$@"`. */
export function wrapped(script: string): { runtime: "deno" | "bun"; command: string[] } {
  return { runtime: runtimeName, command: ["sh", "-c", script, "sh", ...programCommand(runtimeName)] };
}

/** An echo service on a given port. */
export async function echoOn(port: number): Promise<AsyncDisposable> {
  const sockets: RawSocket[] = [];
  const listener = await runtime.listen({
    hostname: LOOPBACK,
    port,
    onConnection: (connection) => {
      const socket = new RawSocket(connection);
      sockets.push(socket);
      echoService(socket);
    },
  });
  return {
    [Symbol.asyncDispose]: async () => {
      await listener.close();
      await Promise.all(sockets.map((socket) => socket.close()));
    },
  };
}

/** Asserts that a visitor gets back what it sends. */
export async function assertServed(port: number, when: string): Promise<void> {
  const visitor = await connectSocket({ hostname: LOOPBACK, port });
  try {
    await assertEcho(visitor, when);
  } finally {
    await visitor.close();
  }
}

/** Waits until a visitor of `port` gets back what it sends. */
export async function untilServed(port: number, deadlineMs: number): Promise<void> {
  let served = false;
  let trying = false;
  const attempt = async (): Promise<void> => {
    try {
      await assertServed(port, "at last");
      served = true;
    } catch {
      // Not yet.
    }
    trying = false;
  };
  await until(
    () => {
      if (!trying && !served) {
        trying = true;
        void attempt();
      }
      return served;
    },
    `a visitor of port ${port} is served`,
    deadlineMs,
  );
}

/** Makes a server write a line of its log. */
export async function refusedHandshake(port: number): Promise<void> {
  const puppet = await connectPuppet({ hostname: LOOPBACK, port });
  const version = { minVersion: 9, maxVersion: 9 };
  await puppet.send({ type: "handshake", token: "x", tunnelId: undefined, capabilities: [], ...version });
  await puppet.over();
  await puppet.close();
}
