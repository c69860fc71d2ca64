/**
 * The load of the bench where there is no C compiler: the commands, the protocol and the output of `main.c`.
 *
 * @module
 */
import process from "node:process";
import { serve } from "./serve.ts";
import { bulk, connectAnew, idle, ping, type Print } from "./visit.ts";

const print: Print = (result) => console.log(JSON.stringify(result));

async function run([command = "", ...words]: readonly string[]): Promise<void> {
  const [port = 0, first = 0, second = 0] = words.map(Number);
  switch (command) {
    case "serve":
      return serve();
    case "up":
      return await bulk({ operation: "u", port, bytes: first, streams: second }, print);
    case "down":
      return await bulk({ operation: "d", port, bytes: first, streams: second }, print);
    case "ping":
      return await ping({ port, forMs: first }, print);
    case "connect":
      return await connectAnew({ port, forMs: first, lanes: second }, print);
    case "idle":
      return await idle({ port, count: first }, print);
    default:
      throw new TypeError(`Unknown command '${command}': serve, up, down, ping, connect or idle`);
  }
}

try {
  await run(process.argv.slice(2));
  // Exits by itself only when serving; a visitor's sockets must not keep it alive.
  if (process.argv[2] !== "serve") process.exit(0);
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exit(1);
}
