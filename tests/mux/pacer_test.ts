import assert from "node:assert/strict";
import { type Flow, Pacer } from "../../src/mux/pacer.ts";
import { test } from "../harness.ts";
import { FakeClock } from "../support/fake_clock.ts";

class Greedy implements Flow {
  wanted = 0;
  got = 0;
  readonly #pacer: Pacer;
  readonly #chunk: number;

  constructor(pacer: Pacer, chunk: number) {
    this.#pacer = pacer;
    this.#chunk = chunk;
  }

  begin(): void {
    this.#pacer.want(this, this.#chunk);
  }

  granted(bytes: number): void {
    this.got += bytes;
    if (this.wanted === 0 && this.#chunk > 0) this.#pacer.want(this, this.#chunk);
  }
}

test("Pacer hands out its rate, and a burst of a tenth of a second before it", () => {
  const clock = new FakeClock();
  const rate = 100_000;
  const pacer = new Pacer({ clock, bytesPerSecond: rate });
  const flow = new Greedy(pacer, 64 * 1024);
  flow.begin();
  assert.equal(flow.got, rate / 10);
  clock.advance(10_000);
  const error = Math.abs(flow.got - rate * 10.1);
  assert.ok(error < rate / 10, `${flow.got} bytes in 10 s`);
  pacer.forget(flow);
  assert.equal(clock.pending, 0);
});

test("Pacer is fair by bytes, whatever the size of what is wanted", () => {
  const clock = new FakeClock();
  const pacer = new Pacer({ clock, bytesPerSecond: 1_000_000 });
  const flows = [300, 16_384, 262_144].map((chunk) => new Greedy(pacer, chunk));
  for (const flow of flows) flow.begin();
  clock.advance(30_000);
  const [small = 0, middle = 0, large = 0] = flows.map(({ got }) => got);
  assert.ok(Math.abs(middle - large) <= 32_768, `${middle} and ${large}`);
  assert.ok(small > 0, "one with small chunks is not starved");
  assert.ok(small + middle + large <= 1_000_000 * 30.2);
  for (const flow of flows) pacer.forget(flow);
});

test("Pacer gives a rate of one byte per second, byte by byte", () => {
  const clock = new FakeClock();
  const pacer = new Pacer({ clock, bytesPerSecond: 1 });
  const flow: Flow & { got: number } = { wanted: 0, got: 0, granted: (bytes) => void (flow.got += bytes) };
  pacer.want(flow, 5);
  const seen = [flow.got];
  for (let second = 0; second < 5; second++) {
    clock.advance(1_010);
    seen.push(flow.got);
  }
  assert.deepEqual(seen, [1, 2, 3, 4, 5, 5]);
  assert.equal(clock.pending, 0, "nobody waits, and no timer runs");
});

test("Pacer takes another rate at once, and gives everything when it is closed", () => {
  const clock = new FakeClock();
  const pacer = new Pacer({ clock, bytesPerSecond: 100 });
  const flow: Flow & { got: number } = { wanted: 0, got: 0, granted: (bytes) => void (flow.got += bytes) };
  pacer.want(flow, 1_000_000);
  clock.advance(1_000);
  assert.ok(flow.got <= 120, `${flow.got}`);
  pacer.setRate(100_000);
  clock.advance(2_000);
  assert.ok(flow.got > 150_000 && flow.got < 220_000, `${flow.got}`);
  pacer.close();
  assert.equal(flow.got, 1_000_000);
  assert.equal(pacer.waiting, 0);
  assert.equal(clock.pending, 0);
  for (const rate of [0, -1, NaN]) assert.throws(() => pacer.setRate(rate), RangeError);
});

test("Pacer saves up no more than a burst, also while the machine sleeps", () => {
  const clock = new FakeClock();
  const pacer = new Pacer({ clock, bytesPerSecond: 10_000 });
  clock.jump(3_600_000);
  const flow: Flow & { got: number } = { wanted: 0, got: 0, granted: (bytes) => void (flow.got += bytes) };
  pacer.want(flow, 100_000);
  assert.equal(flow.got, 1_000);
  pacer.forget(flow);
  assert.equal(clock.pending, 0);
});

test("A flow that fails does not keep the others of its pacer waiting", () => {
  const clock = new FakeClock();
  const pacer = new Pacer({ clock, bytesPerSecond: 1_000 });
  const broken: Flow = {
    wanted: 0,
    granted: () => {
      throw new Error("broken");
    },
  };
  assert.throws(() => pacer.want(broken, 10), /broken/);
  const flow = new Greedy(pacer, 0);
  pacer.want(flow, 500);
  clock.advance(10_000);
  assert.equal(flow.got, 500);
  assert.equal(clock.pending, 0);
});
