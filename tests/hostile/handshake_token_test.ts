import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { FREE_FAILURES } from "../../src/tunnel/authenticator.ts";
import { AUTHENTICATION_FAILURE_DELAY_MS } from "../../src/tunnel/server_session.ts";
import { test } from "../harness.ts";
import { FakeClock } from "../tunnel/fake_clock.ts";
import { CLIENT_CAPABILITIES, type Puppet } from "../tunnel/puppet.ts";
import { OTHER_TOKEN, TOKEN, World } from "../tunnel/world.ts";

const AUTHENTICATOR = new URL("../../src/tunnel/authenticator.ts", import.meta.url);

test("H1: tokens are compared as digests, in constant time", () => {
  const source = readFileSync(AUTHENTICATOR, "utf8");
  assert.match(source, /timingSafeEqual\(digest, token\.digest\)/);
  const code = source.slice(source.indexOf("check(candidate"), source.indexOf("export function assertToken"));
  assert.doesNotMatch(code, /[!=]==? *(candidate|digest)|(candidate|digest) *[!=]==?/);
  assert.doesNotMatch(code, /\breturn token|\bbreak\b/, "every digest is compared, whichever matches");
});

function sendToken(puppet: Puppet, token: string): void {
  puppet.send({
    type: "handshake",
    token,
    tunnelId: "home",
    minVersion: 1,
    maxVersion: 1,
    capabilities: CLIENT_CAPABILITIES,
  });
}

test("H2: unknown, wrong and empty tokens get the same bytes after the same delay", async () => {
  await using world = new World();
  const clock = new FakeClock();
  const tokens = ["", "unknown", TOKEN.slice(0, -1), `${TOKEN}x`, TOKEN.toUpperCase(), "x".repeat(256)];
  const answers: Uint8Array[] = [];
  for (const token of tokens) {
    // A server of its own for each: five failures from one address are the limit.
    const { port } = await world.server({}, { clock });
    const puppet = await world.puppet(port);
    const raw: number[] = [];
    puppet.tap = (bytes) => raw.push(...bytes);
    sendToken(puppet, token);
    await clock.timerOf(AUTHENTICATION_FAILURE_DELAY_MS);
    clock.advance(AUTHENTICATION_FAILURE_DELAY_MS - 1);
    const other = await world.puppet(port); // Its answer comes after anything that was sent to the first.
    assert.equal((await other.handshake({ token: OTHER_TOKEN })).status, "success");
    assert.deepEqual(raw, [], "no answer before its time");
    clock.advance(1);
    await puppet.closed;
    answers.push(Uint8Array.from(raw));
  }
  const [first] = answers;
  assert.ok(first !== undefined && first.length > 0);
  for (const answer of answers) assert.deepEqual(answer, first);
  // InvalidToken, with a session id of zeros, no version and no capabilities.
  assert.deepEqual([...first], [0, 0, 0, 0x16, 0, 1, 16, ...new Array<number>(16).fill(0), 1, 0, 0]);
});

test("H2: the delay of a refusal is not left behind when the peer goes away", async () => {
  await using world = new World();
  const clock = new FakeClock();
  const { server, port } = await world.server({}, { clock });
  const puppet = await world.puppet(port);
  sendToken(puppet, "wrong");
  await clock.timerOf(AUTHENTICATION_FAILURE_DELAY_MS);
  await server.stop();
  assert.deepEqual(clock.delays, []);
});

test("H4: a tenant that shows its own token between its guesses is shut out all the same", async () => {
  await using world = new World();
  const clock = new FakeClock();
  const { port } = await world.server({}, { clock });
  const answer = async (token: string): Promise<string> => {
    const puppet = await world.puppet(port);
    const answered = puppet.handshake({ token }).then(({ status }) => status);
    if (token !== TOKEN) {
      await clock.timerOf(AUTHENTICATION_FAILURE_DELAY_MS);
      clock.advance(AUTHENTICATION_FAILURE_DELAY_MS);
    }
    return await answered;
  };
  for (let failure = 0; failure < FREE_FAILURES; failure++) {
    assert.equal(await answer(`guess ${failure}`), "invalid_token");
    assert.equal(await answer(TOKEN), "success");
  }
  assert.equal(await answer("one more guess"), "invalid_token");
  assert.equal(await answer(TOKEN), "rate_limited");
});

test("H4: an address that guesses is shut out for longer and longer, and no token is looked at meanwhile", async () => {
  await using world = new World();
  const clock = new FakeClock();
  const { server, port } = await world.server({}, { clock });
  const attempt = async (token: string): Promise<string> => {
    const puppet = await world.puppet(port);
    sendToken(puppet, token);
    if (token === "wrong") {
      // Either the delay of a refusal begins, or the answer is there at once.
      const answered = puppet.expect("handshake_ack");
      await Promise.race([clock.timerOf(AUTHENTICATION_FAILURE_DELAY_MS), answered]);
      clock.advance(AUTHENTICATION_FAILURE_DELAY_MS);
      return (await answered).status;
    }
    return (await puppet.expect("handshake_ack")).status;
  };
  for (let failure = 0; failure < FREE_FAILURES; failure++) {
    assert.equal(await attempt("wrong"), "invalid_token");
  }
  for (const penaltyMs of [1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000]) {
    assert.equal(await attempt("wrong"), "invalid_token");
    assert.equal(await attempt(TOKEN), "rate_limited", "also for the right token");
    clock.advance(penaltyMs - AUTHENTICATION_FAILURE_DELAY_MS - 1);
    assert.equal(await attempt(TOKEN), "rate_limited", `until ${penaltyMs} ms have passed`);
    clock.advance(1);
  }
  assert.equal(await attempt(TOKEN), "success");
  assert.equal(await attempt("wrong"), "invalid_token");
  assert.equal(await attempt(TOKEN), "rate_limited", "a success forgives nothing");
  assert.ok(server.counters.get("handshakes_refused", "rate_limited") >= 16);
});
