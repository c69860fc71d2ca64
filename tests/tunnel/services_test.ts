import assert from "node:assert/strict";
import fc from "fast-check";
import { type Claim, type Identity, sameIdentity, ServiceRegistry } from "../../src/tunnel/services.ts";
import { test } from "../harness.ts";
import { FakeClock } from "./fake_clock.ts";

const GRACE_MS = 60_000;
const MAX_ORPHANS = 4;
const HOME: Identity = { tokenName: "first", tunnelId: "home" };
const OFFICE: Identity = { tokenName: "first", tunnelId: "office" };

interface Fixture {
  readonly clock: FakeClock;
  readonly registry: ServiceRegistry<string, number>;
  /** Names and bindings of the claims that were given up, in order. */
  readonly released: [string, number | undefined][];
}

function fixture(): Fixture {
  const clock = new FakeClock();
  const released: [string, number | undefined][] = [];
  const onReleased = ({ name, binding }: Claim<string, number>): void => void released.push([name, binding]);
  return {
    clock,
    released,
    registry: new ServiceRegistry({ clock, graceMs: GRACE_MS, maxOrphansPerToken: MAX_ORPHANS, onReleased }),
  };
}

test("ServiceRegistry.claim() gives a free name and refuses one that belongs to another", () => {
  const { registry, released } = fixture();
  const claim = registry.claim("ssh", HOME, "session 1");
  assert.deepEqual(claim, { name: "ssh", identity: HOME, owner: "session 1", binding: undefined });
  assert.equal(registry.lookup("ssh"), claim);
  assert.equal(registry.claim("ssh", OFFICE, "session 2"), undefined);
  assert.equal(registry.claim("ssh", { ...HOME, tokenName: "second" }, "session 3"), undefined);
  assert.equal(registry.lookup("ssh")?.owner, "session 1");
  assert.deepEqual(released, []);
});

test("ServiceRegistry.claim() lets the same identity take over its claim with its binding", () => {
  const { registry, released } = fixture();
  const claim = registry.claim("ssh", HOME, "session 1");
  assert.ok(claim);
  claim.binding = 2222;
  const again = registry.claim("ssh", { ...HOME }, "session 2");
  assert.equal(again, claim);
  assert.equal(again?.binding, 2222);
  assert.equal(again?.owner, "session 2");
  assert.deepEqual(released, []);
});

test("ServiceRegistry.orphan() keeps names for the grace and frees them with their bindings after it", () => {
  const { registry, clock, released } = fixture();
  const claim = registry.claim("ssh", HOME, "session 1");
  assert.ok(claim);
  claim.binding = 2222;
  registry.orphan("session 1");
  assert.equal(claim.owner, undefined);
  clock.advance(GRACE_MS - 1);
  assert.equal(registry.claim("ssh", OFFICE, "session 2"), undefined);
  clock.advance(1);
  assert.deepEqual(released, [["ssh", 2222]]);
  assert.notEqual(registry.claim("ssh", OFFICE, "session 2"), undefined);
});

test("ServiceRegistry.claim() within the grace ends the grace", () => {
  const { registry, clock, released } = fixture();
  registry.claim("ssh", HOME, "session 1");
  registry.orphan("session 1");
  clock.advance(GRACE_MS - 1);
  assert.notEqual(registry.claim("ssh", HOME, "session 2"), undefined);
  clock.advance(GRACE_MS * 10);
  assert.equal(registry.lookup("ssh")?.owner, "session 2");
  assert.deepEqual(released, []);
  assert.deepEqual(clock.delays, []);
});

test("An old owner's cleanup never removes what a new owner has taken over (H9)", () => {
  const { registry, clock, released } = fixture();
  for (const name of ["ssh", "web"]) registry.claim(name, HOME, "old");
  for (const name of ["ssh", "web"]) registry.claim(name, HOME, "new");
  registry.orphan("old");
  registry.release("old");
  registry.releaseOne("ssh", "old");
  clock.advance(GRACE_MS * 2);
  assert.deepEqual([...registry.claims()].map(({ name, owner }) => [name, owner]), [["ssh", "new"], [
    "web",
    "new",
  ]]);
  assert.deepEqual(released, []);
});

test("ServiceRegistry.release(), releaseOne() and clear() free names at once", () => {
  const { registry, clock, released } = fixture();
  for (const name of ["a", "b", "c"]) registry.claim(name, HOME, "session 1");
  registry.claim("d", OFFICE, "session 2");
  registry.releaseOne("b", "session 1");
  assert.deepEqual(released.map(([name]) => name), ["b"]);
  registry.release("session 1");
  assert.deepEqual(released.map(([name]) => name), ["b", "a", "c"]);
  registry.orphan("session 2");
  registry.clear();
  assert.deepEqual(released.map(([name]) => name), ["b", "a", "c", "d"]);
  assert.deepEqual(clock.delays, [], "no timer is left behind");
});

test("ServiceRegistry.countOf() counts what an identity has and what is kept for it", () => {
  const { registry, clock } = fixture();
  for (const name of ["a", "b"]) registry.claim(name, HOME, "session 1");
  registry.claim("c", OFFICE, "session 2");
  assert.equal(registry.countOf({ ...HOME }), 2);
  registry.orphan("session 1");
  assert.equal(registry.countOf(HOME), 2);
  registry.claim("a", HOME, "session 3");
  assert.equal(registry.countOf(HOME), 2, "what is taken back is no new claim");
  registry.claim("d", HOME, "session 3");
  assert.equal(registry.countOf(HOME), 3);
  clock.advance(GRACE_MS);
  assert.equal(registry.countOf(HOME), 2);
  assert.equal(registry.countOf(OFFICE), 1);
  assert.equal(registry.countOf({ ...HOME, tokenName: "second" }), 0);
});

