import assert from "node:assert/strict";
import { Output } from "../../src/cli/output.ts";
import { test } from "../harness.ts";

/** Lets every microtask and timer that is due run. */
const turn = (): Promise<void> => new Promise((resolve) => setTimeout(resolve));

test("Output writes every line at once, however soon after another it comes", async () => {
  for (let microtasks = 0; microtasks < 12; microtasks++) {
    let written = "";
    const output = new Output((bytes) => {
      written += new TextDecoder().decode(bytes);
      return Promise.resolve(bytes.length);
    });
    output.line("first");
    for (let passed = 0; passed < microtasks; passed++) await Promise.resolve();
    output.line("second");
    await turn();
    assert.equal(written, "first\nsecond\n", `${microtasks} microtasks later`);
  }
});
