/**
 * What visitors of the TCP service do in a soak.
 *
 * @module
 */
import { ask } from "../e2e/_service.ts";
import { Pattern, readToEnd, writePattern } from "../e2e/_traffic.ts";
import { until, within } from "../support/deadline.ts";
import { connectSocket } from "../support/raw_socket.ts";
import { EarlyEnd, LOOPBACK, pause, type Roll, STALL_MS, VISIT_DEADLINE_MS, WrongBytes } from "./_visit.ts";

const MAX_TRANSFER_BYTES = 4 * 1024 * 1024;
const MAX_ECHO_BYTES = 60_000;
const SEEDS = 16;

/** A visit to a port. */
type PortVisit = (port: number, roll: Roll) => Promise<number>;

async function echo(port: number, roll: Roll): Promise<number> {
  const socket = await ask(port, "echo");
  try {
    let bytes = 0;
    for (let round = 1 + roll(5); round > 0; round--) {
      const sent = crypto.getRandomValues(new Uint8Array(1 + roll(MAX_ECHO_BYTES)));
      if (!await socket.write(sent)) throw new Error("The connection broke off");
      const back = await socket.read(sent.length, VISIT_DEADLINE_MS);
      if (back.some((byte, index) => byte !== sent[index])) throw new WrongBytes("An echo is wrong");
      bytes += 2 * sent.length;
    }
    await socket.end();
    if ((await socket.readToEnd(VISIT_DEADLINE_MS)).length > 0) throw new WrongBytes("An echo is too long");
    return bytes;
  } finally {
    await socket.close();
  }
}

async function upload(port: number, roll: Roll): Promise<number> {
  const pattern = new Pattern(1 + roll(MAX_TRANSFER_BYTES), 1 + roll(SEEDS));
  const socket = await ask(port, "take", pattern);
  try {
    await within(writePattern(socket, pattern), "an upload", VISIT_DEADLINE_MS);
    await socket.end();
    const answer = new TextDecoder().decode(await socket.readToEnd(VISIT_DEADLINE_MS));
    const expected = `${pattern.sizeBytes} ${pattern.digest()}`;
    if (!expected.startsWith(answer)) throw new WrongBytes(`An upload arrived as ${answer}, not ${expected}`);
    if (answer !== expected) throw new EarlyEnd(`An upload was answered with ${answer.length} characters`);
    return pattern.sizeBytes;
  } finally {
    await socket.close();
  }
}

/** @param pauseMs How long the visitor reads nothing in the middle. */
async function download(port: number, pattern: Pattern, pauseMs: number): Promise<number> {
  const socket = await ask(port, "give", pattern);
  try {
    const received = readToEnd(socket);
    received.catch(() => {}); // It is awaited below, unless something else fails first.
    if (pauseMs > 0) {
      socket.pause();
      await pause(pauseMs);
      socket.resume();
    }
    const { bytes, digest } = await within(received, "a download", VISIT_DEADLINE_MS);
    if (bytes > pattern.sizeBytes) throw new WrongBytes("A download is too long");
    if (bytes < pattern.sizeBytes) throw new EarlyEnd(`A download ended after ${bytes} bytes`);
    if (digest !== pattern.digest()) throw new WrongBytes("A download is wrong");
    await socket.end();
    return bytes;
  } finally {
    await socket.close();
  }
}

/** Leaves at once, after the first word, or in the middle. */
async function abort(port: number, roll: Roll): Promise<number> {
  const kind = roll(3);
  const socket = kind === 0
    ? await connectSocket({ hostname: LOOPBACK, port })
    : await ask(port, "give", new Pattern(MAX_TRANSFER_BYTES));
  if (kind === 2) await until(() => socket.bytesReceived > 0 || socket.isEnded, "the first bytes");
  const bytes = socket.bytesReceived;
  await socket.reset();
  return bytes;
}

/** Each kind of visit to a TCP port. */
export const TCP_VISITS: Readonly<Record<string, PortVisit>> = {
  echo,
  upload,
  download: (port, roll) => download(port, new Pattern(1 + roll(MAX_TRANSFER_BYTES), 1 + roll(SEEDS)), 0),
  "stalled download": (port, roll) => {
    const pattern = new Pattern(MAX_TRANSFER_BYTES / 2 + roll(MAX_TRANSFER_BYTES / 2), 1 + roll(SEEDS));
    return download(port, pattern, roll(STALL_MS));
  },
  abort,
};