test("ServiceRegistry.releaseOldestOrphan() gives up what has waited longest, of one identity", () => {
  const { registry, clock, released } = fixture();
  registry.claim("other", OFFICE, "session 0");
  registry.orphan("session 0");
  for (const name of ["a", "b"]) registry.claim(name, HOME, "session 1");
  registry.claim("c", HOME, "session 2");
  assert.equal(registry.releaseOldestOrphan(HOME), false, "what is served is left alone");
  registry.orphan("session 2");
  registry.orphan("session 1");
  registry.claim("c", HOME, "session 3");
  registry.orphan("session 3"); // Now the one that has waited least.
  for (let index = 0; index < 3; index++) assert.equal(registry.releaseOldestOrphan({ ...HOME }), true);
  assert.equal(registry.releaseOldestOrphan(HOME), false);
  assert.deepEqual(released.map(([name]) => name), ["a", "b", "c"]);
  assert.equal(clock.delays.length, 1, "only the other client's timer is left");
});

test("ServiceRegistry.orphan() keeps as many claims for one token as it says, over all its identities", () => {
  const { registry, clock, released } = fixture();
  const second: Identity = { tokenName: "second", tunnelId: "home" };
  for (let index = 0; index < MAX_ORPHANS; index++) {
    registry.claim(`second ${index}`, second, "other");
    registry.claim(`first ${index}`, { ...HOME, tunnelId: `id ${index}` }, `session ${index}`);
    registry.orphan(`session ${index}`);
  }
  registry.orphan("other");
  assert.equal(released.length, 0, "all are kept at the bound");
  for (const name of ["x", "y"]) registry.claim(name, OFFICE, "session x");
  registry.orphan("session x");
  assert.deepEqual(released.map(([name]) => name), ["first 0", "first 1"]);
  for (let index = 0; index <= MAX_ORPHANS; index++) registry.claim(`many ${index}`, HOME, "many");
  registry.orphan("many");
  const kept = [...registry.claims()].map(({ name }) => name).filter((name) => !name.startsWith("second"));
  assert.deepEqual(kept, ["many 1", "many 2", "many 3", "many 4"], "also of one session");
  assert.equal(clock.delays.length, 2 * MAX_ORPHANS);
});

interface ModelClaim {
  identity: Identity;
  owner: string | undefined;
  expiresAt: number;
}

/** The registry as a table that is searched anew at every step. */
class Model {
  readonly claims = new Map<string, ModelClaim>();
  now = 0;

  claim(name: string, identity: Identity, owner: string): boolean {
    const claim = this.claims.get(name);
    if (claim !== undefined && !sameIdentity(claim.identity, identity)) return false;
    this.claims.set(name, { identity, owner, expiresAt: Infinity });
    return true;
  }

  orphan(owner: string): void {
    for (const claim of this.claims.values()) {
      if (claim.owner === owner) Object.assign(claim, { owner: undefined, expiresAt: this.now + GRACE_MS });
    }
  }

  release(owner: string, only?: string): void {
    for (const [name, claim] of this.claims) {
      if (claim.owner === owner && (only === undefined || only === name)) this.claims.delete(name);
    }
  }

  advance(ms: number): void {
    this.now += ms;
    for (const [name, claim] of this.claims) {
      if (claim.expiresAt <= this.now) this.claims.delete(name);
    }
  }
}

test("ServiceRegistry behaves like a simple table under any schedule", () => {
  const name = fc.constantFrom("ssh", "web", "db");
  const identity = fc.constantFrom(HOME, OFFICE);
  // Sessions of one identity: two at most, which take over from each other.
  const owner = fc.tuple(identity, fc.constantFrom(1, 2)).map(([who, index]) => ({
    who,
    session: `${who.tunnelId} ${index}`,
  }));
  const step = fc.oneof(
    fc.record({ kind: fc.constant("claim" as const), name, owner }),
    fc.record({ kind: fc.constant("orphan" as const), owner }),
    fc.record({ kind: fc.constant("release" as const), owner }),
    fc.record({ kind: fc.constant("releaseOne" as const), name, owner }),
    fc.record({ kind: fc.constant("advance" as const), ms: fc.constantFrom(1, GRACE_MS - 1, GRACE_MS) }),
    fc.record({ kind: fc.constant("clear" as const) }),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
      const { registry, clock, released } = fixture();
      const model = new Model();
      for (const action of steps) {
        const before = [...model.claims.keys()];
        released.length = 0;
        if (action.kind === "claim") {
          const { name, owner: { who, session } } = action;
          assert.equal(registry.claim(name, who, session) !== undefined, model.claim(name, who, session));
        } else if (action.kind === "orphan") {
          registry.orphan(action.owner.session);
          model.orphan(action.owner.session);
        } else if (action.kind === "release") {
          registry.release(action.owner.session);
          model.release(action.owner.session);
        } else if (action.kind === "releaseOne") {
          registry.releaseOne(action.name, action.owner.session);
          model.release(action.owner.session, action.name);
        } else if (action.kind === "advance") {
          clock.advance(action.ms);
          model.advance(action.ms);
        } else {
          registry.clear();
          model.claims.clear();
        }
        const gone = before.filter((entry) => !model.claims.has(entry));
        assert.deepEqual(released.map(([entry]) => entry).sort(), gone.sort());
        const actual = [...registry.claims()].map((claim) => [claim.name, claim.identity, claim.owner]);
        const expected = [...model.claims].map(([entry, claim]) => [entry, claim.identity, claim.owner]);
        assert.deepEqual(actual.sort(), expected.sort());
      }
    }),
    { numRuns: 500 },
  );
});
