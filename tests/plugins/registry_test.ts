import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { TunnelError } from "../../src/errors.ts";
import { closePlugins, createPlugins, pluginFactory } from "../../src/plugins/create_plugins.ts";
import { modulePlugin } from "../../src/plugins/module.ts";
import { PluginRegistry, type PluginUse } from "../../src/plugins/registry.ts";
import type { Plugin, PluginFactory } from "../../src/plugins/types.ts";
import { runtime } from "../../src/runtime/mod.ts";
import { test } from "../harness.ts";
import { Bench, requestOf, responseOf, statusIn } from "./support.ts";

function registryOf(use: PluginUse, names = ["a", "b", "c", "d"]): PluginRegistry {
  const bench = new Bench();
  const plugins = new Map(
    names.map((name): [string, Plugin] => [name, { name, onRequest: () => undefined }]),
  );
  return new PluginRegistry(plugins, { ...bench, timeoutMs: 1, ...use });
}

function named(
  registry: PluginRegistry,
  scope: { service?: string; host?: string; wanted?: string[] },
): string {
  const { service = "web", host = "app.example.com", wanted = [] } = scope;
  return (registry.chain({ service, host, wanted })?.plugins ?? []).map(({ name }) => name).join(" ");
}

test("PluginRegistry puts the owner's choice before the client's, each plugin once", () => {
  const registry = registryOf({ use: ["b"], services: { web: { use: ["c", "b"] } } });
  assert.equal(named(registry, {}), "b c");
  assert.equal(named(registry, { wanted: ["a", "c", "unknown"] }), "b c a");
  assert.equal(named(registry, { service: "other" }), "b");
});

test("PluginRegistry finds the owner's choice by name, host and pattern", () => {
  const services = {
    web: { use: ["a"] },
    "app.example.com": { use: ["b"] },
    "*.example.com": { use: ["c"] },
    localhost: { use: ["d"] },
  };
  const registry = registryOf({ services });
  assert.equal(named(registry, {}), "a b c");
  assert.equal(named(registry, { service: "x", host: "y.z.example.com" }), "c");
  assert.equal(named(registry, { service: "x", host: "example.com" }), "");
  assert.equal(named(registry, { service: "app.example.com" }), "b c");
  assert.equal(named(registryOf({ services: { localhost: { use: ["d"] } } }), { host: "localhost" }), "d");
});

test("W14: the owner's choice for a host holds for every spelling of it", () => {
  for (const name of ["App.Example.com", "app.example.com.", "APP.EXAMPLE.COM"]) {
    assert.equal(named(registryOf({ services: { [name]: { use: ["a"] } } }), { service: "x" }), "a", name);
  }
  assert.equal(
    named(registryOf({ services: { "*.Example.COM": { use: ["a"] } } }), { service: "x" }),
    "a",
  );
  const services = { "app.example.com": { use: ["a"] }, "App.Example.com": { use: ["b"] } };
  assert.equal(named(registryOf({ services }), { service: "x" }), "a b");
  assert.equal(named(registryOf({ services: { "[0:0::1]": { use: ["a"] } } }), { host: "[::1]" }), "a");
  assert.equal(
    named(registryOf({ services: { Web: { use: ["a"] } } }), { service: "Web", host: "x.y" }),
    "a",
  );
});

test("PluginRegistry makes one chain for one list, and none for an empty one", () => {
  const registry = registryOf({ use: ["a"] });
  const scope = { service: "web", host: "x", wanted: ["b"] };
  assert.equal(registry.chain(scope), registry.chain({ ...scope, service: "other" }));
  assert.equal(registryOf({}).chain({ ...scope, wanted: [] }), undefined);
  assert.equal(registryOf({}, []).chain(scope), undefined);
});

test("PluginRegistry knows its names, and refuses a choice that it has not", () => {
  const registry = registryOf({});
  assert.deepEqual([...registry.names], ["a", "b", "c", "d"]);
  assert.deepEqual(registry.unknown(["a", "x", "y"]), ["x", "y"]);
  assert.throws(() => registryOf({ use: ["x"] }), /x/);
  assert.throws(() => registryOf({ services: { web: { use: ["y"] } } }), /y/);
});

