/**
 * Whether the time that a check takes says something about a token.
 *
 * @module
 */
import assert from "node:assert/strict";
import { Authenticator } from "../../src/tunnel/authenticator.ts";
import { test } from "../harness.ts";
import { LONG } from "../support/long.ts";

const SAMPLES = LONG ? 1_000_000 : 20_000;
const TOKEN = "t".repeat(256);
/** Wrong in the first character, and in the last: what compares character by character tells them apart. */
const FIRST_WRONG = `x${TOKEN.slice(1)}`;
const LAST_WRONG = `${TOKEN.slice(0, -1)}x`;
/** Of the samples, the slowest are what else the machine did. */
const KEPT_SHARE = 0.5;
/** Welch's t beyond which two sets of times are different. A busy machine comes to 5 by chance, a leak to hundreds. */
const DIFFERENT = 15;

/** Welch's t of the times that `check` takes for the two candidates, measured in turn. */
function differenceOf(check: (candidate: string) => unknown): number {
  const times: [number[], number[]] = [[], []];
  for (let sample = 0; sample < SAMPLES; sample++) {
    // Which comes first changes at random, so that neither always finds the caches warm.
    const which = Math.random() < 0.5 ? 0 : 1;
    const startedAt = performance.now();
    check(which === 0 ? FIRST_WRONG : LAST_WRONG);
    times[which].push(performance.now() - startedAt);
  }
  const [a, b] = times.map(statistics) as [Statistics, Statistics];
  return Math.abs(a.mean - b.mean) / Math.sqrt(a.variance / a.count + b.variance / b.count);
}

interface Statistics {
  readonly count: number;
  readonly mean: number;
  readonly variance: number;
}

function statistics(times: number[]): Statistics {
  const kept = times.sort((a, b) => a - b).slice(0, times.length * KEPT_SHARE);
  const mean = kept.reduce((sum, time) => sum + time, 0) / kept.length;
  const squares = kept.reduce((sum, time) => sum + (time - mean) ** 2, 0);
  return { count: kept.length, mean, variance: squares / (kept.length - 1) };
}

/** What nobody should write: stops at the first character that is wrong. */
function leaky(candidate: string): boolean {
  for (let index = 0; index < TOKEN.length; index++) {
    if (candidate.charCodeAt(index) !== TOKEN.charCodeAt(index)) return false;
  }
  return true;
}

test(
  `H1: ${SAMPLES} checks take as long for a token wrong at its beginning as for one wrong at its end`,
  () => {
    const authenticator = new Authenticator([{ name: "home", token: TOKEN }]);
    const measure = (): number => differenceOf((candidate) => authenticator.check(candidate));
    // What the machine does besides may look like a difference once, but not each time.
    const found = Math.min(measure(), measure(), measure());
    assert.ok(found < DIFFERENT, `t is ${found}`);
    assert.equal(authenticator.check(TOKEN), "home");
  },
  { timeoutMs: 600_000 },
);

test("H1: the same measure finds a comparison that stops at the first difference", () => {
  // Twenty times in a row, since the clock is coarse.
  const found = differenceOf((candidate) => {
    for (let round = 0; round < 20; round++) leaky(candidate);
  });
  assert.ok(found > DIFFERENT, `t is ${found}`);
});
