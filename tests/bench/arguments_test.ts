import assert from "node:assert/strict";
import { parseArguments, PEER_NAMES, SCENARIO_NAMES, USAGE } from "../../bench/arguments.ts";
import { targetsFor } from "../../bench/targets/mod.ts";
import { test } from "../harness.ts";

test("parseArguments() measures everything that is found when told nothing", () => {
  assert.deepEqual(parseArguments([]), {
    help: false,
    quick: false,
    runtimes: ["deno", "bun"],
    peers: undefined,
    scenarios: SCENARIO_NAMES,
    tls: true,
    modes: false,
    rounds: 5,
    sampleMs: 700,
    streams: [1, 10, 100],
    idleStreams: [1000, 10_000],
    budgetMs: 840_000,
    output: undefined,
    writeReadme: false,
  });
});

test("parseArguments() with --quick asks for less and sets a time", () => {
  const options = parseArguments(["--quick"]);
  assert.equal(options.rounds, 3);
  assert.deepEqual(options.streams, [1, 10]);
  assert.deepEqual(options.idleStreams, [1000]);
  assert.ok(options.budgetMs < 120_000);
});

test("parseArguments() takes every option", () => {
  const words = ["--runtime", "bun", "--peer", "bore,rathole", "--no-tls", "--rounds", "7", "--sample-ms=50"];
  const options = parseArguments([...words, "--write-readme", "--quick", "--modes"]);
  assert.equal(options.modes, true);
  assert.deepEqual(options.runtimes, ["bun"]);
  assert.deepEqual(options.peers, ["bore", "rathole"]);
  assert.equal(options.tls, false);
  assert.equal(options.rounds, 7);
  assert.equal(options.sampleMs, 50);
  assert.equal(options.writeReadme, true);
  assert.deepEqual(parseArguments(["--runtime=all"]).runtimes, ["deno", "bun"]);
  assert.deepEqual(parseArguments(["--peer", "none"]).peers, []);
  assert.equal(parseArguments(["--output", "folder"]).output, "folder");
  assert.deepEqual(parseArguments(["--scenario", "line,idle"]).scenarios, ["line", "idle"]);
});

test("parseArguments() refuses what it does not know, and names it", () => {
  const wrong: [string[], RegExp][] = [
    [["--runtime", "node"], /'node'/],
    [["--peer", "rathole,other"], /'other'/],
    [["--scenario", "bulk,speed"], /'speed'/],
    [["--rounds", "0"], /'0'/],
    [["--rounds", "1.5"], /'1\.5'/],
    [["--sample-ms", "soon"], /'soon'/],
    [["--fast"], /--fast/],
    [["words"], /words/],
  ];
  for (const [words, message] of wrong) assert.throws(() => parseArguments(words), message);
});

test("USAGE names every option, every scenario and every peer", () => {
  const options = [
    "quick",
    "scenario",
    "runtime",
    "peer",
    "no-tls",
    "rounds",
    "sample-ms",
    "output",
    "write-readme",
    "help",
  ];
  for (const option of options) assert.ok(USAGE.includes(`--${option}`), option);
  for (const name of [...SCENARIO_NAMES, ...PEER_NAMES]) assert.ok(USAGE.includes(name), name);
});

test("targetsFor() names direct mode and several connections only when asked to, and not over TLS", () => {
  const names = (words: string[]): string[] =>
    targetsFor(parseArguments(["--runtime", "bun", ...words]), new Map(), true).map(({ id }) => id);
  assert.deepEqual(names([]), ["none", "ferrotunnel-bun", "ferrotunnel-bun-tls"]);
  assert.deepEqual(names(["--modes"]), [
    "none",
    "ferrotunnel-bun",
    "ferrotunnel-bun-direct",
    "ferrotunnel-bun-4-connections",
    "ferrotunnel-bun-tls",
  ]);
});
