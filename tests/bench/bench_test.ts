import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArguments } from "../../bench/arguments.ts";
import { Bench, type BenchFindings } from "../../bench/bench.ts";
import { holdableStreams } from "../../bench/idle.ts";
import { Load } from "../../bench/load.ts";
import { versionIn } from "../../bench/machine.ts";
import { Programs } from "../../bench/programs.ts";
import { scenariosFor } from "../../bench/scenarios.ts";
import { findPeers, targetsFor } from "../../bench/targets/mod.ts";
import { commandOf, noTunnel } from "../../bench/targets/ours.ts";
import type { Target } from "../../bench/targets/types.ts";
import { test } from "../harness.ts";
import { corruptAt, type Harm, startRelay } from "./relay.ts";

test("targetsFor() measures ours, the peers and no tunnel, with and without TLS", () => {
  const peers = new Map([["rathole", "/bin/rathole"], ["bore", "/bin/bore"]] as const);
  const ids = (words: string[], tls: boolean): string[] =>
    targetsFor(parseArguments(words), peers, tls).map(({ id }) => id);
  const plain = ["none", "ferrotunnel-deno", "ferrotunnel-bun", "rathole", "bore"];
  assert.deepEqual(ids([], false), plain);
  assert.deepEqual(ids(["--no-tls"], true), plain);
  assert.deepEqual(ids([], true), [...plain, "ferrotunnel-deno-tls", "ferrotunnel-bun-tls", "rathole-tls"]);
  assert.deepEqual(ids(["--runtime", "bun"], true)[1], "ferrotunnel-bun");
});

test("findPeers() asks for nothing when none is wanted", () => {
  assert.equal(findPeers([]).size, 0);
});

test("commandOf() runs the program from source", () => {
  assert.match(commandOf("deno").join(" "), / run --allow-net .*src\/main\.ts$/);
});

test("scenariosFor() gives every measure an id of its own", () => {
  const ids = scenariosFor(parseArguments([])).flatMap(({ measures }) => measures.map(({ id }) => id));
  assert.equal(new Set(ids).size, ids.length);
  assert.ok(ids.includes("down-100-cpu") && ids.includes("connect"));
});

test("holdableStreams() asks for no more than a tunnel with two connections a stream can hold", () => {
  assert.equal(holdableStreams(10_000, Infinity), 10_000);
  assert.equal(holdableStreams(10_000, 21_000), 10_000);
  assert.equal(holdableStreams(10_000, 20_999), 9999);
  assert.equal(holdableStreams(10_000, 10), 1);
});

test("versionIn() finds the version in what programs print", () => {
  assert.equal(versionIn("deno 2.9.6 (stable, release)\nv8 15.0.245\n"), "2.9.6");
  assert.equal(versionIn("1.4.5\n"), "1.4.5");
  assert.equal(
    versionIn("rathole \nBuild Timestamp:     2026-11-24T22:54:38Z\nBuild Version:       0.5.0\n"),
    "0.5.0",
  );
  assert.equal(versionIn("cc (Debian 12.2.0-14) 12.2.0\nCopyright 2022"), "12.2.0");
  assert.equal(versionIn("none"), "unknown");
});

/** Measures no tunnel beside a relay that does harm, as shortly as can be. */
async function measureHarm(up: Harm, isOurs: boolean): Promise<BenchFindings> {
  const programs = new Programs();
  const folder = mkdtempSync(join(tmpdir(), "ferrotunnel-bench-test-"));
  const closers: (() => Promise<void>)[] = [];
  const harmful: Target = {
    id: "harmful",
    name: "harmful",
    tls: false,
    isOurs,
    start: async ({ servicePort }) => {
      const relay = await startRelay({ port: servicePort, up });
      closers.push(() => relay.close());
      return { port: relay.port };
    },
  };
  try {
    const bench = new Bench({
      options: { ...parseArguments(["--rounds", "2", "--sample-ms", "5"]), streams: [1] },
      targets: [noTunnel, harmful],
      load: await Load.build(programs, folder),
      programs,
      folder,
      certificates: undefined,
      idleStreams: 3,
      say: () => {},
    });
    return await bench.run();
  } finally {
    await programs.endAll();
    await Promise.all(closers.map((close) => close()));
    rmSync(folder, { recursive: true });
  }
}

test("Bench.run() leaves a target out that changed a byte, says so, and goes on with the others", async () => {
  const { rounds, targets, failures } = await measureHarm(corruptAt(5000), true);
  assert.equal(rounds, 2);
  assert.deepEqual(failures.map(({ target, measurement, isOurs }) => [target, measurement, isOurs]), [
    ["harmful", "up-1", true],
  ]);
  const [none, harmful] = targets;
  assert.equal(none?.samples["up-1"]?.length, 2);
  assert.equal(none?.samples["round-trip-p50"]?.length, 2);
  assert.deepEqual(harmful?.samples, {});
});

test("Bench.run() measures what does no harm, and counts a peer's failure as its own", async () => {
  const good = await measureHarm((bytes) => bytes, true);
  assert.deepEqual(good.failures, []);
  assert.equal(good.targets[1]?.samples["connect"]?.length, 2);
  // The first byte says what is wanted of the service: nothing works.
  const { failures } = await measureHarm(corruptAt(0), false);
  assert.ok(failures.length > 0 && failures.every(({ isOurs }) => !isOurs));
});
