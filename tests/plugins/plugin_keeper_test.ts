import assert from "node:assert/strict";
import { systemClock } from "../../src/clock.ts";
import { HeaderList } from "../../src/http/header_list.ts";
import { loggerOrDefault } from "../../src/log.ts";
import { Counters } from "../../src/observe/counters.ts";
import type { PluginRun } from "../../src/plugins/chain.ts";
import { pluginFactory } from "../../src/plugins/create_plugins.ts";
import { PluginKeeper } from "../../src/plugins/plugin_keeper.ts";
import type { Plugin, PluginFactory, PluginRequest } from "../../src/plugins/types.ts";
import { test } from "../harness.ts";

const OUTCOME = {
  ...{
    status: 200,
    from: "service",
    complete: true,
    durationMs: 0,
    requestBytes: 0,
    responseBytes: 0,
  } as const,
};

function seen(): PluginRequest {
  return {
    ...{ id: "1", method: "GET", target: "/", host: "a.test", scheme: "http", version: "1.1" } as const,
    ...{ headers: new HeaderList(), visitor: "192.0.2.1", service: "web", tunnelId: "box" },
  };
}

/** A keeper, and a log of what is made and closed. */
function world(): {
  readonly keeper: PluginKeeper;
  readonly log: string[];
  make(name: string): PluginFactory;
  run(): PluginRun;
} {
  const keeper = new PluginKeeper({
    clock: systemClock,
    logger: loggerOrDefault(undefined),
    counters: new Counters(),
  });
  const log: string[] = [];
  return {
    keeper,
    log,
    make: (name) => (): Plugin => {
      log.push(`made ${name}`);
      return { name, onRequest: () => undefined, close: () => void log.push(`closed ${name}`) };
    },
    run: () => {
      const chain = keeper.registry?.chain({ service: "web", host: "a.test", wanted: [] });
      if (chain === undefined) throw new Error("There is no chain");
      return chain.begin(seen());
    },
  };
}

test("PluginKeeper keeps what stays, and closes what goes when the last request is over that sees it", async () => {
  const { keeper, log, make, run } = world();
  const [stays, goes, comes] = [make("stays"), make("goes"), make("comes")];
  (await keeper.prepare({ plugins: { stays, goes }, use: ["stays", "goes"] }, 1_000)).take();
  const first = run();
  (await keeper.prepare({ plugins: { stays, comes }, use: ["stays", "comes"] }, 1_000)).take();
  assert.deepEqual(log, ["made stays", "made goes", "made comes"]);
  const second = run();
  (await keeper.prepare({}, 1_000)).take();
  assert.equal(keeper.registry, undefined);
  second.end(OUTCOME);
  assert.deepEqual(log.slice(3), [], "the first request sees `stays` too");
  first.end(OUTCOME);
  await keeper.close();
  assert.deepEqual(log.slice(3), ["closed goes", "closed stays", "closed comes"]);
});

test("PluginKeeper keeps a plugin whose configuration says the same", async () => {
  const { keeper } = world();
  const limit = (perSecond: number): PluginFactory => pluginFactory({ type: "rateLimit", perSecond });
  const plugin = async (factory: PluginFactory): Promise<Plugin | undefined> => {
    (await keeper.prepare({ plugins: { limit: factory }, use: ["limit"] }, 1_000)).take();
    return keeper.registry?.chain({ service: "web", host: "a.test", wanted: [] })?.plugins[0];
  };
  const before = await plugin(limit(1));
  assert.equal(await plugin(limit(1)), before);
  assert.notEqual(await plugin(limit(2)), before);
  await keeper.close();
});

test("PluginKeeper changes nothing when a plugin cannot be made, is not there, or is not wanted after all", async () => {
  const { keeper, log, make } = world();
  const one = make("one");
  (await keeper.prepare({ plugins: { one }, use: ["one"] }, 1_000)).take();
  const { registry } = keeper;
  const broken = (): never => {
    throw new Error("It is broken");
  };
  await assert.rejects(
    keeper.prepare({ plugins: { one, two: make("two"), broken } }, 1_000),
    /plugin broken/,
  );
  await assert.rejects(
    keeper.prepare({ plugins: { one, three: make("three") }, use: ["four"] }, 1_000),
    TypeError,
  );
  await (await keeper.prepare({ plugins: { five: make("five") } }, 1_000)).discard();
  assert.equal(keeper.registry, registry);
  assert.deepEqual(log, [
    ...["made one", "made two", "closed two", "made three", "closed three", "made five", "closed five"],
  ]);
  await keeper.close();
  assert.equal(log.at(-1), "closed one");
});
