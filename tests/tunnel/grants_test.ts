import assert from "node:assert/strict";
import type { GrantSession } from "../../src/tunnel/grant.ts";
import { hashToken } from "../../src/tunnel/authenticator.ts";
import { EXPIRY_CHECK_MS, Grants } from "../../src/tunnel/grants.ts";
import { test } from "../harness.ts";
import { FakeClock } from "../support/fake_clock.ts";

/** A clock whose wall can be set. */
class WallClock extends FakeClock {
  offsetMs = 0;
  override wall(): number {
    return super.wall() + this.offsetMs;
  }
}

class Session implements GrantSession {
  readonly session: { streamCount: number } = { streamCount: 0 };
  readonly team: GrantSession["team"];
  readonly reasons: string[] = [];

  constructor(team: GrantSession["team"] = { direct: undefined }) {
    this.team = team;
  }

  revoke(reason: string): void {
    this.reasons.push(reason);
  }
}

test("Grants know tokens by themselves and by their hashes", () => {
  const clock = new FakeClock();
  const tokens = [{ name: "plain", token: "correct horse" }, { name: "hashed", hash: hashToken("battery") }];
  const grants = new Grants({ clock, tokens });
  assert.equal(grants.ofToken("correct horse")?.name, "plain");
  assert.equal(grants.ofToken("battery")?.name, "hashed");
  assert.equal(grants.ofToken(hashToken("battery")), undefined, "the hash is no token");
  const upper = hashToken("battery").toUpperCase().replace("SHA256", "sha256");
  assert.equal(new Grants({ clock, tokens: [{ name: "a", hash: upper }] }).ofToken("battery")?.name, "a");
});

test("Grants refuse none at all, names used twice, and what is no hash", () => {
  const clock = new FakeClock();
  const key = { name: "a", publicKey: "ed25519:11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo" };
  assert.throws(() => new Grants({ clock, tokens: [] }), /at least one token or key/);
  assert.throws(() => new Grants({ clock, tokens: [{ name: "a", token: "x" }], keys: [key] }), /same name/);
  for (const token of [{}, { token: "a", hash: hashToken("a") }, { hash: "sha256:00" }, { hash: "md5:00" }]) {
    assert.throws(() => new Grants({ clock, tokens: [{ name: "a", ...token }] }), TypeError);
  }
  assert.equal(new Grants({ clock, tokens: [], keys: [key] }).ofToken(""), undefined);
});

test("replace() with what cannot be used changes nothing: whoever is gone only from it stays, and is still found", () => {
  const clock = new FakeClock();
  const tokens = [{ name: "a", token: "a" }, { name: "b", token: "b" }];
  const grants = new Grants({ clock, tokens });
  const session = new Session();
  grants.ofToken("b")?.joined(session);
  for (const scope of [{ bandwidth: 0 }, { bandwidth: NaN }, { expires: new Date(NaN) }]) {
    assert.throws(() => grants.replace({ tokens: [{ name: "a", token: "a", ...scope }] }), RangeError);
    assert.equal(grants.ofToken("b")?.sessions.size, 1);
  }
  assert.deepEqual(session.reasons, []);
  grants.replace({ tokens: [{ name: "a", token: "a", bandwidth: 0.5 }] });
  assert.equal(session.reasons.length, 1);
});

