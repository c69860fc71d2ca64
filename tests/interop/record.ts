/**
 * Records the transcripts anew: `deno run --allow-all tests/interop/record.ts`, with the Rust program on the PATH. Between
 * the Rust program and ours stands a proxy that writes down every frame; what visitors do is the same as in the test that
 * plays the transcripts.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { execFileSync } from "node:child_process";
import { connect, createServer, type Socket } from "node:net";
import process from "node:process";
import { untilStill } from "../support/deadline.ts";
import { freePort } from "../support/programs.ts";
import { Bed, connected } from "./bed.ts";
import { RUST_CLIENT_IN, rustProgram } from "./rust_program.ts";
import { type Scenario, SCENARIOS, TUNNEL_ID } from "./scenarios.ts";
import { type Entry, FrameCutter, saveTranscript } from "./transcript.ts";

const LOOPBACK = "127.0.0.1";

/** Relays one connection to `target` and writes down its frames; later connections are refused. */
async function startRecorder(
  bed: Bed,
  target: number,
  clientIs: "rust" | "ours",
): Promise<{ readonly port: number; readonly entries: Entry[] }> {
  const entries: Entry[] = [];
  const note = (from: "rust" | "ours") => {
    const cutter = new FrameCutter();
    return (chunk: Buffer): void => {
      for (const frame of cutter.push(new Uint8Array(chunk))) entries.push({ from, frame });
    };
  };
  const sockets: Socket[] = [];
  const server = createServer((near) => {
    sockets.push(near);
    near.on("error", () => {});
    if (sockets.length > 1) {
      near.destroy();
      return;
    }
    const far = connect(target, LOOPBACK);
    sockets.push(far);
    far.on("error", () => {});
    near.on("data", note(clientIs));
    far.on("data", note(clientIs === "rust" ? "ours" : "rust"));
    near.pipe(far).pipe(near);
  });
  await new Promise<void>((resolve) => server.listen(0, LOOPBACK, resolve));
  bed.later(() => {
    for (const socket of sockets) socket.destroy();
    return new Promise((resolve) => server.close(resolve));
  });
  const address = server.address();
  if (address === null || typeof address === "string") throw new TypeError("The recorder has no port");
  return { port: address.port, entries };
}

/** Starts both programs with a recorder between them. @returns where visitors come in, and what is written down */
async function start(bed: Bed, scenario: Scenario): Promise<{ visitorsPort: number; entries: Entry[] }> {
  const { pairing, token, taken = false, serviceDown = false } = scenario;
  const service = await bed.service();
  const localPort = serviceDown ? await freePort() : service.address.port;
  const more = token === undefined ? {} : { token };
  const isRefused = taken || token !== undefined;
  if (pairing === "Rust client, our server") {
    const ours = await bed.ourServer();
    const { port, entries } = await startRecorder(bed, ours.port, "rust");
    if (taken) await bed.rustClient({ serverPort: ours.port, localPort, tunnelId: TUNNEL_ID });
    const rust = bed.launchRustClient({ serverPort: port, localPort, tunnelId: TUNNEL_ID, ...more });
    await rust.line(isRefused ? /Handshake rejected/ : RUST_CLIENT_IN);
    return { visitorsPort: ours.visitors.port, entries };
  }
  const rust = await bed.rustServer();
  const { port, entries } = await startRecorder(bed, rust.port, "ours");
  const local = { hostname: LOOPBACK, port: localPort };
  if (taken) await connected(bed.ourClient(rust.port, local, { tunnelId: TUNNEL_ID }));
  const ours = bed.ourClient(port, local, { tunnelId: TUNNEL_ID, ...more });
  if (!isRefused) await connected(ours);
  return { visitorsPort: rust.visitorsPort, entries };
}

async function record(scenario: Scenario, rust: string): Promise<void> {
  await using bed = new Bed();
  const { visitorsPort, entries } = await start(bed, scenario);
  const quiet = (): Promise<void> => untilStill(() => entries.length, "no frames pass");
  await quiet();
  for (const [step, act] of Object.entries(scenario.steps)) {
    entries.push({ step });
    await act(() => bed.visitor({ port: visitorsPort }));
    await quiet();
  }
  saveTranscript({ scenario: scenario.name, rust, entries: [...entries] });
  console.log(`${scenario.name}: ${entries.length} entries`);
}

if (rustProgram === undefined) throw new Error("Cannot find the Rust ferrotunnel on the PATH");
const version = execFileSync(rustProgram, ["--version"], { encoding: "utf8" }).trim();
for (const scenario of SCENARIOS) await record(scenario, version);
process.exit(0);
