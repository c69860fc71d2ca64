import assert from "node:assert/strict";
import { encodeControl } from "../../src/wire/control.ts";
import { FRAME_DATA } from "../../src/wire/frame.ts";
import { test } from "../harness.ts";
import { within } from "../support/deadline.ts";
import { connectSocket, listenSockets, type RawSocket } from "../support/raw_socket.ts";
import { freePort } from "../support/programs.ts";
import { Bed } from "./bed.ts";
import { type Scenario, SCENARIOS, TUNNEL_ID } from "./scenarios.ts";
import {
  type Entry,
  FrameCutter,
  loadTranscript,
  messageIn,
  normalised,
  toHex,
  transcriptNames,
} from "./transcript.ts";

const LOOPBACK = "127.0.0.1";
/** What may be said to a peer of version 1. */
const VERSION_1_MESSAGES = {
  server: ["handshake_ack", "open_stream", "close_stream", "heartbeat_ack"],
  client: ["handshake", "close_stream", "heartbeat"],
} as const;

/** Plays the Rust side of a recording. Every frame of ours must come as it was recorded, where it was recorded. */
class Player {
  readonly #socket: RawSocket;
  readonly #cutter = new FrameCutter();
  readonly #frames: Uint8Array[] = [];
  #came: () => void = () => {};

  constructor(socket: RawSocket) {
    this.#socket = socket;
    socket.onData = (chunk) => {
      this.#frames.push(...this.#cutter.push(chunk));
      this.#came();
    };
  }

  /** @param act Begins a step; what it returns is awaited before the next one begins, and at the end. */
  async play(entries: readonly Entry[], act: (step: string) => Promise<void>): Promise<void> {
    let acting: Promise<void> = Promise.resolve();
    for (const [index, entry] of entries.entries()) {
      if ("step" in entry) {
        await acting;
        acting = act(entry.step);
        acting.catch(() => {}); // It is awaited later, when the frames in between have been compared.
      } else if (entry.from === "rust") await this.#socket.write(entry.frame);
      else {
        const frame = await within(this.#next(), `entry ${index} of the recording`);
        assert.equal(toHex(normalised(frame)), toHex(normalised(entry.frame)), `entry ${index}`);
      }
    }
    await acting;
  }

  /** Ends the conversation. Nothing more may have come than was recorded. */
  async finish(): Promise<void> {
    await this.#socket.end();
    await within(this.#socket.ended, "the other side to close");
    assert.deepEqual(this.#frames.map(toHex), [], "frames that were not recorded");
    assert.equal(this.#cutter.pendingBytes, 0);
  }

  async #next(): Promise<Uint8Array> {
    while (this.#frames.length === 0) await new Promise<void>((resolve) => this.#came = resolve);
    return this.#frames.shift() as Uint8Array;
  }
}

async function replayToServer(bed: Bed, scenario: Scenario, entries: readonly Entry[]): Promise<void> {
  const ours = await bed.ourServer();
  const [hello] = entries;
  assert.ok(hello !== undefined && "frame" in hello && hello.from === "rust");
  if (scenario.taken) {
    const holder = await connectSocket(ours.server.address);
    bed.later(() => holder.close());
    await holder.write(hello.frame);
    await holder.read(5);
  }
  const socket = await connectSocket(ours.server.address);
  bed.later(() => socket.close());
  const player = new Player(socket);
  await player.play(entries, (step) => {
    const act = scenario.steps[step];
    assert.ok(act !== undefined, `no step ${step}`);
    return act(() => bed.visitor(ours.visitors));
  });
  await player.finish();
  assert.equal(ours.server.counters.get("protocol_errors"), 0);
  assert.equal(ours.server.counters.get("orphan_frames"), 0);
}

async function replayToClient(bed: Bed, scenario: Scenario, entries: readonly Entry[]): Promise<void> {
  const service = await bed.service();
  const listener = await listenSockets();
  bed.later(() => listener.close());
  const port = scenario.serviceDown ? await freePort() : service.address.port;
  const { client } = bed.ourClient(listener.address.port, { hostname: LOOPBACK, port }, {
    tunnelId: TUNNEL_ID,
    // The recordings are shorter than ten seconds; a busy machine may take longer, and must not beat once more.
    limits: { heartbeatIntervalMs: 3_600_000, reconnectMinMs: 3_600_000, reconnectMaxMs: 3_600_000 },
    ...scenario.token === undefined ? {} : { token: scenario.token },
  });
  const player = new Player(await listener.next());
  await player.play(entries, () => Promise.resolve());
  await player.finish();
  assert.equal(client.counters.get("protocol_errors"), 0);
  assert.equal(client.counters.get("orphan_frames"), 0);
}

for (const scenario of SCENARIOS) {
  const { name, pairing } = scenario;
  const oursIs = pairing === "Rust client, our server" ? "server" : "client";

  test(`${name}: our ${oursIs} sends what it has sent to the Rust program, byte for byte`, async () => {
    await using bed = new Bed();
    const { entries } = loadTranscript(name);
    await (oursIs === "server" ? replayToServer : replayToClient)(bed, scenario, entries);
  });

  test(`${name}: our ${oursIs} has sent nothing but version 1`, () => {
    let messages = 0;
    for (const entry of loadTranscript(name).entries) {
      if ("step" in entry || entry.from === "rust") continue;
      const message = messageIn(entry.frame);
      if (message !== undefined) {
        messages++;
        assert.ok((VERSION_1_MESSAGES[oursIs] as readonly string[]).includes(message.type), message.type);
        if (message.type === "open_stream") assert.deepEqual(message.headers, []);
        if (message.type === "handshake_ack") {
          assert.ok(message.capabilities.every((name) => /^[a-z]+$/.test(name)));
        }
        continue;
      }
      assert.equal(entry.frame[4], FRAME_DATA, "a frame type of ours");
      assert.equal(entry.frame[9], 0, "a flag");
      assert.ok(entry.frame.length > 10, "an empty data frame, which the Rust program takes for an end");
    }
    assert.ok(messages > 0);
  });

  test(`${name}: what the Rust program has sent is what our codec makes of it`, () => {
    let messages = 0;
    for (const entry of loadTranscript(name).entries) {
      if ("step" in entry || entry.from === "ours") continue;
      const message = messageIn(entry.frame);
      if (message === undefined) continue;
      messages++;
      assert.equal(toHex(encodeControl(message)), toHex(entry.frame));
    }
    assert.ok(messages > 0);
  });
}

test("Every scenario has its transcript, with every step, and every transcript its scenario", () => {
  assert.deepEqual(transcriptNames(), SCENARIOS.map(({ name }) => name).sort());
  for (const { name, steps } of SCENARIOS) {
    const { scenario, entries } = loadTranscript(name);
    assert.equal(scenario, name);
    assert.deepEqual(entries.flatMap((entry) => "step" in entry ? [entry.step] : []), Object.keys(steps));
  }
});