test("replace() ends sessions of what is gone or has another secret, and of nothing else", () => {
  const clock = new FakeClock();
  const tokens = ["keeps", "goes", "rotates"].map((name) => ({ name, token: `${name} token` }));
  const grants = new Grants({ clock, tokens });
  const sessions = new Map(tokens.map(({ name, token }) => {
    const session = new Session();
    grants.ofToken(token)?.joined(session);
    return [name, session];
  }));
  const { kept, gone } = grants.replace({
    tokens: [
      { name: "keeps", hash: hashToken("keeps token"), maxStreams: 1 },
      { name: "rotates", token: "another" },
      { name: "new", token: "fresh" },
    ],
  });
  assert.deepEqual(kept.map(({ name }) => name), ["keeps"]);
  assert.deepEqual(gone, ["goes"]);
  assert.deepEqual(sessions.get("keeps")?.reasons, []);
  assert.deepEqual(sessions.get("goes")?.reasons, ["The token goes is not valid any more"]);
  assert.deepEqual(sessions.get("rotates")?.reasons, ["The token rotates was replaced"]);
  assert.equal(kept[0]?.scope.maxStreams, 1, "the scope is the new one");
  assert.equal(grants.ofToken("goes token"), undefined);
  assert.equal(grants.ofToken("fresh")?.name, "new");
  assert.throws(() => grants.replace({ tokens: [] }), TypeError);
  assert.equal(grants.ofToken("fresh")?.name, "new", "what cannot be used changes nothing");
});

test("A token expires at its moment, with a reason, and not a millisecond earlier", () => {
  const clock = new WallClock();
  const expires = new Date(clock.wall() + 5_000);
  const grants = new Grants({ clock, tokens: [{ name: "guest", token: "guest", expires }] });
  const grant = grants.ofToken("guest");
  const session = new Session();
  grant?.joined(session);
  clock.advance(4_999);
  assert.deepEqual([grant?.refusal, session.reasons], [undefined, []]);
  clock.advance(1);
  const reason = `The token guest expired at ${expires.toISOString()}`;
  assert.deepEqual([grant?.refusal, session.reasons], [reason, [reason]]);
  grants.close();
  assert.equal(clock.pending, 0);
});

test("P9: the wall clock may jump: forward it ends sessions within a minute, back it permits again", () => {
  const clock = new WallClock();
  const expires = new Date(clock.wall() + 86_400_000);
  const grants = new Grants({ clock, tokens: [{ name: "guest", token: "guest", expires }] });
  const grant = grants.ofToken("guest");
  const session = new Session();
  grant?.joined(session);
  clock.offsetMs = 86_400_000;
  assert.notEqual(grant?.refusal, undefined, "new handshakes are refused at once");
  clock.advance(EXPIRY_CHECK_MS);
  assert.equal(session.reasons.length, 1);
  clock.offsetMs = 0;
  assert.equal(grant?.refusal, undefined);
  const again = new Session();
  grant?.joined(again);
  clock.advance(EXPIRY_CHECK_MS);
  assert.deepEqual(again.reasons, []);
  grants.close();
  assert.equal(clock.pending, 0);
});

test("A grant counts connections and visitors: N are taken and one more is not", () => {
  const clock = new FakeClock();
  const grants = new Grants({
    clock,
    tokens: [{ name: "a", token: "a", maxConnections: 2, maxStreams: 10 }],
  });
  const grant = grants.ofToken("a");
  assert.ok(grant !== undefined);
  let ended = 0;
  const direct = { visitors: 3, end: () => void ended++ };
  const team = { direct };
  const sessions = [new Session(team), new Session(team)];
  grant.joined(sessions[0]!);
  assert.equal(grant.lackOfConnections, undefined);
  grant.joined(sessions[1]!);
  assert.match(grant.lackOfConnections ?? "", /permits 2 connections/);
  sessions[0]!.session.streamCount = 4;
  sessions[1]!.session.streamCount = 2;
  assert.deepEqual(
    [grant.streams, grant.lackOfStreams],
    [9, undefined],
    "a team's direct visitors count once",
  );
  sessions[1]!.session.streamCount = 3;
  assert.match(grant.lackOfStreams ?? "", /permits 10 visitors/);
  grant.left(sessions[1]!);
  assert.equal(grant.lackOfConnections, undefined);
  grant.left(sessions[0]!);
  assert.equal(grant.streams, 3, "visitors with direct connections stay and count");
  grant.endSessions("over");
  assert.equal(ended, 1);
  direct.visitors = 0;
  grant.left(sessions[0]!);
  assert.equal(grant.streams, 0);
});
