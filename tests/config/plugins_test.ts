import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { renderConfig, type ResolveOptions, resolveServer } from "../../src/config/mod.ts";
import { loadConfig } from "../../src/config/load.ts";
import { createPlugins } from "../../src/plugins/create_plugins.ts";
import { hashPassword } from "../../src/plugins/password.ts";
import type { HttpServerOptions } from "../../src/tunnel/options.ts";
import { runtime } from "../../src/runtime/mod.ts";
import { test } from "../harness.ts";
import { Bench, requestOf, statusIn } from "../plugins/support.ts";
import { load, problemLines } from "./support.ts";

const HASH = await hashPassword("geheim", { cost: 2, blockSize: 1, parallel: 1 });

/** A server's configuration with one plugin called `it`, or with several. */
function fileOf(plugins: Record<string, unknown>, more: Record<string, unknown> = {}): string {
  return JSON.stringify({ token: "x", http: { bind: "127.0.0.1:0", plugins, ...more } });
}

function files(contents: Record<string, string>): ResolveOptions {
  return {
    readTextFile: (path) => {
      const text = contents[path];
      return text === undefined ? Promise.reject(new Error(`no ${path}`)) : Promise.resolve(text);
    },
    importModule: (path) =>
      path === "good.js"
        ? Promise.resolve({ default: (options: object) => ({ onRequest: () => ({ answer: options }) }) })
        : path === "empty.js"
        ? Promise.resolve({})
        : Promise.reject(new Error(`no ${path}`)),
  };
}

async function resolve(
  file: string,
  contents: Record<string, string> = {},
): Promise<HttpServerOptions> {
  const { options } = await resolveServer(load("server", { file }), files(contents));
  assert.ok(options.http !== undefined);
  return options.http;
}

/** Resolves one plugin and asks it about a request. */
async function statusOf(
  plugin: Record<string, unknown>,
  request = requestOf(),
  contents: Record<string, string> = {},
): Promise<number | undefined> {
  const { plugins = {} } = await resolve(fileOf({ it: plugin }), contents);
  const made = await createPlugins(plugins, new Bench());
  return statusIn(await made.get("it")?.onRequest?.(request));
}

const basic = (password: string): [string, string] => ["Authorization", `Basic ${btoa(`ada:${password}`)}`];

test("plugins of every type are made of what the file says", async () => {
  assert.equal(await statusOf({ type: "token", tokens: ["t"], header: "X-Key" }), 401);
  const withKey = requestOf({ fields: [["X-Key", "t"]] });
  assert.equal(
    await statusOf({ type: "token", tokens: ["t"], header: "X-Key", forward: true }, withKey),
    undefined,
  );
  assert.equal(withKey.headers.get("x-key"), "t");
  const ada = { type: "basic", users: { ada: HASH }, realm: "r", rememberMs: 5 };
  assert.equal(await statusOf(ada, requestOf({ fields: [basic("geheim")] })), undefined);
  assert.equal(await statusOf(ada, requestOf({ fields: [basic("x")] })), 401);
  assert.equal(await statusOf({ type: "ip", deny: ["192.0.2.0/24"] }), 403);
  assert.equal(await statusOf({ type: "ip", allow: ["192.0.2.1"] }), undefined);
  assert.equal(
    await statusOf({ type: "rateLimit", perSecond: 0.5, burst: 1, by: "host", maxKeys: 1 }),
    undefined,
  );
  assert.equal(await statusOf({ type: "rateLimit", perSecond: 1, byHeader: "X-A" }), undefined);
  assert.equal(await statusOf({ type: "breaker", failures: 1, windowMs: 1, openMs: 1 }), undefined);
  assert.equal(
    await statusOf({ type: "log", format: "json", headers: ["A"], redactQuery: ["b"] }),
    undefined,
  );
  const request = requestOf();
  await statusOf(
    { type: "headers", request: { set: { "X-A": "${host}" }, append: { "X-A": "2" } } },
    request,
  );
  assert.deepEqual(request.headers.getAll("x-a"), ["app.example.com", "2"]);
  assert.equal(await statusOf({ type: "module", path: "good.js", options: { status: 418 } }), 418);
});

