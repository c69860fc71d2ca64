/**
 * The web service behind the tunnels and the visitors that send it requests: nginx and wrk or oha where they are, else the load.
 *
 * @module
 */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { findOnPath } from "../scripts/tools.ts";
import type { Load, Service } from "./load.ts";
import { HTTP_BODY, HTTP_FIELDS } from "./load/http.ts";
import type { Programs } from "./programs.ts";
import { freePorts } from "./targets/ports.ts";

const START_MS = 10_000;

/** The programs that send requests count whole seconds only. */
const SECOND_MS = 1000;

/** Time beyond what a program was told to take. */
const GRACE_MS = 20_000;

/** What a driver found. */
export interface WebVisit {
  readonly perSecond: number;
  readonly p99Ms: number;
}

/** Sends requests. */
export interface WebDriver {
  /** Names it in the results. */
  readonly name: string;
  /**
   * Sends requests on connections that are kept.
   *
   * @param load The load, where the visitors are.
   * @param options Where, for how long, and on how many connections.
   * @throws {Error} when one was not answered as it should.
   */
  drive(
    load: Load,
    options: { readonly port: number; readonly forMs: number; readonly lanes: number },
  ): Promise<WebVisit>;
}

/** The load's own visitors, who compare every response with what it should be. */
export const loadDriver: WebDriver = {
  name: "the load",
  drive: async (load, options) => {
    const { count = NaN, seconds = NaN, p99Us = NaN } = await load.http(options);
    return { perSecond: count / seconds, p99Ms: p99Us / 1000 };
  },
};

/**
 * Chooses who sends requests.
 *
 * @param programs Where it is started.
 * @param sampleMs How long a measurement takes: wrk and oha are for whole seconds.
 */
export function chooseDriver(programs: Programs, sampleMs: number): WebDriver {
  const [wrk, oha] = [findOnPath("wrk"), findOnPath("oha")];
  if (sampleMs * 2 < SECOND_MS) return loadDriver;
  if (wrk !== undefined) {
    return externalDriver(programs, { name: "wrk", commandOf: wrkCommand(wrk), read: readWrk });
  }
  if (oha !== undefined) {
    return externalDriver(programs, { name: "oha", commandOf: ohaCommand(oha), read: readOha });
  }
  return loadDriver;
}

type CommandOf = (options: { url: string; seconds: number; lanes: number }) => readonly string[];

function wrkCommand(program: string): CommandOf {
  return ({ url, seconds, lanes }) => [
    ...[program, "-t1", `-c${lanes}`, `-d${seconds}s`, "--latency"],
    ...HTTP_FIELDS.flatMap((field) => ["-H", field]),
    url,
  ];
}

function ohaCommand(program: string): CommandOf {
  return ({ url, seconds, lanes }) => [
    ...[program, "--no-tui", "--output-format", "json", "-c", String(lanes), "-z", `${seconds}s`],
    ...HTTP_FIELDS.flatMap((field) => ["-H", field]),
    url,
  ];
}

function externalDriver(
  programs: Programs,
  { name, commandOf, read }: {
    readonly name: string;
    readonly commandOf: CommandOf;
    readonly read: (output: string) => WebVisit;
  },
): WebDriver {
  return {
    name,
    drive: async (_, { port, forMs, lanes }) => {
      const seconds = Math.max(1, Math.round(forMs / SECOND_MS));
      const program = programs.start(commandOf({ url: `http://127.0.0.1:${port}/`, seconds, lanes }));
      const timer = setTimeout(() => program.kill(), seconds * SECOND_MS + GRACE_MS);
      const code = await program.exited;
      clearTimeout(timer);
      if (code !== 0) throw new Error(program.log);
      return read(program.output);
    },
  };
}

/**
 * Reads what wrk prints.
 *
 * @throws {Error} when a response was an error, or none came.
 */
export function readWrk(output: string): WebVisit {
  const wrong = output.match(/Non-2xx or 3xx responses: \d+|Socket errors: .*/);
  if (wrong !== null) throw new Error(wrong[0]);
  const [, perSecond] = output.match(/Requests\/sec:\s+([\d.]+)/) ?? [];
  const [, time, unit = ""] = output.match(/^\s+99%\s+([\d.]+)(us|ms|s)$/m) ?? [];
  const factor = { us: 0.001, ms: 1, s: 1000 }[unit] ?? NaN;
  return checked({ perSecond: Number(perSecond), p99Ms: Number(time) * factor }, output);
}

/**
 * Reads what oha prints as JSON.
 *
 * @throws {Error} when a response was an error, or none came.
 */
export function readOha(output: string): WebVisit {
  const result = JSON.parse(output) as {
    readonly summary?: { readonly requestsPerSec?: number };
    readonly latencyPercentiles?: { readonly p99?: number };
    readonly statusCodeDistribution?: Readonly<Record<string, number>>;
  };
  const wrong = Object.entries(result.statusCodeDistribution ?? {}).filter(([status]) => status !== "200");
  if (wrong.length > 0) throw new Error(`Responses with other statuses: ${JSON.stringify(wrong)}`);
  return checked({
    perSecond: result.summary?.requestsPerSec ?? NaN,
    p99Ms: (result.latencyPercentiles?.p99 ?? NaN) * 1000,
  }, output);
}

function checked(visit: WebVisit, output: string): WebVisit {
  if (visit.perSecond > 0 && visit.p99Ms >= 0) return visit;
  throw new Error(`Expected figures about requests but got: ${output}`);
}

/**
 * Starts the web service: nginx where it is, else the load's.
 *
 * @param options Where its processes and files belong.
 */
export async function startWebService(
  { programs, folder, load }: {
    readonly programs: Programs;
    readonly folder: string;
    readonly load: Load;
  },
): Promise<Service> {
  const nginx = findOnPath("nginx");
  if (nginx === undefined) return await load.serve();
  const [port] = await freePorts(1);
  const file = join(folder, `nginx-${port}.conf`);
  writeFileSync(file, nginxConfiguration(folder, port));
  const program = programs.startWithManyFiles([nginx, "-e", "stderr", "-p", folder, "-c", file]);
  await load.until("http", { port, withinMs: START_MS });
  return { port, program };
}

/** One process; connections are kept for ever, so that no tunnel pays for what nginx ends. */
function nginxConfiguration(folder: string, port: number): string {
  const paths = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
    .map((name) => `  ${name}_temp_path ${join(folder, `nginx-${name}`)};\n`).join("");
  return `daemon off;
master_process off;
pid ${join(folder, `nginx-${port}.pid`)};
error_log stderr error;
events { worker_connections 4096; }
http {
  access_log off;
  keepalive_requests 1000000000;
  keepalive_timeout 1h;
  default_type text/plain;
${paths}  server {
    listen 127.0.0.1:${port} backlog=4096;
    location / { return 200 ${JSON.stringify(HTTP_BODY)}; }
  }
}
`;
}
