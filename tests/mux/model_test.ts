import assert from "node:assert/strict";
import fc from "fast-check";
import { test } from "../harness.ts";
import { anyAction, anySetup, Model, type ModelAction, type ModelSetup } from "./model.ts";
import { dispose, runs } from "./support.ts";

async function play(setup: ModelSetup, actions: readonly ModelAction[]): Promise<Model> {
  const model = new Model(setup);
  for (const action of actions) {
    await model.play(action);
    model.check();
  }
  return model;
}

const LONG = { timeoutMs: 600_000 };

test("Two sessions on a random schedule carry every byte in order, and nothing is left of them", async () => {
  await fc.assert(
    fc.asyncProperty(
      anySetup,
      fc.array(anyAction, { minLength: 30, maxLength: 120, size: "max" }),
      async (setup, actions) => {
        const model = await play(setup, actions);
        await model.finish();
        await dispose(model.world);
      },
    ),
    { numRuns: runs(100) },
  );
}, LONG);

test("A session that drains at any moment lets its streams end, and refuses the others", async () => {
  const drains = fc.record({
    type: fc.constant("drain" as const),
    side: fc.constantFrom("server" as const, "client" as const),
  });
  const schedule = fc.tuple(
    fc.array(anyAction, { minLength: 15, maxLength: 50, size: "max" }),
    drains,
    fc.array(anyAction, { minLength: 15, maxLength: 50, size: "max" }),
  );
  await fc.assert(
    fc.asyncProperty(anySetup, schedule, async (setup, [before, drain, after]) => {
      const model = await play(setup, [...before, drain, ...after]);
      await model.finish();
      await model.world[drain.side].session.drain("shutting_down");
      await dispose(model.world);
    }),
    { numRuns: runs(30) },
  );
}, LONG);

test("A session that ends at any moment leaves nothing behind on either side", async () => {
  const how = fc.constantFrom("server" as const, "client" as const, "break" as const);
  await fc.assert(
    fc.asyncProperty(
      anySetup,
      fc.array(anyAction, { minLength: 30, maxLength: 80, size: "max" }),
      how,
      async (setup, actions, end) => {
        const model = await play(setup, actions);
        const { world } = model;
        for (const connection of world.link.ends) connection.stalled = false;
        if (end === "break") world.link.ends[0].break();
        else world[end].session.close("over");
        await world.settle();
        assert.equal(world.server.owner.ends.length, 1);
        assert.equal(world.client.owner.ends.length, 1);
        // What had been sent to the end is still there for its reader.
        for (const { owner } of [world.server, world.client]) {
          for (const driver of owner.drivers) driver.relax();
        }
        await dispose(world);
      },
    ),
    { numRuns: runs(60) },
  );
}, LONG);
