import assert from "node:assert/strict";
import fc from "fast-check";
import { editDistance, suggest } from "../../src/config/suggest.ts";
import { test } from "../harness.ts";

const KEYS = ["bind", "tcpBind", "allowPorts", "token", "tokenFile", "tokens", "tls", "log", "limits"];

test("suggest() finds slips: swapped, missing, extra and wrong letters, other spellings", () => {
  const slips: [string, string][] = [
    ["bnid", "bind"],
    ["bin", "bind"],
    ["tokenfile", "tokenFile"],
    ["token_file", "tokenFile"],
    ["allow-ports", "allowPorts"],
    ["alowPort", "allowPorts"],
    ["tcpbind", "tcpBind"],
    ["limit", "limits"],
    ["tsl", "tls"],
    ["allow", "allowPorts"],
  ];
  for (const [word, meant] of slips) assert.equal(suggest(word, KEYS), meant, word);
});

test("suggest() says nothing when nothing is close", () => {
  for (const word of ["", "xy", "completely", "proxy"]) assert.equal(suggest(word, KEYS), undefined, word);
});

/** The definition itself, in exponential time. */
function slowDistance(left: string, right: string): number {
  if (left === "" || right === "") return left.length + right.length;
  const options = [
    slowDistance(left.slice(1), right) + 1,
    slowDistance(left, right.slice(1)) + 1,
    slowDistance(left.slice(1), right.slice(1)) + (left[0] === right[0] ? 0 : 1),
  ];
  if (left.length > 1 && left[0] === right[1] && left[1] === right[0]) {
    options.push(slowDistance(left.slice(2), right.slice(2)) + 1);
  }
  return Math.min(...options);
}

test("editDistance() agrees with its definition", () => {
  const word = fc.array(fc.constantFrom("a", "b", "c"), { maxLength: 5 }).map((letters) => letters.join(""));
  fc.assert(
    fc.property(word, word, (left, right) => {
      assert.equal(editDistance(left, right), slowDistance(left, right));
    }),
    { numRuns: 200 },
  );
});
