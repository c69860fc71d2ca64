/**
 * The visitors, in TypeScript; `visit.c` does the same for less.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import process from "node:process";
import { END, HEADER_BYTES, type Operation, Peer, type PlaceText } from "./peer.ts";
import { patternAt } from "./pattern.ts";

const PING_BYTES = 64;

/** Connections that are opened at once: fewer than any backlog. */
const BATCH = 32;

/** Prints the result of a visit. */
export type Print = (result: Readonly<Record<string, number>>) => void;

/** Moves `bytes` on each of `streams` connections at once. */
export async function bulk(
  { operation, place, bytes, streams }: {
    readonly operation: "u" | "d";
    readonly place: PlaceText;
    readonly bytes: number;
    readonly streams: number;
  },
  print: Print,
): Promise<void> {
  const peers = await Promise.all(Array.from({ length: streams }, () => Peer.dial(place)));
  const cpuBefore = process.cpuUsage();
  const startMs = performance.now();
  const ends = await Promise.all(peers.map((peer, number) => transfer(peer, { operation, number, bytes })));
  const cpu = process.cpuUsage(cpuBefore);
  print({
    bytes: bytes * streams,
    seconds: (Math.max(...ends) - startMs) / 1000,
    cpuSeconds: (cpu.user + cpu.system) / 1e6,
  });
}

async function transfer(
  peer: Peer,
  { operation, number, bytes }: {
    readonly operation: Operation;
    readonly number: number;
    readonly bytes: number;
  },
): Promise<number> {
  const seed = 1 + 7919 * number;
  peer.failWhenStalled(true);
  await peer.sendHeader(operation, seed, bytes);
  let right: number;
  if (operation === "u") {
    await peer.sendPattern(seed, bytes);
    right = Number((await peer.receive(8)).readBigUInt64LE(0));
  } else {
    right = await peer.receivePattern(seed, bytes);
  }
  const endMs = performance.now();
  if (right !== bytes) throw new Error(`Stream ${number}: mismatch at byte ${right}`);
  await peer.send(Buffer.of(END));
  const [end] = await peer.receive(1);
  if (end !== END) throw new Error(`Stream ${number}: mismatch, a byte too many`);
  peer.close();
  return endMs;
}

/** Round trips of 64 bytes on one connection for so many milliseconds. */
export async function ping(
  { place, forMs, warmUp }: {
    readonly place: PlaceText;
    readonly forMs: number;
    /** Round trips that do not count. */
    readonly warmUp: number;
  },
  print: Print,
): Promise<void> {
  const peer = await Peer.dial(place);
  peer.failWhenStalled(true);
  await peer.sendHeader("e", 0, 0);
  const timesUs: number[] = [];
  const begunMs = performance.now();
  let endMs = Infinity;
  for (let round = 0; performance.now() < endMs; round++) {
    const message = patternAt(round * 61, PING_BYTES);
    const startMs = performance.now();
    // Not longer than what is measured: a slow line, or a tunnel that lets a small stream wait, would take for ever.
    if (endMs === Infinity && (round >= warmUp || startMs - begunMs > forMs)) endMs = startMs + forMs;
    await peer.send(message);
    const answer = await peer.receive(PING_BYTES);
    if (endMs < Infinity) timesUs.push((performance.now() - startMs) * 1000);
    if (!message.equals(answer)) throw new Error(`Mismatch in round trip ${round}`);
  }
  peer.close();
  print({
    count: timesUs.length,
    p50Us: percentile(timesUs, 500),
    p99Us: percentile(timesUs, 990),
    p999Us: percentile(timesUs, 999),
  });
}

/** The least time that so many thousandths of all do not exceed; puts them in order. */
export function percentile(timesUs: number[], thousandths: number): number {
  timesUs.sort((one, other) => one - other);
  return timesUs[Math.ceil((timesUs.length * thousandths) / 1000) - 1] ?? NaN;
}

/** New connections for so many milliseconds, `lanes` at a time: connect, one byte and its echo, reset. */
export async function connectAnew(
  { place, forMs, lanes }: { readonly place: PlaceText; readonly forMs: number; readonly lanes: number },
  print: Print,
): Promise<void> {
  const startMs = performance.now();
  let count = 0;
  await Promise.all(Array.from({ length: lanes }, async () => {
    // At least once, however long others took.
    do {
      const byte = count++ & 0xff;
      const peer = await openEcho(place, byte);
      await expectEcho(peer, byte);
      peer.reset();
    } while (performance.now() < startMs + forMs);
  }));
  print({ count, seconds: (performance.now() - startMs) / 1000 });
}

/** Opens `count` connections, holds them until standard input ends, then sees whether all still carry a byte. */
export async function idle(
  { place, count }: { readonly place: PlaceText; readonly count: number },
  print: Print,
): Promise<void> {
  const peers: Peer[] = [];
  while (peers.length < count) {
    const first = peers.length;
    const batch = Array.from({ length: Math.min(BATCH, count - first) }, async (_, index) => {
      const peer = await openEcho(place, (first + index) & 0xff);
      await expectEcho(peer, (first + index) & 0xff);
      peer.failWhenStalled(false);
      return peer;
    });
    peers.push(...await Promise.all(batch));
  }
  print({ open: count });
  for await (const _ of process.stdin) continue;
  await Promise.all(peers.map(async (peer, index) => {
    peer.failWhenStalled(true);
    await peer.send(Buffer.of((index + 1) & 0xff));
    await expectEcho(peer, (index + 1) & 0xff);
    peer.close();
  }));
  print({ alive: count });
}

async function openEcho(place: PlaceText, byte: number): Promise<Peer> {
  const request = Buffer.alloc(HEADER_BYTES + 1);
  request.write("e", 0, "latin1");
  request[HEADER_BYTES] = byte;
  const peer = await Peer.dial(place);
  peer.failWhenStalled(true);
  await peer.send(request);
  return peer;
}

async function expectEcho(peer: Peer, byte: number): Promise<void> {
  const [answer] = await peer.receive(1);
  if (answer !== byte) throw new Error(`Mismatch in an echo: ${answer} instead of ${byte}`);
}
