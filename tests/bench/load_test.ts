import assert from "node:assert/strict";
import process from "node:process";
import { Load } from "../../bench/load.ts";
import { HEADER_BYTES } from "../../bench/load/peer.ts";
import { Programs } from "../../bench/programs.ts";
import { findOnPath } from "../../scripts/tools.ts";
import { test } from "../harness.ts";
import { corruptAt, cutAt, dropAt, type Relay, type RelayOptions, repeatAt, startRelay } from "./relay.ts";

/** More than one chunk of the load, and not a multiple of it. */
const BYTES = 600_001;

const LANGUAGES = [
  {
    language: "C",
    skip: process.platform === "linux" && findOnPath("cc") !== undefined ? undefined : "no C compiler",
  },
  { language: "TypeScript", skip: undefined },
] as const;

type World = { load: Load; port: number; through: (harm: Omit<RelayOptions, "port">) => Promise<number> };

/** Runs a test with a load and its service, and leaves nothing behind. */
async function withLoad(language: "C" | "TypeScript", run: (world: World) => Promise<void>): Promise<void> {
  const programs = new Programs();
  const relays: Relay[] = [];
  try {
    const load = await Load.build(programs, language);
    const { port } = await load.serve();
    const through = async (harm: Omit<RelayOptions, "port">): Promise<number> => {
      const relay = await startRelay({ port, ...harm });
      relays.push(relay);
      return relay.port;
    };
    await run({ load, port, through });
  } finally {
    await programs.endAll();
    await Promise.all(relays.map((relay) => relay.close()));
  }
}

for (const { language, skip } of LANGUAGES) {
  const one = { bytesEach: BYTES, streams: 1 };
  const check = (what: string, run: (world: World) => Promise<void>): void =>
    test(`the load in ${language} ${what}`, () => withLoad(language, run), { skip });

  check("moves bytes both ways on many streams", async ({ load, port }) => {
    for (const direction of ["up", "down"] as const) {
      const { bytes, seconds = 0 } = await load.bulk(direction, { port, bytesEach: BYTES, streams: 3 });
      assert.equal(bytes, 3 * BYTES);
      assert.ok(seconds > 0);
    }
  });

  check("is content with a relay that does no harm", async ({ load, through }) => {
    const port = await through({});
    await load.bulk("up", { port, ...one });
    await load.bulk("down", { port, ...one });
  });

  check("finds a wrong byte, and says where", async ({ load, through }) => {
    for (const place of [0, 300_007, BYTES - 1]) {
      const message = new RegExp(`mismatch at byte ${place}$`);
      const up = await through({ up: corruptAt(HEADER_BYTES + place) });
      await assert.rejects(load.bulk("up", { port: up, ...one }), message);
      const down = await through({ down: corruptAt(place) });
      await assert.rejects(load.bulk("down", { port: down, ...one }), message);
    }
  });

  check("finds a transfer that is cut short", async ({ load, through }) => {
    const up = await through({ up: cutAt(400_000) });
    await assert.rejects(load.bulk("up", { port: up, ...one }));
    const down = await through({ down: cutAt(400_000) });
    await assert.rejects(load.bulk("down", { port: down, ...one }), /[Ss]hort/);
  });

  check("finds bytes that are lost or come twice", async ({ load, through }) => {
    // A byte that equals its neighbour can only be missed where the two differ: hence a range.
    const message = /mismatch at byte 100\d$/;
    for (const harm of [dropAt, repeatAt]) {
      const up = await through({ up: harm(HEADER_BYTES + 1000) });
      await assert.rejects(load.bulk("up", { port: up, ...one }), message);
      const down = await through({ down: harm(1000) });
      await assert.rejects(load.bulk("down", { port: down, ...one }), message);
    }
    const surplus = await through({ down: repeatAt(BYTES - 1) });
    await assert.rejects(load.bulk("down", { port: surplus, ...one }), /mismatch, a byte too many/);
  });

  check("finds a wrong echo, in round trips and on new connections", async ({ load, port, through }) => {
    const { count = 0, p50Us = 0, p99Us = 0 } = await load.ping({ port, forMs: 20 });
    assert.ok(count > 0 && p50Us > 0 && p99Us >= p50Us);
    assert.ok(((await load.connect({ port, forMs: 20, lanes: 2 })).count ?? 0) > 0);
    const wrong = await through({ down: corruptAt(0) });
    await assert.rejects(load.ping({ port: wrong, forMs: 20 }), /Mismatch/);
    await assert.rejects(load.connect({ port: wrong, forMs: 20, lanes: 2 }), /Mismatch/);
  });

  check("counts requests, and finds a wrong response", async ({ load, port, through }) => {
    const { count = 0, p99Us = 0, seconds = 0 } = await load.http({ port, forMs: 20, lanes: 3 });
    assert.ok(count > 0 && p99Us > 0 && seconds > 0);
    const status = await through({ down: corruptAt(9) });
    await assert.rejects(load.http({ port: status, forMs: 20, lanes: 1 }), /Mismatch, not the answer/);
    const body = await through({ down: corruptAt(45) });
    await assert.rejects(load.http({ port: body, forMs: 20, lanes: 1 }), /Mismatch in a body/);
    const cut = await through({ down: cutAt(0) });
    await assert.rejects(load.http({ port: cut, forMs: 20, lanes: 1 }));
  });

  check("waits until somebody listens, a byte comes back, a request is answered", async ({ load, port }) => {
    for (const what of ["taken", "echo", "http"] as const) await load.until(what, { port, withinMs: 1000 });
    await load.until("echo", { port, host: "127.0.0.1", withinMs: 1000 });
    await assert.rejects(load.until("taken", { port: 1, withinMs: 5 }), /Nobody listens/);
    await assert.rejects(load.until("echo", { port: 1, withinMs: 5 }), /leads nowhere/);
  });

  check("floods until it is stopped, and tells when a byte was wrong", async ({ load, port, through }) => {
    const flood = load.flood("down", { port });
    await load.ping({ port, forMs: 10 });
    await flood.stop();
    const wrong = load.flood("down", { port: await through({ down: corruptAt(5000) }) });
    await wrong.ended;
    await assert.rejects(wrong.stop(), /mismatch at byte 5000/);
  });

  check("finds idle connections that were lost", async ({ load, port, through }) => {
    const held = await load.idle({ port, count: 40 });
    await held.release();
    // The first byte of every connection passes, the one sent on release does not.
    const lossy = await load.idle({ port: await through({ up: cutAt(HEADER_BYTES + 1) }), count: 40 });
    await assert.rejects(lossy.release());
  });
}

test("both loads speak the same protocol", () =>
  withLoad("TypeScript", async ({ port }) => {
    await withLoad("C", async ({ load }) => {
      await load.bulk("up", { port, bytesEach: BYTES, streams: 2 });
      await load.bulk("down", { port, bytesEach: BYTES, streams: 2 });
      await load.ping({ port, forMs: 10 });
    });
  }), { skip: LANGUAGES[0].skip });
