import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import fc from "fast-check";
import { ProtocolError } from "../../src/errors.ts";
import { encodeControl } from "../../src/wire/control.ts";
import { type DataHeader, FRAME_DATA } from "../../src/wire/frame.ts";
import type { ControlMessage } from "../../src/wire/messages.ts";
import { type FrameHandler, FrameParser } from "../../src/wire/parser.ts";
import { test } from "../harness.ts";
import { type AnyFrame, concat, record } from "./recording.ts";
import { allocationsOf, anyFrame, encodeFrame } from "./support.ts";
import { FRAME_VECTORS, fromHex, toHex } from "./vectors.ts";

const HEARTBEAT: ControlMessage = { type: "heartbeat", timestamp: 1n };
const DATA = fromHex("00000008" + "01" + "00000002" + "00" + "6869");

function handler(changes: Partial<FrameHandler>): FrameHandler {
  const ignore = (): void => {};
  return {
    control: ignore,
    dataHeader: ignore,
    data: ignore,
    windowUpdate: ignore,
    goAway: ignore,
    ...changes,
  };
}

/** What is found when `bytes` come in chunks cut at `cuts`, and the rule that ended it. */
function outcome(
  bytes: Uint8Array,
  cuts: readonly number[],
): { frames: AnyFrame[]; rule: string | undefined } {
  const { parser, frames } = record();
  let rule: string | undefined;
  try {
    let from = 0;
    for (const to of [...cuts, bytes.length]) {
      parser.push(bytes.slice(from, to));
      from = to;
    }
  } catch (error) {
    assert(error instanceof ProtocolError);
    rule = error.rule;
  }
  return { frames, rule };
}

test("FrameParser.push() finds the frame of every golden vector, and the encoders produce it", () => {
  for (const { name, frame, hex } of FRAME_VECTORS) {
    const { parser, frames } = record();
    parser.push(fromHex(hex));
    assert.deepEqual(frames, [frame], name);
    assert.equal(toHex(encodeFrame(frame)), hex, name);
    assert.equal(parser.midControlFrame, false);
  }
});

test("Frames are the same however the bytes are cut into chunks", () => {
  const frameList = fc.array(anyFrame, { maxLength: 8 });
  fc.assert(
    fc.property(frameList, fc.array(fc.nat(), { maxLength: 20 }), (expected, places) => {
      const bytes = concat(...expected.map(encodeFrame));
      const cuts = places.map((place) => place % (bytes.length + 1)).sort((a, b) => a - b);
      assert.deepEqual(outcome(bytes, []), { frames: expected, rule: undefined });
      assert.deepEqual(outcome(bytes, cuts), { frames: expected, rule: undefined });
      assert.deepEqual(outcome(bytes, [...bytes.keys()]), { frames: expected, rule: undefined });
    }),
    { numRuns: 300 },
  );
});

test("Garbage is refused at the same place by the same rule however it is cut, with no other error", () => {
  const tail = fc.oneof(
    fc.uint8Array({ minLength: 1, maxLength: 40 }),
    // Headers that are nearly right get deeper than bytes that are random from the start.
    fc.tuple(
      fc.integer({ min: 0, max: 20 }),
      fc.integer({ min: 0, max: 4 }),
      fc.uint8Array({ maxLength: 40 }),
    )
      .map(([length, type, rest]) => Uint8Array.of(0, 0, 0, length, type, ...rest)),
  );
  let refused = 0;
  fc.assert(
    fc.property(fc.array(anyFrame, { maxLength: 2 }), tail, (start, garbage) => {
      const bytes = concat(...start.map(encodeFrame), garbage);
      const whole = outcome(bytes, []);
      const dribbled = outcome(bytes, [...bytes.keys()]);
      assert.deepEqual(dribbled, whole);
      if (whole.rule !== undefined) refused++;
    }),
    { numRuns: 3000 },
  );
  assert(refused > 500, `Only ${refused} runs were refused`);
});

test("FrameParser.push() hands out payload as views of the chunk, piece by piece as it comes", () => {
  const pieces: [Uint8Array, boolean][] = [];
  const parser = new FrameParser(handler({ data: (piece, last) => void pieces.push([piece, last]) }));
  parser.authenticated = true;
  const first = DATA.slice(0, 11);
  parser.push(first);
  assert.equal(pieces.length, 1, "The piece is handed on before its frame is complete");
  const second = DATA.slice(11);
  parser.push(second);
  assert.deepEqual(pieces, [[Uint8Array.of(0x68), false], [Uint8Array.of(0x69), true]]);
  assert.equal(pieces[0]![0].buffer, first.buffer);
  assert.equal(pieces[1]![0].buffer, second.buffer);
});

test("FrameParser.push() allocates nothing for data frames, and reuses one header", () => {
  const headers = new Set<Readonly<DataHeader>>();
  const parser = new FrameParser(handler({ dataHeader: (header) => void headers.add(header) }));
  parser.authenticated = true;
  const chunk = concat(...Array.from({ length: 100 }, () => DATA));
  const sizes = allocationsOf(() => {
    for (let cut = 0; cut < DATA.length; cut++) {
      parser.push(chunk.subarray(0, cut));
      parser.push(chunk.subarray(cut));
    }
  });
  assert.deepEqual(sizes, []);
  assert.equal(headers.size, 1);
});

