import assert from "node:assert/strict";
import {
  AddressPenalties,
  assertToken,
  Authenticator,
  FORGIVING_MS,
  FREE_FAILURES,
  MAX_PENALTY_MS,
  MAX_REMEMBERED_ADDRESSES,
} from "../../src/tunnel/authenticator.ts";
import { test } from "../harness.ts";
import { FakeClock } from "./fake_clock.ts";

test("Authenticator.check() names the token that matches", () => {
  const authenticator = new Authenticator([
    { name: "home", token: "correct horse" },
    { name: "office", token: "battery staple" },
    { name: "longest", token: "x".repeat(256) },
  ]);
  assert.equal(authenticator.check("correct horse"), "home");
  assert.equal(authenticator.check("battery staple"), "office");
  assert.equal(authenticator.check("x".repeat(256)), "longest");
});

test("Authenticator.check() refuses everything else", () => {
  const authenticator = new Authenticator([{ name: "home", token: "correct horse" }]);
  const wrong = [
    "",
    "correct",
    "correct horse ",
    "Correct horse",
    "home",
    "x".repeat(255),
    "correct hors\u00e9",
  ];
  for (const candidate of wrong) assert.equal(authenticator.check(candidate), undefined, candidate);
});

test("Authenticator refuses tokens that cannot be used", () => {
  const named = (...tokens: string[]): { name: string; token: string }[] =>
    tokens.map((token, index) => ({ name: `token ${index}`, token }));
  assert.throws(() => new Authenticator([]), TypeError);
  assert.throws(() => new Authenticator([...named("a"), ...named("b")]), /Two tokens have the same name/);
  for (const token of ["", "x".repeat(257), "new\nline", "caf\u00e9", "\u007f"]) {
    assert.throws(() => new Authenticator(named("good", token)), TypeError);
  }
});

test("assertToken() does not show the token", () => {
  for (const secret of ["caf\u00e9-secret", "secret".repeat(100)]) {
    assert.throws(() => assertToken(secret), (error) => {
      return error instanceof TypeError && !String(error.stack).includes("secret");
    });
  }
});

/** How long an address is shut out after its last failure. */
function penaltyMs(penalties: AddressPenalties, clock: FakeClock): number {
  let ms = 0;
  while (penalties.isShutOut("192.0.2.1")) {
    clock.advance(500);
    ms += 500;
  }
  return ms;
}

test("AddressPenalties lets the first failures pass, then doubles the penalty up to a minute", () => {
  const clock = new FakeClock();
  const penalties = new AddressPenalties(clock);
  const seen: number[] = [];
  for (let failure = 0; failure < FREE_FAILURES + 9; failure++) {
    penalties.failed("192.0.2.1");
    seen.push(penaltyMs(penalties, clock));
  }
  const growing = [1, 2, 4, 8, 16, 32, 60, 60, 60].map((seconds) => seconds * 1000);
  assert.deepEqual(seen, [...Array<number>(FREE_FAILURES).fill(0), ...growing]);
  assert.equal(seen.at(-1), MAX_PENALTY_MS);
});

test("AddressPenalties shuts out one address and no other", () => {
  const penalties = new AddressPenalties(new FakeClock());
  for (let failure = 0; failure <= FREE_FAILURES; failure++) penalties.failed("192.0.2.1");
  assert.equal(penalties.isShutOut("192.0.2.1"), true);
  assert.equal(penalties.isShutOut("192.0.2.2"), false);
});

test("AddressPenalties forgives one failure for each minute without another, and not a moment earlier", () => {
  for (const [waitMs, shutOut] of [[FORGIVING_MS - 1, true], [FORGIVING_MS, false]] as const) {
    const clock = new FakeClock();
    const penalties = new AddressPenalties(clock);
    for (let failure = 0; failure < FREE_FAILURES; failure++) penalties.failed("192.0.2.1");
    clock.advance(waitMs);
    penalties.failed("192.0.2.1");
    assert.equal(penalties.isShutOut("192.0.2.1"), shutOut, `${waitMs} ms`);
  }
});

test("AddressPenalties forgives nothing while an address is shut out", () => {
  const clock = new FakeClock();
  const penalties = new AddressPenalties(clock);
  const fail = (): number => {
    penalties.failed("192.0.2.1");
    return penaltyMs(penalties, clock);
  };
  while (fail() < MAX_PENALTY_MS);
  for (let round = 0; round < 100; round++) assert.equal(fail(), MAX_PENALTY_MS, `round ${round}`);
});

test("AddressPenalties forgives everything in the end", () => {
  const clock = new FakeClock();
  const penalties = new AddressPenalties(clock);
  for (let failure = 0; failure < 2 * FREE_FAILURES; failure++) penalties.failed("192.0.2.1");
  clock.advance(MAX_PENALTY_MS + 2 * FREE_FAILURES * FORGIVING_MS);
  for (let failure = 0; failure < FREE_FAILURES; failure++) penalties.failed("192.0.2.1");
  assert.equal(penalties.isShutOut("192.0.2.1"), false);
  penalties.failed("192.0.2.1");
  assert.equal(penalties.isShutOut("192.0.2.1"), true);
});

test("AddressPenalties remembers as many addresses as it says, and forgets the one that failed longest ago", () => {
  const penalties = new AddressPenalties(new FakeClock());
  for (const address of ["oldest", "renewed"]) {
    for (let failure = 0; failure < FREE_FAILURES; failure++) penalties.failed(address);
  }
  penalties.failed("oldest");
  penalties.failed("renewed");
  for (let index = 2; index < MAX_REMEMBERED_ADDRESSES; index++) penalties.failed(`address ${index}`);
  assert.equal(penalties.isShutOut("oldest"), true, "all are remembered at the bound");
  penalties.failed("one more");
  assert.equal(penalties.isShutOut("oldest"), false, "the oldest is forgotten beyond it");
  assert.equal(penalties.isShutOut("renewed"), true);
  penalties.failed("renewed"); // Now the youngest.
  for (let index = 0; index < MAX_REMEMBERED_ADDRESSES - 1; index++) penalties.failed(`other ${index}`);
  assert.equal(penalties.isShutOut("renewed"), true);
  penalties.failed("the last one");
  assert.equal(penalties.isShutOut("renewed"), false);
});
