import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Load } from "../../bench/load.ts";
import { Programs } from "../../bench/programs.ts";
import { chooseDriver, loadDriver, readOha, readWrk, startWebService } from "../../bench/web.ts";
import { test } from "../harness.ts";

const WRK = `Running 1s test @ http://127.0.0.1:40000/
  1 threads and 32 connections
  Thread Stats   Avg      Stdev     Max   +/- Stdev
    Latency   268.32us  254.80us   9.61ms   97.94%
  Latency Distribution
     50%  236.00us
     75%  280.00us
     90%  345.00us
     99%    1.05ms
  120334 requests in 1.10s, 22.95MB read
Requests/sec: 109405.15
Transfer/sec:     20.87MB
`;

test("readWrk() reads requests a second and the 99th percentile in every unit", () => {
  assert.deepEqual(readWrk(WRK), { perSecond: 109405.15, p99Ms: 1.05 });
  assert.equal(readWrk(WRK.replace("1.05ms", "850.00us")).p99Ms, 0.85);
  assert.equal(readWrk(WRK.replace("1.05ms", "1.50s")).p99Ms, 1500);
});

test("readWrk() refuses errors and output without figures", () => {
  assert.throws(() => readWrk(WRK + "  Non-2xx or 3xx responses: 7\n"), /responses: 7/);
  assert.throws(() => readWrk(WRK + "  Socket errors: connect 0, read 3, write 0, timeout 0\n"), /read 3/);
  assert.throws(() => readWrk("unable to connect"), /unable to connect/);
  assert.throws(() => readWrk(WRK.replace("109405.15", "0.00")));
});

test("readOha() reads requests a second and the 99th percentile, and refuses errors", () => {
  const result = {
    summary: { requestsPerSec: 1234.5 },
    latencyPercentiles: { p99: 0.0025 },
    statusCodeDistribution: { 200: 1234 },
  };
  assert.deepEqual(readOha(JSON.stringify(result)), { perSecond: 1234.5, p99Ms: 2.5 });
  assert.throws(() => readOha(JSON.stringify({ ...result, statusCodeDistribution: { 502: 1 } })), /502/);
  assert.throws(() => readOha("{}"));
});

test("chooseDriver() leaves short measurements to the load", () => {
  assert.equal(chooseDriver(new Programs(), 100), loadDriver);
});

test("startWebService() answers what the load's visitors expect", async () => {
  const programs = new Programs();
  const folder = mkdtempSync(join(tmpdir(), "ferrotunnel-web-"));
  try {
    const load = await Load.build(programs);
    const { port } = await startWebService({ programs, folder, load });
    const { perSecond, p99Ms } = await loadDriver.drive(load, { port, forMs: 20, lanes: 4 });
    assert.ok(perSecond > 0 && p99Ms > 0);
  } finally {
    await programs.endAll();
    rmSync(folder, { recursive: true });
  }
});