test("tokens and users come from files too", async () => {
  const contents = { "keys.txt": "# ours\n\none\r\n two \n", "users.txt": `ada:${HASH}\n# nobody else\n` };
  const token = { type: "token", tokensFile: "keys.txt", header: "X-Key" };
  for (const key of ["one", "two"]) {
    assert.equal(await statusOf(token, requestOf({ fields: [["x-key", key]] }), contents), undefined);
  }
  assert.equal(await statusOf(token, requestOf({ fields: [["x-key", "# ours"]] }), contents), 401);
  const users = { type: "basic", usersFile: "users.txt" };
  assert.equal(await statusOf(users, requestOf({ fields: [basic("geheim")] }), contents), undefined);
});

test("use and services reach the tunnel", async () => {
  const plugins = { a: { type: "breaker" }, b: { type: "log" } };
  const http = await resolve(
    fileOf(plugins, { use: ["b"], services: { web: { use: ["a"] }, "*.x.example": {} } }),
  );
  assert.deepEqual(Object.keys(http.plugins ?? {}), ["a", "b"]);
  assert.deepEqual(http.use, ["b"]);
  assert.deepEqual(http.services, { web: { use: ["a"] }, "*.x.example": {} });
});

/** What is wrong at once, and the beginning of what is said about it. */
const WRONG: [name: string, http: Record<string, unknown>, message: RegExp][] = [
  ["type", { plugins: { it: { type: "basci" } } }, /did you mean "basic"/],
  ["plugin's name", { plugins: { ".it": { type: "log" } } }, /Expected the name of a plugin/],
  ["key", { plugins: { it: { type: "ip", alow: ["10.0.0.0/8"] } } }, /did you mean "allow"/],
  ["token", { plugins: { it: { type: "token", tokens: ["sha256:canary"] } } }, /Expected a token/],
  [
    "hash",
    { plugins: { it: { type: "basic", users: { ada: "canary" } } } },
    /Expected the hash of a password/,
  ],
  ["user", { plugins: { it: { type: "basic", users: { "a:b": HASH } } } }, /Expected the name of a user/],
  ["range", { plugins: { it: { type: "ip", deny: ["10.0.0.0/33"] } } }, /Expected an IP address, or a range/],
  ["rate", { plugins: { it: { type: "rateLimit", perSecond: 0 } } }, /Expected a number from/],
  ["burst", { plugins: { it: { type: "rateLimit", perSecond: 1, burst: 0 } } }, /Expected a whole number/],
  [
    "failures",
    { plugins: { it: { type: "breaker", failures: 1001 } } },
    /Expected a whole number from 1 to 1000/,
  ],
  [
    "header",
    { plugins: { it: { type: "headers", request: { remove: ["Host"] } } } },
    /Expected the name of a header/,
  ],
  [
    "variable",
    { plugins: { it: { type: "headers", request: { set: { a: "${canary}" } } } } },
    /of variables/,
  ],
  ["use", { plugins: { it: { type: "log" } }, use: ["ti"] }, /No plugin in http\.plugins has the name "ti"/],
  [
    "use of a service",
    { services: { web: { use: ["it"] } } },
    /No plugin in http\.plugins has the name "it"/,
  ],
  ["scope", { services: { "a b": {} } }, /Expected the name of a service/],
  ["double use", { plugins: { it: { type: "log" } }, use: ["it", "it"] }, /given twice/],
];
for (const [name, http, message] of WRONG) {
  test(`a wrong ${name} of a plugin is found before anything starts`, () => {
    const file = JSON.stringify({ token: "x", http: { bind: "127.0.0.1:0", ...http } });
    const lines = problemLines("server", { file });
    assert.equal(lines.length, 1, lines.join("\n"));
    assert.match(lines[0] ?? "", message);
    if (name !== "variable") assert.ok(!lines[0]?.includes("canary"));
  });
}

