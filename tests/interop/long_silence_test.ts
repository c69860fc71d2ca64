import assert from "node:assert/strict";
import { test } from "../harness.ts";
import { Bed, mixedTunnel, PAIRINGS, streamsOf } from "./bed.ts";
import { unlessLong } from "./rust_program.ts";
import { say } from "./service.ts";

/** Longer than the 90 s after which a silent session is dead in version 1, so that only heartbeats can keep it. */
const SILENCE_MS = 100_000;

test(
  "Heartbeats keep sessions and streams alive through 100 s in which nothing else passes, both ways round",
  async () => {
    await using bed = new Bed();
    await Promise.all(PAIRINGS.map(async (pairing) => {
      const { visitors, ours, rust } = await mixedTunnel(bed, pairing);
      const visitor = await bed.visitor(visitors);
      await say(visitor, "echo\nbefore");
      assert.equal(new TextDecoder().decode(await visitor.read(6)), "before", pairing);
      const lines = rust.lines.length;
      await new Promise((resolve) => setTimeout(resolve, SILENCE_MS)); // The silence is what is tested.
      await say(visitor, "after");
      assert.equal(new TextDecoder().decode(await visitor.read(5)), "after", pairing);
      assert.equal(streamsOf(ours), 1);
      assert.equal(ours.counters.get("sessions_opened"), 1);
      assert.equal(ours.counters.get("sessions_closed"), 0);
      assert.deepEqual(
        rust.lines.slice(lines),
        [],
        `${pairing}: the Rust program has nothing to complain about`,
      );
    }));
  },
  { skip: unlessLong, timeoutMs: SILENCE_MS + 60_000 },
);
