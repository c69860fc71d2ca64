/**
 * The runtime that this program runs on.
 *
 * @example
 * ```ts
 * import { runtime } from "./mod.ts";
 *
 * const listener = await runtime.listen({
 *   hostname: "127.0.0.1",
 *   port: 0,
 *   onConnection: (connection) => connection.close(),
 * });
 * console.log(runtime.name, listener.address.port);
 * await listener.close();
 * ```
 *
 * @module
 */
import { bunRuntime } from "./bun.ts";
import { denoRuntime } from "./deno.ts";
import type { Runtime } from "./types.ts";

/** Chosen once, when the program starts. Neither implementation touches the other's globals by being loaded. */
export const runtime: Runtime = "Deno" in globalThis ? denoRuntime : bunRuntime;