test("createPlugins() gives plugins their names, and closes what it made when one fails", async () => {
  const bench = new Bench();
  class Private implements Plugin {
    readonly name = "own";
    #calls = 0;
    onRequest(): { answer: { status: number } } {
      return { answer: { status: 200 + this.#calls++ } };
    }
  }
  const made = await createPlugins({ mine: () => new Private() }, bench);
  const mine = made.get("mine");
  assert.equal(mine?.name, "mine");
  assert.equal(statusIn(await mine?.onRequest?.(requestOf())), 200);
  assert.equal(statusIn(await mine?.onRequest?.(requestOf())), 201);

  const closed: string[] = [];
  const closing = (name: string, close: () => void): PluginFactory => () => ({
    name,
    close: () => {
      closed.push(name);
      close();
    },
  });
  const fail: PluginFactory = () => Promise.reject(new Error("no luck"));
  const broken = (): void => {
    throw new Error("stuck");
  };
  const factories = { one: closing("one", broken), two: closing("two", () => {}), three: fail };
  await assert.rejects(createPlugins(factories, bench), (error) => {
    assert.ok(error instanceof TunnelError);
    assert.equal(error.code, "CONFIG");
    assert.match(error.message, /three.*no luck/);
    return true;
  });
  assert.deepEqual(closed, ["one", "two"]);
  assert.equal(bench.records.length, 1);
});

test("closePlugins() closes every plugin, also after one that fails", async () => {
  const bench = new Bench();
  const closed: string[] = [];
  const plugins = new Map<string, Plugin>([
    ["a", { name: "a", close: () => Promise.reject(new Error("stuck")) }],
    ["b", { name: "b", close: () => void closed.push("b") }],
  ]);
  await closePlugins(plugins.values(), bench);
  assert.deepEqual(closed, ["b"]);
  assert.equal(bench.records.length, 1);
});

async function load(name: string): Promise<unknown> {
  return await runtime.importModule(fileURLToPath(new URL(`./modules/${name}`, import.meta.url)));
}

test("modulePlugin() makes plugins of modules in TypeScript, with imports of their own, and in JavaScript", async () => {
  const bench = new Bench();
  const greet = pluginFactory({ type: "module", module: await load("greet.ts"), options: { whom: "Ada" } });
  const plugins = await createPlugins({ greet }, bench);
  const request = requestOf();
  assert.equal(await plugins.get("greet")?.onRequest?.(request), undefined);
  assert.equal(request.headers.get("x-greeting"), "Hello Ada");
  assert.equal(plugins.get("greet")?.name, "greet");
  const plain = modulePlugin({ module: await load("plain.js"), options: { status: 418 }, failOpen: true });
  const { plain: made } = Object.fromEntries(await createPlugins({ plain }, bench));
  assert.equal(statusIn(await made?.onRequest?.(requestOf())), 418);
  assert.equal(made?.failOpen, true);
});

test("modulePlugin() refuses modules that make no plugin", async () => {
  assert.throws(() => modulePlugin({ module: undefined }), TypeError);
  const wrong = await load("no_default.js");
  assert.throws(() => modulePlugin({ module: wrong }), TypeError);
  await assert.rejects(load("throws.js"), /not today/);
  await assert.rejects(load("missing.js"));
  for (const made of [undefined, null, 7, {}, { onRequest: 7 }, { name: "a" }]) {
    await assert.rejects(new Bench().make(modulePlugin({ module: { default: () => made } })), TypeError);
  }
});

test("the examples are plugins", async () => {
  const bench = new Bench();
  const example = async (name: string): Promise<unknown> =>
    await runtime.importModule(fileURLToPath(new URL(`../../examples/plugins/${name}`, import.meta.url)));
  const night = {
    type: "module",
    module: await example("maintenance.ts"),
    options: { from: 22, to: 23 },
  } as const;
  const gzip = { type: "module", module: await example("compress.js") } as const;
  const plugins = await createPlugins({ night: pluginFactory(night), gzip: pluginFactory(gzip) }, bench);
  // The clock stands at 22:13.
  assert.equal(statusIn(await plugins.get("night")?.onRequest?.(requestOf())), 503);
  bench.clock.advance(3_600_000);
  assert.equal(await plugins.get("night")?.onRequest?.(requestOf()), undefined);
  await assert.rejects(bench.make(pluginFactory({ ...night, options: { from: 24 } })), TypeError);

  const response = responseOf();
  response.headers.set("content-type", "text/html");
  const request = requestOf({ fields: [["Accept-Encoding", "br, gzip"]] });
  const verdict = await plugins.get("gzip")?.onResponse?.(response, request);
  assert.ok(verdict?.body instanceof CompressionStream);
  assert.equal(response.headers.get("content-encoding"), "gzip");
  for (const value of ["br", "gzip;q=0", "gzip; q=0.0, br"]) {
    const plain = responseOf();
    plain.headers.set("content-type", "text/html");
    const other = requestOf({ fields: [["Accept-Encoding", value]] });
    assert.equal(await plugins.get("gzip")?.onResponse?.(plain, other), undefined, value);
    assert.equal(plain.headers.get("content-encoding"), undefined);
  }
});
