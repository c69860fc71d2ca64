import assert from "node:assert/strict";
import { FrameMeter, type FrameMeterOptions, PREFACE } from "../../src/http/http2_frames.ts";
import { frame } from "../ingress/http/_http2.ts";
import { test } from "../harness.ts";

const ALWAYS = { take: () => true };

/** A meter, and what went through it. */
interface Watched {
  readonly meter: FrameMeter;
  readonly passed: number[];
  leaving: number;
}

function meter(options: Partial<FrameMeterOptions> = {}): Watched {
  const seen: Watched = {
    passed: [],
    leaving: 0,
    meter: new FrameMeter({
      controlFrames: ALWAYS,
      windowUpdates: ALWAYS,
      maxHeadBytes: 100,
      preface: true,
      pass: (bytes) => seen.passed.push(...bytes),
      onGoAway: () => seen.leaving++,
      ...options,
    }),
  };
  return seen;
}

function times(count: number): { take: () => boolean } {
  let left = count;
  return { take: () => left-- > 0 };
}

test("FrameMeter.push() lets everything through but GOAWAY, however it is cut", () => {
  const frames = [
    frame(4, 0, 0, new Uint8Array(6)),
    frame(1, 5, 1, new Uint8Array(20).fill(1)),
    frame(7, 0, 0, new Uint8Array(8).fill(2)),
    frame(0, 0, 1, new Uint8Array(30).fill(3)),
    frame(7, 0, 0),
    frame(6, 0, 0, new Uint8Array(8).fill(4)),
    frame(7, 0, 0, new Uint8Array(12).fill(5)),
  ];
  const all = Uint8Array.from([PREFACE, ...frames].flatMap((bytes) => [...bytes]));
  const wanted = [PREFACE, ...frames.filter((bytes) => bytes[3] !== 7)].flatMap((bytes) => [...bytes]);
  for (let size = 1; size <= all.length; size++) {
    const seen = meter();
    for (let at = 0; at < all.length; at += size) {
      assert.equal(seen.meter.push(all.slice(at, at + size)), undefined);
    }
    assert.deepEqual(seen.passed, wanted, `in pieces of ${size}`);
    assert.equal(seen.leaving, 3, `in pieces of ${size}`);
  }
});

test("FrameMeter.push() tells which bound was passed, at the first frame beyond it", () => {
  const cases: [keyof FrameMeterOptions & ("controlFrames" | "windowUpdates"), Uint8Array, string][] = [
    ...[2, 3, 4, 5, 6, 7, 77].map((type) =>
      ["controlFrames", frame(type, 0, 0, new Uint8Array(4)), "control_frames"] as const
    ).map((entry) => [...entry] as ["controlFrames", Uint8Array, string]),
    ["controlFrames", frame(0, 0, 1), "control_frames"],
    ["windowUpdates", frame(8, 0, 1, new Uint8Array(4)), "window_updates"],
  ];
  for (const [budget, one, limit] of cases) {
    const { meter: watched } = meter({ [budget]: times(2), preface: false });
    assert.equal(watched.push(one), undefined);
    assert.equal(watched.push(one), undefined);
    assert.equal(watched.push(one), limit);
  }
});

test("FrameMeter.push() counts neither bodies nor their ends as control frames", () => {
  const { meter: watched } = meter({ controlFrames: times(0), windowUpdates: times(0), preface: false });
  assert.equal(watched.push(frame(0, 0, 1, new Uint8Array(1))), undefined);
  assert.equal(watched.push(frame(0, 1, 1)), undefined);
  assert.equal(watched.push(frame(1, 4, 3, new Uint8Array(1))), undefined);
});

test("FrameMeter.push() adds up the parts of a header block, for each block anew", () => {
  const { meter: watched } = meter({ preface: false });
  assert.equal(watched.push(frame(1, 4, 1, new Uint8Array(100))), undefined);
  assert.equal(watched.push(frame(1, 0, 3, new Uint8Array(60))), undefined);
  assert.equal(watched.push(frame(9, 0, 3, new Uint8Array(40))), undefined);
  assert.equal(watched.push(frame(9, 4, 3, new Uint8Array(1))), "head_bytes");
});

test("FrameMeter.hasEnded() knows the streams that were ended, until they are forgotten", () => {
  const { meter: watched } = meter({ preface: false });
  watched.push(frame(1, 4, 1));
  watched.push(frame(0, 1, 0x7ffffffd));
  watched.push(frame(3, 1, 5, new Uint8Array(4)));
  watched.push(frame(1, 5, 3));
  assert.deepEqual([1, 3, 5, 0x7ffffffd].map((id) => watched.hasEnded(id)), [false, true, false, true]);
  watched.forget(3);
  assert.equal(watched.hasEnded(3), false);
});

test("FrameMeter.push() bounds the ended streams that nobody asks to forget", () => {
  const { meter: watched } = meter({ preface: false });
  for (let id = 1; id <= 10_000; id++) assert.equal(watched.push(frame(0, 1, id)), undefined);
  assert.equal(watched.push(frame(0, 1, 10_001)), "control_frames");
});
