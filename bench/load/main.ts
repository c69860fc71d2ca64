/**
 * The load of the bench where there is no C compiler: the protocol, the output and, but for the long line, the
 * commands of `main.c`.
 *
 * @module
 */
import process from "node:process";
import { request } from "./http.ts";
import { serve } from "./serve.ts";
import { until } from "./until.ts";
import { bulk, connectAnew, idle, ping, type Print } from "./visit.ts";

const print: Print = (result) => console.log(JSON.stringify(result));

async function run([command = "", place = "", ...words]: readonly string[]): Promise<void> {
  const [first = 0, second = 0] = words.map(Number);
  switch (command) {
    case "serve":
      return serve(place === "" ? "127.0.0.1" : place);
    case "up":
      return await bulk({ operation: "u", place, bytes: first, streams: second }, print);
    case "down":
      return await bulk({ operation: "d", place, bytes: first, streams: second }, print);
    case "ping":
      return await ping({ place, forMs: first, warmUp: second }, print);
    case "connect":
      return await connectAnew({ place, forMs: first, lanes: second }, print);
    case "http":
      return await request({ place, forMs: first, lanes: second }, print);
    case "idle":
      return await idle({ place, count: first }, print);
    case "until":
      return await until(place, { place: words[0] ?? "", forMs: second }, print);
    default:
      throw new TypeError(
        `Unknown command '${command}': serve, up, down, ping, connect, http, idle or until`,
      );
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