/** What is found when files are read and plugins made. */
const WRONG_LATER: [plugin: Record<string, unknown>, message: RegExp][] = [
  [{ type: "token" }, /http\.plugins\.it\.type: Expected at least one token/],
  [{ type: "basic" }, /http\.plugins\.it\.type: Expected at least one user/],
  [{ type: "ip" }, /http\.plugins\.it\.type: Expected an address or a range/],
  [{ type: "headers", response: {} }, /http\.plugins\.it\.type: Expected a header field to change/],
  [{ type: "rateLimit", perSecond: 1, by: "host", byHeader: "a" }, /one of by and byHeader but got both/],
  [{ type: "token", tokensFile: "bad.txt" }, /Expected a token, or sha256: and its hash, in line 2$/],
  [{ type: "token", tokensFile: "empty.txt" }, /Expected a token but the file has none/],
  [{ type: "token", tokensFile: "missing.txt" }, /Cannot read missing\.txt/],
  [{ type: "basic", usersFile: "bad.txt" }, /Expected a user, : and the hash of a password in line 1$/],
  [{ type: "basic", usersFile: "empty.txt" }, /Expected a user but the file has none/],
  [{ type: "module", path: "empty.js" }, /default export is a function/],
  [
    { type: "module", path: "missing.js" },
    /http\.plugins\.it\.path: Cannot load missing\.js: no missing\.js/,
  ],
];
for (const [plugin, message] of WRONG_LATER) {
  test(`a plugin of ${JSON.stringify(plugin)} is refused`, async () => {
    const contents = { "bad.txt": "good\nsha256:canary\n", "empty.txt": "# nothing\n" };
    await assert.rejects(resolve(fileOf({ it: plugin }), contents), (error) => {
      assert.ok(error instanceof Error);
      assert.match(error.message.split("\n")[0] ?? "", message);
      assert.ok(!error.message.includes("canary"));
      return true;
    });
  });
}

test("the overview masks what may be secret", () => {
  const plugins = {
    a: { type: "token", tokens: ["canary"] },
    b: { type: "basic", users: { ada: HASH } },
    c: { type: "headers", request: { set: { "X-Key": "canary" } } },
    d: {
      type: "module",
      path: "good.js",
      options: { key: "canary", list: ["canary"], deep: { a: "canary" } },
    },
  };
  const overview = renderConfig(load("server", { file: fileOf(plugins) }));
  assert.ok(!overview.includes("canary"), overview);
  assert.ok(!overview.includes(HASH), overview);
  assert.match(overview, /good\.js/);
});

test("a module's options arrive as they stand in the file", async () => {
  const options = {
    status: 418,
    flag: true,
    nothing: null,
    list: [1, [2]],
    deep: { a: { b: "c" } },
    none: [],
    no: {},
  };
  const { plugins = {} } = await resolve(fileOf({ it: { type: "module", path: "good.js", options } }));
  const made = await createPlugins(plugins, new Bench());
  const verdict = await made.get("it")?.onRequest?.(requestOf());
  assert.ok(verdict !== undefined && "answer" in verdict);
  assert.deepEqual(verdict.answer, options);
});

test("examples/plugins/server.yaml is a valid configuration whose plugins can be made", async () => {
  const path = new URL("../../examples/plugins/server.yaml", import.meta.url).pathname;
  const loaded = loadConfig("server", {
    file: { path, text: readFileSync(path, "utf8") },
    environment: () => undefined,
    flags: new Map(),
    machineName: "box",
  });
  const { options } = await resolveServer(loaded, {
    readTextFile: (file) => runtime.readTextFile(file),
    importModule: (file) => runtime.importModule(file),
  });
  const made = await createPlugins(options.http?.plugins ?? {}, new Bench());
  const login = made.get("login");
  const right = requestOf({ fields: [basic("correct horse battery staple")] });
  assert.equal(statusIn(await login?.onRequest?.(right)), undefined);
  const key = requestOf({ fields: [["X-Api-Key", "test"]] });
  assert.equal(statusIn(await made.get("machines")?.onRequest?.(key)), undefined);
});
