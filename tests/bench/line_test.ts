import assert from "node:assert/strict";
import process from "node:process";
import { layLine, type Line, type LineSpeed } from "../../bench/hosts.ts";
import { Load, type Place } from "../../bench/load.ts";
import { Programs } from "../../bench/programs.ts";
import { test } from "../harness.ts";

/** 8 Mbit/s and 20 ms there and back, with a queue of 20 ms: a megabyte takes a second. */
const SPEED: LineSpeed = { bitsPerSecond: 8e6, delayMs: 10, queueBytes: 20e3 };

type World = { line: Line; visitors: Load; service: Place };

async function withLine(run: (world: World) => Promise<void>): Promise<void> {
  const programs = new Programs();
  try {
    const load = await Load.build(programs);
    const line = await layLine(load, SPEED);
    const { port } = await load.on(line.client).serve("0.0.0.0");
    await run({ line, visitors: load.on(line.server), service: { port, host: line.client.address } });
  } finally {
    await programs.endAll();
  }
}

/** Networks are for the superuser; there may be no compiler either. */
async function whyNot(): Promise<string | undefined> {
  if (process.platform !== "linux") return "needs Linux";
  try {
    await withLine(() => Promise.resolve());
    return undefined;
  } catch (error) {
    return `no line: ${error instanceof Error ? error.message.split("\n")[0] : error}`;
  }
}

const skip = await whyNot();

test("layLine() delays every round trip", () =>
  withLine(async ({ visitors, service }) => {
    const { p50Us = 0 } = await visitors.ping({ ...service, forMs: 100, warmUp: 1 });
    // Never faster; how much slower is a matter of the machine.
    assert.ok(p50Us >= 20_000, `${p50Us} µs`);
  }), { skip });

test(
  "layLine() lets no more pass than its rate, loses no byte in the end, and drops what its queue cannot hold",
  () =>
    withLine(async ({ visitors, service }) => {
      for (const direction of ["up", "down"] as const) {
        const { bytes = 0, seconds = 0 } = await visitors.bulk(direction, {
          ...service,
          bytesEach: 200e3,
          streams: 2,
        });
        assert.equal(bytes, 400e3);
        assert.ok(seconds >= 0.4 * 0.99, `${seconds} s`);
      }
    }),
  { skip },
);

test(
  "layLine() gives each host a loopback of its own",
  () =>
    withLine(async ({ visitors, service: { port } }) => {
      // The service listens on the client's host, and on no other.
      await assert.rejects(visitors.until("taken", { port, withinMs: 0 }), /Nobody listens/);
    }),
  { skip },
);

test("layLine() refuses where the load is not in C", async () => {
  const programs = new Programs();
  const load = await Load.build(programs, "TypeScript");
  await assert.rejects(layLine(load, SPEED), /load in C/);
});
