import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { test } from "../harness.ts";
import { until, within } from "../support/deadline.ts";
import type { RawSocket } from "../support/raw_socket.ts";
import { MIXES, nameOf } from "../support/tunnel_process.ts";
import { Admin } from "./_admin.ts";
import { ask, checkBothWays, checkReceived, type TrafficService } from "./_service.ts";
import { Stage, startTunnel } from "./_stage.ts";
import { MIB, Pattern, readToEnd } from "./_traffic.ts";

const IDLE = 1_000;
const STALLED = 100;
/** Connections that are opened at the same time: more would fill the queue of a listening socket. */
const AT_ONCE = 50;
/** The window of a stream at first is 256 KiB; one that is stalled keeps at least half of it waiting at the server. */
const STALLED_BUFFER_BYTES = STALLED * 128 * 1024;
const DEADLINE_MS = 120_000;

/** Opens `count` streams, some at a time. */
async function openMany<T>(count: number, open: (index: number) => Promise<T>): Promise<T[]> {
  const opened: T[] = [];
  while (opened.length < count) {
    const some = Array.from(
      { length: Math.min(AT_ONCE, count - opened.length) },
      (_, i) => opened.length + i,
    );
    opened.push(...await Promise.all(some.map(open)));
  }
  return opened;
}

/** Sends a word along an idle stream and waits for it to come back. */
async function hearEcho(socket: RawSocket, word: string): Promise<void> {
  await socket.write(Buffer.from(word));
  assert.equal(Buffer.from(await socket.read(word.length, DEADLINE_MS)).toString(), word);
}

/** A visitor that has asked for a flood and does not read it. */
interface Stalled {
  readonly socket: RawSocket;
  readonly seed: number;
  /** What had come before it stopped. */
  readonly begun: Buffer[];
}

async function openStalled(service: TrafficService, port: number, seed: number): Promise<Stalled> {
  const begun: Buffer[] = [];
  const socket = await ask(port, "flood", new Pattern(0, seed));
  socket.onData = (chunk) => void begun.push(Buffer.from(chunk));
  socket.pause();
  await until(() => service.flooded.has(seed), "the service has heard a visitor", DEADLINE_MS);
  return { socket, seed, begun };
}

/** Floods them until the kernel's buffers are full, and so are the windows of their streams; no more than that. */
async function stallAll(service: TrafficService, admin: Admin): Promise<void> {
  const giveUpAt = performance.now() + DEADLINE_MS;
  for (let bytes = 0, buffered = 0; buffered < STALLED_BUFFER_BYTES; buffered = await admin.bufferedBytes()) {
    const lag = [...service.flooded.values()].filter((sentBytes) => sentBytes < bytes).length;
    if (lag === 0) service.letFlood(bytes += MIB);
    if (performance.now() > giveUpAt) {
      throw new Error(`${buffered} bytes wait, while ${lag} streams have not sent ${bytes} bytes`);
    }
  }
}

async function readOn(service: TrafficService, { socket, seed, begun }: Stalled): Promise<void> {
  const received = readToEnd(socket, Buffer.concat(begun));
  socket.resume();
  await within(received, "the rest of a stalled stream", DEADLINE_MS);
  await checkReceived(received, new Pattern(service.flooded.get(seed) ?? 0, seed));
  await socket.close();
}

for (const mix of MIXES) {
  test(
    `A fast stream passes 1 000 idle and 100 stalled ones, which lose nothing (${nameOf(mix)})`,
    async () => {
      await using stage = new Stage();
      const service = await stage.service();
      const { port, server } = await startTunnel(stage, mix, {
        localPort: service.port,
        serverArgs: Admin.args,
      });
      const admin = await Admin.of(server.program);
      const idle = await openMany(IDLE, async (index) => {
        const socket = await ask(port, "echo");
        await hearEcho(socket, `first ${index}`);
        return socket;
      });
      const stalled = await openMany(STALLED, (index) => openStalled(service, port, index + 1));
      await stallAll(service, admin);

      await checkBothWays(port, new Pattern(64 * MIB));
      assert.ok(await admin.bufferedBytes() >= STALLED_BUFFER_BYTES, "The stalled streams moved");

      service.endFloods();
      await Promise.all(stalled.map((one) => readOn(service, one)));
      await Promise.all(idle.map((socket, index) => hearEcho(socket, `last ${index}`)));
      await Promise.all(idle.map((socket) => socket.close()));
    },
    { timeoutMs: DEADLINE_MS },
  );
}
