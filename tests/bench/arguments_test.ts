import assert from "node:assert/strict";
import { parseArguments, USAGE } from "../../bench/arguments.ts";
import { test } from "../harness.ts";

test("parseArguments() measures everything that is found when told nothing", () => {
  assert.deepEqual(parseArguments([]), {
    help: false,
    quick: false,
    runtimes: ["deno", "bun"],
    peers: undefined,
    tls: true,
    rounds: 5,
    sampleMs: 1000,
    streams: [1, 10, 100],
    idleStreams: 10_000,
    budgetMs: Infinity,
    writeReadme: false,
  });
});

test("parseArguments() with --quick asks for less and sets a time", () => {
  const options = parseArguments(["--quick"]);
  assert.equal(options.rounds, 3);
  assert.deepEqual(options.streams, [1, 10]);
  assert.equal(options.idleStreams, 1000);
  assert.ok(options.budgetMs < 120_000);
});

test("parseArguments() takes every option", () => {
  const words = ["--runtime", "bun", "--peer", "bore,rathole", "--no-tls", "--rounds", "7", "--sample-ms=50"];
  const options = parseArguments([...words, "--write-readme", "--quick"]);
  assert.deepEqual(options.runtimes, ["bun"]);
  assert.deepEqual(options.peers, ["bore", "rathole"]);
  assert.equal(options.tls, false);
  assert.equal(options.rounds, 7);
  assert.equal(options.sampleMs, 50);
  assert.equal(options.writeReadme, true);
  assert.deepEqual(parseArguments(["--runtime=all"]).runtimes, ["deno", "bun"]);
  assert.deepEqual(parseArguments(["--peer", "none"]).peers, []);
});

test("parseArguments() refuses what it does not know, and names it", () => {
  const wrong: [string[], RegExp][] = [
    [["--runtime", "node"], /'node'/],
    [["--peer", "rathole,other"], /'other'/],
    [["--rounds", "0"], /'0'/],
    [["--rounds", "1.5"], /'1\.5'/],
    [["--sample-ms", "soon"], /'soon'/],
    [["--fast"], /--fast/],
    [["words"], /words/],
  ];
  for (const [words, message] of wrong) assert.throws(() => parseArguments(words), message);
});

test("USAGE names every option", () => {
  for (
    const option of ["quick", "runtime", "peer", "no-tls", "rounds", "sample-ms", "write-readme", "help"]
  ) {
    assert.ok(USAGE.includes(`--${option}`), option);
  }
});
