import assert from "node:assert/strict";
import process from "node:process";
import { BodyScanner } from "../../src/http/body.ts";
import { HttpError } from "../../src/http/http_error.ts";
import { RequestHeadParser } from "../../src/http/request_head.ts";
import type { RequestHead } from "../../src/http/types.ts";
import { test } from "../harness.ts";
import { CORPUS, Dice, mutated, runs } from "./corpus.ts";
import { readNaively } from "./naive.ts";
import { bytesOf, cut, parseRequestCut, refusal, scanBody, type ScannedBody } from "./support.ts";

const HEADS = runs(20_000);

function readFast(text: string): { head: RequestHead; end: number } | "more" | "refused" {
  try {
    return new RequestHeadParser().push(bytesOf(text)) ?? "more";
  } catch (error) {
    if (error instanceof HttpError) return "refused";
    throw error;
  }
}

/** The part of a head that both readers tell. */
function told(found: ReturnType<typeof readFast>): unknown {
  if (typeof found === "string") return found;
  const { method, target, version, headers, framing, host, keepAlive } = found.head;
  const length = framing.kind === "length" ? `length ${framing.bytes}` : framing.kind;
  return { method, target, version, headers: [...headers], framing: length, host, keepAlive, end: found.end };
}

test(`${HEADS} changed requests are read by the fast parser as by the naive one`, () => {
  const seed = Number(process.env["FERROTUNNEL_TEST_SEED"] ?? 20_261_125);
  const dice = new Dice(seed);
  let accepted = 0;
  for (let run = 0; run < HEADS; run++) {
    const text = mutated(dice);
    const fast = told(readFast(text));
    if (typeof fast === "object") accepted++;
    assert.deepEqual(fast, readNaively(text), `seed ${seed}, run ${run}: ${JSON.stringify(text)}`);
  }
  // Both kinds must be there, or the corpus tests nothing.
  assert.ok(accepted > HEADS / 20 && accepted < HEADS * 0.95, `${accepted} of ${HEADS} were accepted`);
}, { timeoutMs: 600_000 });

test("every request of the corpus is accepted", () => {
  for (const text of CORPUS) assert.notEqual(typeof readFast(text), "string", text);
});

test("a head that is cut anywhere is read as the whole one", () => {
  for (const text of CORPUS) {
    const whole = new RequestHeadParser().push(bytesOf(text));
    assert.ok(whole !== undefined);
    for (let place = 0; place <= text.length; place++) {
      const parsed = parseRequestCut(text, [place]);
      assert.ok(parsed !== undefined);
      assert.deepEqual(told(parsed), told({ ...whole, end: parsed.end }));
      assert.equal(parsed.end, place < whole.end ? whole.end - place : whole.end);
    }
    const everywhere = Array.from({ length: text.length }, (_, index) => index + 1);
    assert.deepEqual(told(parseRequestCut(text, everywhere)!), told({ ...whole, end: 1 }));
  }
});

test("a changed request that is cut at random is accepted or refused as the whole one", () => {
  const dice = new Dice(7);
  for (let run = 0; run < runs(5_000); run++) {
    const text = mutated(dice);
    const places = [dice.roll(text.length + 1), dice.roll(text.length + 1)].sort((a, b) => a - b);
    const whole = refusal(() => new RequestHeadParser().push(bytesOf(text)));
    const pieces = refusal(() => parseRequestCut(text, places));
    assert.equal(pieces, whole, `${JSON.stringify(text)} cut at ${places.join()}`);
  }
});

const BODIES = [
  "5\r\nhello\r\n6\r\n, you!\r\n0\r\n\r\nNEXT",
  '3;a=b;c="d\\"e"\r\nabc\r\n1\r\nx\r\n0;z\r\nX-T: v\r\nHost: b\r\n\r\nNEXT',
  "0\r\n\r\nNEXT",
  "A\r\n0\r\n\r\n01234\r\n0\r\nA: b\r\n\r\nNEXT",
];

test("a chunked body that is cut anywhere gives the same payload, verbatim bytes and rest", () => {
  for (const text of BODIES) {
    for (const pieces of ["payload", "verbatim"] as const) {
      const whole = scanBody(text, { kind: "chunked" }, { pieces });
      assert.equal(whole.rest, "NEXT");
      for (let place = 0; place <= text.length; place++) {
        for (const places of [[place], [place, Math.min(place + 1, text.length)]]) {
          assert.deepEqual(
            scanBody(text, { kind: "chunked" }, { pieces, places }),
            whole,
            `${text} at ${places.join()}`,
          );
        }
      }
    }
  }
});

test("what is passed on verbatim is a body of the same payload and trailers", () => {
  for (const text of BODIES) {
    const payload = scanBody(text, { kind: "chunked" });
    const verbatim = scanBody(text, { kind: "chunked" }, { pieces: "verbatim" });
    const again = scanBody(verbatim.out, { kind: "chunked" });
    assert.deepEqual([again.out, again.done, again.trailers], [payload.out, true, payload.trailers]);
    assert.equal(again.rest, "");
    assert.equal(scanBody(verbatim.out, { kind: "chunked" }, { pieces: "verbatim" }).out, verbatim.out);
  }
});

test("changed chunked bodies are refused or read alike, whole and cut, and passed on as the same payload", () => {
  const dice = new Dice(11);
  let accepted = 0;
  for (let run = 0; run < runs(10_000); run++) {
    let text = dice.pick(BODIES);
    const at = dice.roll(text.length);
    text = text.slice(0, at) +
      dice.pick(["\r", "\n", ";", "0", "a", " ", "\r\n", "\0", "\xff", "=", '"', ""]) +
      text.slice(at + dice.roll(3));
    const places = [dice.roll(text.length + 1), dice.roll(text.length + 1)].sort((a, b) => a - b);
    for (const pieces of ["payload", "verbatim"] as const) {
      const outcome = (some: readonly number[]): ScannedBody | string => {
        try {
          return scanBody(text, { kind: "chunked" }, { pieces, places: some });
        } catch (error) {
          if (error instanceof HttpError) return `${error.status} ${error.rule}`;
          throw error;
        }
      };
      const whole = outcome([]);
      assert.deepEqual(outcome(places), whole, `${JSON.stringify(text)} cut at ${places.join()}`);
      if (typeof whole === "string" || !whole.done) continue;
      accepted++;
      if (pieces === "verbatim") {
        const payload = scanBody(text, { kind: "chunked" });
        const again = scanBody(whole.out, { kind: "chunked" });
        assert.deepEqual([again.out, again.done, again.trailers], [payload.out, true, payload.trailers]);
      }
    }
  }
  assert.ok(accepted > 100);
});

test("rubbish never makes parser or scanner throw anything but an HttpError", () => {
  const dice = new Dice(13);
  for (let run = 0; run < runs(5_000); run++) {
    const bytes = Uint8Array.from({ length: dice.roll(80) }, () => dice.roll(256));
    refusal(() => new RequestHeadParser().push(bytes));
    refusal(() => {
      const scanner = new BodyScanner({ kind: "chunked" }, { pieces: "verbatim", from: "visitor" });
      for (const piece of cut(bytes, [dice.roll(bytes.length + 1)])) {
        let at = piece.start;
        while (at < piece.end && !scanner.done) at = scanner.scan(piece.bytes, at, piece.end);
      }
    });
  }
});
