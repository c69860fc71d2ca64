import assert from "node:assert/strict";
import { dialInTurn } from "../../src/runtime/_dial_in_turn.ts";
import { test } from "../harness.ts";

type Attempt = readonly [address: string, shareMs: number];

/** Dials addresses that are silent, except for those that refuse after a while or answer at once. */
async function dial(
  addresses: readonly string[],
  timeoutMs: number,
): Promise<{ attempts: Attempt[]; result: string; tookMs: number }> {
  const attempts: Attempt[] = [];
  let nowMs = 0;
  const result = await dialInTurn(addresses, {
    timeoutMs,
    now: () => nowMs,
    attempt: (address, shareMs) => {
      attempts.push([address, shareMs]);
      if (address === "answers") return Promise.resolve("connected");
      nowMs += address === "refuses" ? 1_000 : shareMs;
      return Promise.reject(new Error(address));
    },
  }).catch((error: Error) => error.message);
  return { attempts, result, tookMs: nowMs };
}

test("dialInTurn() gives a single address all the time", async () => {
  const { attempts, result } = await dial(["silent"], 10_000);
  assert.deepEqual(attempts, [["silent", 10_000]]);
  assert.equal(result, "silent");
});

test("dialInTurn() gives an address that swallows everything a share only", async () => {
  const { attempts, result } = await dial(["silent", "answers"], 10_000);
  assert.deepEqual(attempts, [["silent", 5_000], ["answers", 5_000]]);
  assert.equal(result, "connected");
});

test("dialInTurn() shares out what an early refusal has left", async () => {
  const { attempts, result, tookMs } = await dial(["refuses", "silent", "last"], 9_000);
  assert.deepEqual(attempts, [["refuses", 3_000], ["silent", 4_000], ["last", 4_000]]);
  assert.equal(result, "last");
  assert.equal(tookMs, 9_000);
});

test("dialInTurn() gives no less than 2 s, and leaves out what there is no time for", async () => {
  const { attempts, tookMs } = await dial(["a", "b", "c", "d"], 5_000);
  assert.deepEqual(attempts, [["a", 2_000], ["b", 2_000], ["c", 1_000]]);
  assert.equal(tookMs, 5_000);
});

test("dialInTurn() tries one address even when there is no time", async () => {
  const { attempts, result } = await dial(["answers", "b"], 0);
  assert.deepEqual(attempts, [["answers", 0]]);
  assert.equal(result, "connected");
});
