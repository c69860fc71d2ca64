import assert from "node:assert/strict";
import { Reader } from "../../src/wire/bincode_reader.ts";
import { Writer } from "../../src/wire/bincode_writer.ts";
import { test } from "../harness.ts";

const LIMIT = { name: "text", maxBytes: 1000, maxEntries: 10 };

function written(write: (writer: Writer) => void): Uint8Array {
  const writer = new Writer();
  write(writer);
  return writer.finish();
}

test("A text is the same bytes whether it is written character by character or by the encoder", () => {
  for (const length of [0, 1, 63, 64, 65, 250, 251]) {
    for (const last of ["~", "\x7f", "\x80", "é", "😀"]) {
      const text = "a".repeat(Math.max(0, length - last.length)) + last;
      const encoded = new TextEncoder().encode(text);
      const prefix = encoded.length < 251
        ? [encoded.length]
        : [251, encoded.length & 0xff, encoded.length >> 8];
      const bytes = written((writer) => writer.string(text, LIMIT));
      assert.deepEqual([...bytes], [...prefix, ...encoded], `${length} ${JSON.stringify(last)}`);
      assert.equal(new Reader(bytes).string(LIMIT), text);
      const pairs = written((writer) => writer.pairs([[text, "b"], ["c", text]], LIMIT));
      assert.deepEqual(new Reader(pairs).pairs(LIMIT), [[text, "b"], ["c", text]]);
    }
  }
});

test("A text of ASCII is held against its limit like any other", () => {
  const limit = { name: "text", maxBytes: 4, maxEntries: 1 };
  assert.equal(written((writer) => writer.string("abcd", limit)).length, 5);
  assert.throws(() => written((writer) => writer.string("abcde", limit)), RangeError);
  assert.equal(written((writer) => writer.pairs([["ab", "cd"]], limit)).length, 7);
  assert.throws(() => written((writer) => writer.pairs([["ab", "cde"]], limit)), RangeError);
});

test("What one writer has written stays as it is when the next one writes", () => {
  const first = written((writer) => writer.string("first", LIMIT));
  written((writer) => writer.string("other", LIMIT));
  assert.equal(new Reader(first).string(LIMIT), "first");
});
