/**
 * Ports for the programs that cannot be told to choose one themselves.
 *
 * @module
 */
import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Server } from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import { HEADER_BYTES } from "../load/peer.ts";

const RETRY_MS = 50;

/**
 * Finds ports that nobody uses now. Somebody may take one before it is used; the program that wanted it then fails to
 * come up, and says so.
 *
 * @param count How many.
 */
export async function freePorts(count: number): Promise<number[]> {
  // All are held at once, so that none comes twice.
  const servers = await Promise.all(Array.from({ length: count }, () => listen(0)));
  const ports = servers.map((server) => (server.address() as AddressInfo).port);
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports;
}

/**
 * Tells whether somebody listens on a port of this machine. Binding it to find out could take it from the one who is about to.
 *
 * @param port The port.
 */
export function isTaken(port: number): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const socket = connect({ host: "127.0.0.1", port });
  socket.on("error", () => resolve(false));
  socket.on("connect", () => resolve(true));
  return promise.finally(() => socket.destroy());
}

/**
 * Waits until somebody listens on a port.
 *
 * @param port The port.
 * @param withinMs How long to try.
 * @throws {Error} when nobody does.
 */
export async function untilTaken(port: number, withinMs: number): Promise<void> {
  await until(() => isTaken(port), withinMs, `Nobody listens on port ${port}`);
}

async function listen(port: number): Promise<Server> {
  const server = createServer();
  server.listen(port, "127.0.0.1");
  await once(server, "listening");
  return server;
}

/**
 * Waits until a tunnel carries bytes to the service and back.
 *
 * @param port Where visitors connect.
 * @param withinMs How long to try.
 * @throws {Error} when it still does not.
 */
export async function untilItCarries(port: number, withinMs: number): Promise<void> {
  await until(() => carries(port), withinMs, `Port ${port} leads nowhere`);
}

async function until(holds: () => Promise<boolean>, withinMs: number, otherwise: string): Promise<void> {
  const endMs = performance.now() + withinMs;
  while (!await holds()) {
    if (performance.now() > endMs) throw new Error(`${otherwise} after ${withinMs} ms`);
    await delay(RETRY_MS);
  }
}

/** Asks the service for an echo. A port that is bound before the tunnel stands takes the byte and gives none. */
function carries(port: number): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const request = new Uint8Array(HEADER_BYTES + 1);
  request[0] = "e".charCodeAt(0);
  const socket = connect({ host: "127.0.0.1", port });
  socket.setTimeout(1000, () => resolve(false));
  socket.on("error", () => resolve(false));
  socket.on("close", () => resolve(false));
  socket.on("data", () => resolve(true));
  socket.write(request);
  return promise.finally(() => socket.destroy());
}
