/**
 * Measures a relay written over the connection seam beside one written against the runtime, in one run and in turn, because
 * only the ratio of the two lasts; that of their CPU time lasts even on a busy machine. Prints a table. Exits with 1 when bytes were lost, never because of a speed.
 *
 *     deno run --allow-all bench/seam/relay.ts [--rounds 5] [--mib 512] [--flow PATH]
 *     bun bench/seam/relay.ts [--rounds 5] [--mib 512] [--flow PATH]
 *
 * `--flow PATH` makes the load with a program of that name, called as `PATH serve PORT` and `PATH up|down PORT BYTES 1`,
 * which prints MB/s, instead of with the built-in one, whose own cost is part of what is measured.
 *
 * @module
 */
import type { Buffer } from "node:buffer";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { connect, createServer, type Socket } from "node:net";
import process from "node:process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { runtime } from "../../src/runtime/mod.ts";
import { startRawRelay, startSeamRelay } from "./_relays.ts";

const HOST = "127.0.0.1";
const PIECE = new Uint8Array(256 * 1024).fill(120);
const DIRECTIONS = ["up", "down"] as const;
const RELAYS = ["raw", "seam"] as const;
const GIB = 1024 ** 3;

type Direction = (typeof DIRECTIONS)[number];
/** A child process that goes on. */
interface Role {
  readonly child: ChildProcess;
  readonly lines: AsyncIterator<string>;
  readonly port: number;
}
/** Measurements by relay and direction. */
type Samples = Record<string, number[]>;

const { values: options, positionals } = parseArgs({
  args: runtime.args(),
  allowPositionals: true,
  options: {
    rounds: { type: "string", default: "5" },
    mib: { type: "string", default: "512" },
    flow: { type: "string" },
  },
});

const [role, ...rest] = positionals;
if (role === undefined) runtime.exit(await measure());
else await play(role, rest);

async function measure(): Promise<number> {
  const bytes = Number(options.mib) * 1024 * 1024;
  const children: ChildProcess[] = [];
  try {
    const sinkPort = await startSink(children);
    const relays = {
      raw: await startRole(children, ["raw", String(sinkPort)]),
      seam: await startRole(children, ["seam", String(sinkPort)]),
    };
    const speeds: Samples = {};
    const costs: Samples = {};
    for (let round = -1; round < Number(options.rounds); round++) {
      for (const direction of DIRECTIONS) {
        // Each goes first in every other round.
        for (const relay of round % 2 === 0 ? RELAYS : RELAYS.toReversed()) {
          const role = relays[relay];
          const before = await cpuSeconds(role);
          const speed = await load(role.port, direction, bytes);
          const cost = (await cpuSeconds(role) - before) * GIB / bytes;
          // The first round warms up.
          if (round < 0) continue;
          (speeds[`${relay} ${direction}`] ??= []).push(speed);
          (costs[`${relay} ${direction}`] ??= []).push(cost);
        }
      }
    }
    report(speeds, costs);
    return 0;
  } catch (error) {
    console.error(error instanceof Error ? error.message : error);
    return 1;
  } finally {
    for (const child of children) child.kill("SIGKILL");
  }
}

function report(speeds: Samples, costs: Samples): void {
  console.log(`${runtime.name} ${runtime.version}, ${options.mib} MiB, ${options.rounds} rounds, medians`);
  console.log("           MB/s: raw   seam  seam/raw   relay's CPU s/GiB: raw  seam  raw/seam");
  for (const direction of DIRECTIONS) {
    const [raw, seam, rawCost, seamCost] = [speeds, costs].flatMap((samples) =>
      RELAYS.map((relay) => median(samples[`${relay} ${direction}`] ?? []))
    ) as [number, number, number, number];
    const speedCells = [
      raw.toFixed(0).padStart(15),
      seam.toFixed(0).padStart(6),
      (seam / raw).toFixed(3).padStart(9),
    ];
    const costCells = [rawCost.toFixed(2).padStart(24), seamCost.toFixed(2).padStart(5)];
    console.log(
      direction.padEnd(4),
      ...speedCells,
      ...costCells,
      (rawCost / seamCost).toFixed(3).padStart(9),
    );
  }
}

