import assert from "node:assert/strict";
import { markdownTable } from "../../bench/table.ts";
import { test } from "../harness.ts";

test("markdownTable() aligns columns by characters, not by code units", () => {
  assert.equal(
    markdownTable([["", "up"], ["µs", "1520 ±4%"], ["𝔐", "–"]]),
    "|     | up       |\n| --- | -------- |\n| µs  | 1520 ±4% |\n| 𝔐   | –        |\n",
  );
});

test("markdownTable() escapes what would end a cell", () => {
  assert.equal(markdownTable([["a|b"]]), "| a\\|b |\n| ---- |\n");
});

test("markdownTable() refuses rows of another length and no head", () => {
  assert.throws(() => markdownTable([["a", "b"], ["c"]]), RangeError);
  assert.throws(() => markdownTable([]), RangeError);
});
