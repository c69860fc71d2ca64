/**
 * What somebody on the network sees of a tunnel, by a capture of its packets.
 *
 * @module
 */
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { spawnSync } from "node:child_process";
import { test } from "../harness.ts";
import { ChildProgram } from "../support/child_program.ts";
import { until } from "../support/deadline.ts";
import { findProgram, freePort, missing, programPath } from "../support/programs.ts";
import { connectSocket, listenSockets, type RawSocket } from "../support/raw_socket.ts";
import {
  type Mix,
  MIXES,
  nameOf,
  startClientProcess,
  startServerProcess,
  TOKEN,
} from "../support/tunnel_process.ts";
import { Stage } from "./_stage.ts";
import { TlsFiles } from "./_tls_files.ts";

const LOOPBACK = "127.0.0.1";
/** What visitor and service say: so short that it cannot be cut in two on the way. */
const MARKS = {
  visitor: "a-visitor-says-this-and-nobody-else",
  service: "a-service-says-this-and-nobody-else",
};
/** Sent in clear to the same port at the end: what was captured before it is complete. */
const LAST = "the-capture-is-complete-up-to-here";
const skip = missing("tcpdump", "openssl") ?? (mayCapture() ? undefined : "needs to be allowed to capture");

/** Whether this user may open loopback for a capture. */
function mayCapture(): boolean {
  const tcpdump = findProgram("tcpdump");
  // Compiles a filter for the interface and ends.
  return tcpdump !== undefined && spawnSync(tcpdump, ["-i", "lo", "-d", "tcp"]).status === 0;
}

/** Every byte of every packet from and to a port of loopback. */
class Capture implements AsyncDisposable {
  readonly #program: ChildProgram;
  #chunks: Uint8Array[] = [];

  /** @param port The port. */
  constructor(port: number) {
    const output = ["-i", "lo", "-s", "0", "-U", "--immediate-mode", "-w", "-"];
    const command = [programPath("tcpdump"), ...output, "tcp", "port", String(port)];
    this.#program = new ChildProgram(command, { onOutput: (chunk) => void this.#chunks.push(chunk) });
  }

  /** Resolves when no packet is missed any more. */
  async started(): Promise<void> {
    await this.#program.line(/listening on lo/);
  }

  /** Whether a text was in a packet, as it is. */
  has(text: string): boolean {
    const bytes = Buffer.concat(this.#chunks);
    this.#chunks = [bytes];
    return bytes.includes(text);
  }

  /** Asked to end, it would wait for one more packet. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#program.kill();
  }
}

interface Seen {
  readonly token: boolean;
  readonly visitor: boolean;
  readonly service: boolean;
}

/** The service: it goes when its visitor does. */
async function answer(socket: RawSocket): Promise<void> {
  await socket.read(MARKS.visitor.length);
  await socket.write(new TextEncoder().encode(MARKS.service));
  await socket.ended;
  await socket.end();
}

/** What of a token and of two messages is seen on the way between a server and its client. */
async function seenOnTheWay(
  mix: Mix,
  options: { readonly tls: boolean; readonly mode: string },
): Promise<Seen> {
  await using stage = new Stage();
  const service = await listenSockets({ onSocket: (socket) => void answer(socket) });
  stage.keep({ [Symbol.asyncDispose]: () => service.close() });
  const port = await freePort();
  const capture = stage.keep(new Capture(port));
  await capture.started();
  const files = options.tls ? new TlsFiles(stage.folder) : undefined;
  await stage.run(
    startServerProcess({ runtime: mix.server, port, args: files?.server({ mutual: false }) ?? [] }),
  );
  const client = await stage.run(
    startClientProcess({
      runtime: mix.client,
      serverPort: port,
      localPort: service.address.port,
      args: [...files?.client({}) ?? [], "--mode", options.mode],
    }),
  );
  const visitor = await connectSocket({ hostname: LOOPBACK, port: client.publicPort });
  await visitor.write(new TextEncoder().encode(MARKS.visitor));
  assert.equal(new TextDecoder().decode(await visitor.read(MARKS.service.length)), MARKS.service);
  await visitor.close();
  const last = await connectSocket({ hostname: LOOPBACK, port });
  await last.write(new TextEncoder().encode(LAST));
  await until(() => capture.has(LAST), "the capture is complete");
  await last.close();
  return {
    token: capture.has(TOKEN),
    visitor: capture.has(MARKS.visitor),
    service: capture.has(MARKS.service),
  };
}

for (const mix of MIXES) {
  for (const mode of ["multiplexed", "direct"]) {
    test(
      `H13: on the wire neither token nor payload is in clear with TLS, ${mode} (${nameOf(mix)})`,
      async () => {
        const seen = await seenOnTheWay(mix, { tls: true, mode });
        assert.deepEqual(seen, { token: false, visitor: false, service: false });
      },
      { skip },
    );
  }
}

test("H13: the same capture sees token and payload where they are in clear, without TLS", async () => {
  const [mix] = MIXES;
  assert.ok(mix !== undefined);
  for (const mode of ["multiplexed", "direct"]) {
    const seen = await seenOnTheWay(mix, { tls: false, mode });
    assert.deepEqual(seen, { token: true, visitor: true, service: true }, mode);
  }
}, { skip });