test("An empty data frame has a header and no piece", () => {
  const { parser, frames } = record();
  parser.push(fromHex("00000006" + "01" + "00000002" + "01" + "00000006" + "01" + "00000002" + "00"));
  const payload = new Uint8Array(0);
  assert.deepEqual(frames, [
    { type: "data", streamId: 2, end: true, payload },
    { type: "data", streamId: 2, end: false, payload },
  ]);
});

test("A handler that opens the gates in control() changes how the rest of the same chunk is judged", () => {
  const windowUpdate = fromHex(FRAME_VECTORS.find(({ name }) => name === "window_update")!.hex);
  const bytes = concat(encodeControl(HEARTBEAT), DATA, windowUpdate);
  for (const chunkBytes of [bytes.length, 1]) {
    const seen: string[] = [];
    const parser: FrameParser = new FrameParser(handler({
      control: () => {
        seen.push("control");
        parser.authenticated = true;
        parser.extensions = true;
      },
      dataHeader: () => void seen.push("data"),
      windowUpdate: () => void seen.push("window update"),
    }));
    for (let at = 0; at < bytes.length; at += chunkBytes) parser.push(bytes.subarray(at, at + chunkBytes));
    assert.deepEqual(seen, ["control", "data", "window update"]);
  }
});

test("A handler that closes the gates in control() changes how the rest of the same chunk is judged", () => {
  const parser: FrameParser = new FrameParser(
    handler({ control: () => void (parser.authenticated = false) }),
  );
  parser.authenticated = true;
  assert.throws(() => parser.push(concat(DATA, encodeControl(HEARTBEAT), DATA)), {
    rule: "not_authenticated",
  });
});

test("After a refusal every further push() throws the same, and nothing more is found", () => {
  const { parser, frames } = record();
  const errors: unknown[] = [];
  for (const bytes of ["00000000", "", toHex(encodeControl(HEARTBEAT))]) {
    try {
      parser.push(fromHex(bytes));
    } catch (error) {
      errors.push(error);
    }
  }
  assert.equal(errors.length, 3);
  assert(errors[0] instanceof ProtocolError && errors.every((error) => error === errors[0]));
  assert.deepEqual(frames, []);
});

test("An error thrown by the handler comes out of push() and ends the parser", () => {
  const boom = new Error("boom");
  const throwing = (): never => {
    throw boom;
  };
  const parser = new FrameParser(handler({ data: throwing }));
  parser.authenticated = true;
  assert.throws(() => parser.push(DATA), (error) => error === boom);
  assert.throws(() => parser.push(DATA), (error) => error === boom);
});

test("FrameParser.midControlFrame is true within headers and within frames other than data", () => {
  const frames = [encodeControl(HEARTBEAT), ...FRAME_VECTORS.map(({ hex }) => fromHex(hex))];
  for (const frame of frames) {
    const { parser } = record();
    assert.equal(parser.midControlFrame, false);
    const insideUntil = frame[4] === FRAME_DATA ? 10 : frame.length;
    for (let sent = 1; sent <= frame.length; sent++) {
      parser.push(frame.subarray(sent - 1, sent));
      assert.equal(parser.midControlFrame, sent < insideUntil, `Type ${frame[4]}, ${sent} bytes`);
    }
  }
});

test("A dribbled control frame is gathered in a buffer that grows with what has come (F6)", () => {
  const bodyBytes = 60_000;
  const message: ControlMessage = {
    type: "plugin_data",
    pluginId: "",
    data: new Uint8Array(bodyBytes).fill(7),
  };
  const bytes = encodeControl(message);
  const { parser, frames } = record();
  const header = allocationsOf(() => parser.push(bytes.subarray(0, 6)));
  assert(Math.max(0, ...header) <= 256, `One byte of body made it allocate ${header}`);
  let sent = 6;
  for (const until of [300, 1000, 5000, 20_000]) {
    const sizes = allocationsOf(() => {
      while (sent < until) parser.push(bytes.subarray(sent, sent += 10));
    });
    assert(Math.max(0, ...sizes) <= 2 * (until + 10), `${until} bytes made it allocate ${sizes}`);
    assert(sizes.length <= 4, `The buffer grew ${sizes.length} times on the way to ${until} bytes`);
  }
  assert.deepEqual(frames, []);
  parser.push(bytes.subarray(sent));
  assert.deepEqual(frames, [{ type: "control", message }]);

  const heartbeat = encodeControl(HEARTBEAT);
  const small = allocationsOf(() => parser.push(heartbeat.subarray(0, 6)));
  assert.deepEqual(small, [256], "The large buffer is not kept for the next frame");
});

test("A control message shares no memory with the chunks, whole or split, also when they are Buffers", () => {
  const message: ControlMessage = { type: "plugin_data", pluginId: "p", data: Uint8Array.of(1, 2, 3) };
  for (const cut of [0, 7]) {
    const chunk = Buffer.from(encodeControl(message));
    const { parser, frames } = record();
    parser.push(chunk.subarray(0, cut));
    parser.push(chunk.subarray(cut));
    const other: ControlMessage = { ...message, data: Uint8Array.of(9, 9, 9) };
    chunk.fill(0xee);
    const second = encodeControl(other);
    parser.push(second.subarray(0, 8));
    parser.push(second.subarray(8));
    assert.deepEqual(frames, [{ type: "control", message }, { type: "control", message: other }]);
  }
});