function median(numbers: readonly number[]): number {
  const sorted = numbers.toSorted((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? NaN;
}

/** What a child process of this program does. */
async function play(name: string, parameters: readonly string[]): Promise<void> {
  const port = Number(parameters[0]);
  runtime.onSignal("SIGHUP", () => {
    const { user, system } = process.cpuUsage();
    console.log((user + system) / 1e6);
  });
  if (name === "raw") console.log(startRawRelay(port));
  else if (name === "seam") console.log(await startSeamRelay(port));
  else if (name === "sink") console.log(await serveLoad());
  else if (name === "source") {
    console.log(await makeLoad(port, parameters[1] === "up", Number(parameters[2])));
  } else throw new TypeError(`Unknown role ${name}`);
}

async function startRole(children: ChildProcess[], parameters: readonly string[]): Promise<Role> {
  const child = spawnSelf(parameters);
  children.push(child);
  const lines = readLines(child);
  return { child, lines, port: Number(await nextLine(lines)) };
}

async function cpuSeconds(role: Role): Promise<number> {
  // Not `child.kill`: on Deno that works once.
  if (role.child.pid !== undefined) process.kill(role.child.pid, "SIGHUP");
  return Number(await nextLine(role.lines));
}

function spawnSelf(parameters: readonly string[]): ChildProcess {
  const script = fileURLToPath(import.meta.url);
  const prefix = runtime.name === "deno" ? ["run", "--allow-all", "--no-check", script] : [script];
  return spawn(process.execPath, [...prefix, ...parameters], { stdio: ["ignore", "pipe", "inherit"] });
}

function readLines(child: ChildProcess): AsyncIterator<string> {
  if (child.stdout === null) throw new TypeError("The child has no output");
  return createInterface({ input: child.stdout })[Symbol.asyncIterator]();
}

async function nextLine(lines: AsyncIterator<string>): Promise<string> {
  const { value, done } = await lines.next();
  if (done === true) throw new Error("A child process ended without an answer");
  return value;
}

async function startSink(children: ChildProcess[]): Promise<number> {
  if (options.flow === undefined) return (await startRole(children, ["sink"])).port;
  const probe = await runtime.listen({
    hostname: HOST,
    port: 0,
    onConnection: (connection) => connection.close(),
  });
  const { port } = probe.address;
  await probe.close();
  children.push(spawn(options.flow, ["serve", String(port)], { stdio: "inherit" }));
  for (;;) {
    const connection = await runtime.connect({ hostname: HOST, port }).catch(() => undefined);
    if (connection === undefined) continue;
    connection.close();
    return port;
  }
}

/** @returns MB/s; throws when bytes were lost */
async function load(port: number, direction: Direction, bytes: number): Promise<number> {
  const child = options.flow === undefined
    ? spawnSelf(["source", String(port), direction, String(bytes)])
    : spawn(options.flow, [direction, String(port), String(bytes), "1"], {
      stdio: ["ignore", "pipe", "inherit"],
    });
  let output = "";
  child.stdout?.on("data", (text) => output += text);
  const [code] = await once(child, "close");
  const speed = Number(output);
  if (code !== 0 || !(speed > 0)) throw new Error(`The load ${direction} through port ${port} failed`);
  return speed;
}

/** The built-in counterpart of `flow serve`: "u" or "d", a count (u64, little-endian), then the bytes. */
async function serveLoad(): Promise<number> {
  const server = createServer((socket) => {
    let missing = -1;
    let total = 0;
    socket.on("error", () => {});
    socket.on("data", (chunk: Buffer) => {
      let bytes = chunk;
      if (missing < 0) {
        const count = Number(bytes.readBigUInt64LE(1));
        if (bytes[0] === 100) {
          missing = 0;
          pump(socket, count);
          return;
        }
        missing = total = count;
        bytes = bytes.subarray(9);
      }
      missing -= bytes.length;
      if (missing === 0 && total > 0) socket.end(countBytes(total));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, HOST, resolve));
  const address = server.address();
  return typeof address === "object" && address !== null ? address.port : 0;
}

async function makeLoad(port: number, up: boolean, bytes: number): Promise<number> {
  const socket = connect(port, HOST);
  await once(socket, "connect");
  const startedAt = performance.now();
  let received = 0;
  let answer = 0n;
  const done = new Promise<void>((resolve, reject) => {
    socket.on("error", reject);
    socket.on("end", () => reject(new Error("The connection ended early")));
    socket.on("data", (chunk: Buffer) => {
      received += chunk.length;
      if (up && received === 8) answer = chunk.readBigUInt64LE(chunk.length - 8);
      if (received === (up ? 8 : bytes)) resolve();
    });
  });
  const head = new Uint8Array(9);
  head.set([up ? 117 : 100]);
  head.set(countBytes(bytes), 1);
  socket.write(head);
  if (up) pump(socket, bytes);
  await done;
  const seconds = (performance.now() - startedAt) / 1000;
  socket.destroy();
  if (up && answer !== BigInt(bytes)) throw new Error(`${answer} of ${bytes} bytes arrived`);
  return Math.round(bytes / 1e6 / seconds);
}

function pump(socket: Socket, bytes: number): void {
  let left = bytes;
  const more = (): void => {
    while (left > 0) {
      const piece = left < PIECE.length ? PIECE.subarray(0, left) : PIECE;
      left -= piece.length;
      if (!socket.write(piece)) {
        socket.once("drain", more);
        return;
      }
    }
  };
  more();
}

function countBytes(count: number): Uint8Array {
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(count), true);
  return bytes;
}
