/**
 * A server for web services and curl, as people use them.
 *
 * @module
 */
import { createServer, type IncomingHttpHeaders } from "node:http";
import type { AddressInfo } from "node:net";
import { programPath } from "../support/programs.ts";
import { runProgram } from "../support/child_program.ts";
import { type RuntimeName, type ServerProcess, startServerProcess } from "../support/tunnel_process.ts";
import type { Stage } from "./_stage.ts";

const LOOPBACK = "127.0.0.1";

/** A server with a port for HTTP visitors. */
export interface WebServer extends ServerProcess {
  readonly httpPort: number;
}

/** Starts a server for HTTP visitors. */
export async function startWebServer(
  stage: Stage,
  runtime: RuntimeName,
  args: readonly string[] = [],
  port = 0,
): Promise<WebServer> {
  const server = await stage.run(
    startServerProcess({ runtime, port, args: ["--http-bind", `${LOOPBACK}:0`, ...args] }),
  );
  const [, httpPort] = await server.program.line(/^http +127\.0\.0\.1:(\d+)$/);
  return { ...server, httpPort: Number(httpPort) };
}

/** What curl has got. */
export interface CurlAnswer {
  readonly status: number;
  /** Names in lower case. */
  readonly headers: ReadonlyMap<string, string>;
  readonly body: string;
}

/** Options of {@linkcode curl}. */
export interface CurlOptions {
  /** Where visitors come in, whatever the host. */
  readonly port: number;
  /** Further arguments. */
  readonly args?: readonly string[];
}

/** Gets a URL, whose host and port all lead to `port`. @throws {Error} with curl's output when it fails */
export async function curl(url: string, options: CurlOptions): Promise<CurlAnswer> {
  const { port, args = [] } = options;
  const common = ["-sS", "-i", "--http1.1", "--max-time", "20", "--noproxy", "*"];
  const { program, code } = await runProgram(
    [programPath("curl"), ...common, "--connect-to", `::${LOOPBACK}:${port}`, ...args, url],
  );
  if (code !== 0) throw new Error(`curl ended with ${code}:\n${program.output()}`);
  const end = program.out.indexOf("");
  const [first = "", ...lines] = program.out.slice(0, end);
  const headers = new Map(lines.map((line) => {
    const colon = line.indexOf(":");
    return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()];
  }));
  return { status: Number(first.split(" ")[1]), headers, body: program.out.slice(end + 1).join("\n") };
}

/** What an {@linkcode Origin} was asked, as it answers it. */
export interface Echo {
  readonly name: string;
  readonly url: string;
  readonly headers: IncomingHttpHeaders;
}

/** A local service that answers what it was asked. */
export interface Origin extends AsyncDisposable {
  readonly port: number;
}

/** Starts such a service. @param name What it calls itself */
export async function startOrigin(name: string): Promise<Origin> {
  const server = createServer((request, response) => {
    const echo: Echo = { name, url: request.url ?? "", headers: request.headers };
    response.setHeader("X-Powered-By", "origin");
    response.end(JSON.stringify(echo));
  });
  await new Promise<void>((resolve) => server.listen(0, LOOPBACK, resolve));
  return {
    port: (server.address() as AddressInfo).port,
    [Symbol.asyncDispose]: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
