import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArguments, PEER_NAMES, PEER_PROGRAMS } from "../../bench/arguments.ts";
import { Bench, type BenchFindings } from "../../bench/bench.ts";
import { holdableStreams } from "../../bench/idle.ts";
import { Load } from "../../bench/load.ts";
import { versionIn } from "../../bench/machine.ts";
import { Programs } from "../../bench/programs.ts";
import { scenariosFor } from "../../bench/scenarios/mod.ts";
import { findPeers, missingPeers, targetsFor } from "../../bench/targets/mod.ts";
import { commandOf, noTunnel } from "../../bench/targets/ours.ts";
import type { Target } from "../../bench/targets/types.ts";
import { loadDriver } from "../../bench/web.ts";
import { test } from "../harness.ts";
import { corruptAt, type Harm, startRelay } from "./relay.ts";

test("targetsFor() measures ours, the peers and no tunnel, with and without TLS", () => {
  const peers = new Map(
    [["rathole", ["/bin/rathole"]], ["bore", ["/bin/bore"]], ["frp", ["frps", "frpc"]]] as const,
  );
  const ids = (words: string[], tls: boolean): string[] =>
    targetsFor(parseArguments(words), peers, tls).map(({ id }) => id);
  const plain = ["none", "ferrotunnel-deno", "ferrotunnel-bun", "rathole", "bore", "frp"];
  assert.deepEqual(ids([], false), plain);
  assert.deepEqual(ids(["--no-tls"], true), plain);
  assert.deepEqual(ids([], true), [...plain, "ferrotunnel-deno-tls", "ferrotunnel-bun-tls", "rathole-tls"]);
  assert.deepEqual(ids(["--runtime", "bun"], true)[1], "ferrotunnel-bun");
});

test("targetsFor() knows every peer, and names each differently", () => {
  const peers = new Map(PEER_NAMES.map((name) => [name, PEER_PROGRAMS[name]]));
  const targets = targetsFor(parseArguments(["--no-tls"]), peers, false);
  assert.equal(targets.length, 3 + PEER_NAMES.length);
  assert.equal(new Set(targets.map(({ id }) => id)).size, targets.length);
  assert.equal(new Set(targets.map(({ name }) => name)).size, targets.length);
  assert.deepEqual(targets.filter(({ isOurs }) => isOurs).length, 3);
});

test("findPeers() asks for nothing when none is wanted", async () => {
  assert.equal((await findPeers([])).size, 0);
});

test("missingPeers() names those that were wanted and not found", () => {
  assert.deepEqual(missingPeers(new Map([["rathole", ["/bin/rathole"]]]), undefined), [
    "bore",
    "ferrotunnel",
    "frp",
    "chisel",
  ]);
  assert.deepEqual(missingPeers(new Map(), []), []);
});

test("commandOf() runs the program from source", () => {
  assert.match(commandOf("deno").join(" "), / run .*--allow-net .*src\/main\.ts$/);
});

test("scenariosFor() gives every measure an id of its own, and leaves out what was not asked for", () => {
  const idsOf = (words: string[]): string[] =>
    scenariosFor(parseArguments(words), loadDriver).flatMap(({ measures }) => measures.map(({ id }) => id));
  const ids = idsOf([]);
  assert.equal(new Set(ids).size, ids.length);
  for (
    const id of ["down-100-cpu", "connect", "beside-p99.9", "http-host", "http-port-p99", "line-beside-p99"]
  ) {
    assert.ok(ids.includes(id), id);
  }
  assert.deepEqual(idsOf(["--scenario", "connect"]), ["connect"]);
  assert.deepEqual(idsOf(["--scenario", "idle,start"]), []);
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
async function measureHarm(
  up: Harm,
  isOurs: boolean,
  scenarios = "idle,bulk,round-trip,beside,connect,http,start",
): Promise<BenchFindings & { readonly starts: number }> {
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
    const words = ["--rounds", "2", "--sample-ms", "5", "--scenario", scenarios];
    const options = { ...parseArguments(words), streams: [1] };
    const bench = new Bench({
      options,
      targets: [noTunnel, harmful],
      scenarios: scenariosFor(options, loadDriver),
      load: await Load.build(programs),
      programs,
      folder,
      certificates: undefined,
      idleStreams: [3],
      say: () => {},
    });
    return { ...await bench.run(), starts: closers.length };
  } finally {
    await programs.endAll();
    await Promise.all(closers.map((close) => close()));
    rmSync(folder, { recursive: true });
  }
}

test("Bench.run() leaves a target out that changed a byte, says so, and goes on with the others", async () => {
  const { rounds, targets, failures } = await measureHarm(
    corruptAt(5000),
    true,
    "idle,bulk,round-trip,beside,connect",
  );
  assert.equal(rounds, 2);
  assert.deepEqual(failures.map(({ target, measurement, isOurs }) => [target, measurement, isOurs]), [
    ["harmful", "up-1", true],
  ]);
  const [none, harmful] = targets;
  assert.equal(none?.samples["up-1"]?.length, 2);
  assert.equal(none?.samples["round-trip-p50"]?.length, 2);
  assert.deepEqual(harmful?.samples, {});
});

test("Bench.run() measures what does no harm in every part", async () => {
  const good = await measureHarm((bytes) => bytes, true);
  assert.deepEqual(good.failures, []);
  assert.deepEqual(good.leftOut, []);
  const samples = good.targets[1]?.samples ?? {};
  for (
    const id of ["up-1", "round-trip-p50", "beside-p99", "connect", "http-host", "http-port-p99", "start"]
  ) {
    assert.equal(samples[id]?.length, 2, id);
    assert.ok(samples[id].every((sample) => sample > 0), id);
  }
});

test("Bench.run() counts a peer's failure as its own, and tries its next measurement", async () => {
  const { failures } = await measureHarm(corruptAt(5000), false, "bulk,connect");
  // What comes towards the visitor is right.
  assert.deepEqual(failures.map(({ measurement }) => measurement), ["up-1"]);
  assert.ok(failures.every(({ isOurs }) => !isOurs));
  // The second byte tells which bytes are to be sent: both fail, and after two failures nothing is tried.
  const { failures: all, targets } = await measureHarm(corruptAt(1), false, "bulk,connect");
  assert.deepEqual(all.map(({ measurement }) => measurement), ["up-1", "down-1"]);
  assert.deepEqual(targets[1]?.samples, {});
});

test("Bench.run() starts a peer anew after a stream was cut, and ours never", async () => {
  const harmless: Harm = (bytes) => bytes;
  // One start, and one more before each of two rounds: the warming up and the rounds cut a stream each.
  assert.equal((await measureHarm(harmless, false, "beside")).starts, 3);
  assert.equal((await measureHarm(harmless, true, "beside")).starts, 1);
});
