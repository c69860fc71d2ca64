import assert from "node:assert/strict";
import {
  type ConfigChange,
  type Configured,
  describeChange,
  diffClient,
  diffServer,
  resolveClient,
  resolveServer,
} from "../../src/config/mod.ts";
import { test } from "../harness.ts";
import { load } from "./support.ts";

const noFiles = { readTextFile: (path: string): Promise<string> => Promise.reject(new Error(path)) };

async function server(file: string): Promise<Configured<"server">> {
  const loaded = load("server", { file });
  return { loaded, resolved: await resolveServer(loaded, noFiles) };
}

async function client(file: string): Promise<Configured<"client">> {
  const loaded = load("client", { file });
  return { loaded, resolved: await resolveClient(loaded, noFiles) };
}

test("diffServer() tells what has changed, each kind by itself", async () => {
  const before = await server("tokens: [{name: a, token: x}, {name: b, token: y}]\nbind: 127.0.0.1:1\n");
  const cases: [string, ConfigChange[]][] = [
    ["tokens: [{name: b, token: y}, {name: a, token: x}]\nbind: 127.0.0.1:1\n", []],
    [
      "tokens: [{name: a, token: x, kinds: [tcp]}, {name: b, token: z}, {name: c, token: w}]\nbind: 127.0.0.1:1\n",
      [
        { type: "token_changed", name: "a" },
        { type: "token_changed", name: "b" },
        { type: "token_added", name: "c" },
      ],
    ],
    ["tokens: [{name: a, token: x}]\nbind: 127.0.0.1:2\nallowPorts: [80]\n", [
      { type: "token_removed", name: "b" },
      { type: "rules_changed", names: ["allowPorts"] },
      { type: "needs_restart", names: ["bind"] },
    ]],
    [
      "tokens: [{name: a, token: x}, {name: b, token: y}]\nbind: 127.0.0.1:1\nlimits: {maxSessions: 5, httpMaxHeaders: 5}\n",
      [
        { type: "limits_changed", names: ["maxSessions", "httpMaxHeaders"] },
      ],
    ],
  ];
  for (const [file, expected] of cases) {
    assert.deepEqual(diffServer(before, await server(file)), expected, file);
  }
});

test("diffServer() tells HTTP rules that count at once from ports that need a restart", async () => {
  const at = (http: string): Promise<Configured<"server">> =>
    server(`tokens: [{name: a, token: x}]\n${http}`);
  const before = await at(
    "http: {bind: 127.0.0.1:1, domain: a.test, plugins: {one: {type: rateLimit, perSecond: 1}}}",
  );
  const common = "bind: 127.0.0.1:1, domain: a.test";
  const cases: [string, ConfigChange[]][] = [
    [`http: {${common}, plugins: {one: {type: rateLimit, perSecond: 1}}}`, []],
    [`http: {${common}, plugins: {one: {type: rateLimit, perSecond: 2}}}`, [
      { type: "rules_changed", names: ["http.plugins"] },
    ]],
    [
      "http: {bind: 127.0.0.1:2, domain: b.test, allowHosts: [c.test], trustedProxies: [10.0.0.0/8], publicPort: 5}",
      [
        {
          type: "rules_changed",
          names: ["http.domain", "http.plugins", "http.publicPort", "http.allowHosts", "http.trustedProxies"],
        },
        { type: "needs_restart", names: ["http.bind"] },
      ],
    ],
    ["", [{ type: "needs_restart", names: ["http"] }]],
  ];
  for (const [http, expected] of cases) assert.deepEqual(diffServer(before, await at(http)), expected, http);
});

test("diffServer() sees another moment of expiry", async () => {
  const at = (day: string): Promise<Configured<"server">> =>
    server(`tokens: [{name: a, token: x, expires: ${day}}]`);
  assert.deepEqual(diffServer(await at("2027-01-01"), await at("2027-01-01")), []);
  assert.deepEqual(diffServer(await at("2027-01-01"), await at("2027-01-02")), [{
    type: "token_changed",
    name: "a",
  }]);
});

test("diffClient() tells services apart from what needs a restart", async () => {
  const common = "token: x\nserver: h:1\n";
  const before = await client(`${common}services: {a: {type: tcp, local: 1}, b: {type: tcp, local: 2}}`);
  const after = await client(
    `token: y\nserver: h:2\nservices: {b: {type: tcp, local: 3}, c: {type: tcp, local: 2}}\nlimits: {maxStreams: 5}`,
  );
  assert.deepEqual(diffClient(before, after), [
    { type: "service_changed", name: "b" },
    { type: "service_added", name: "c" },
    { type: "service_removed", name: "a" },
    { type: "needs_restart", names: ["server", "limits.maxStreams", "token"] },
  ]);
  assert.deepEqual(diffClient(before, before), []);
});

test("describeChange() puts every kind of change into words, without secrets", () => {
  const changes: [ConfigChange, string][] = [
    [{ type: "token_added", name: "a" }, "Token a was added"],
    [{ type: "key_removed", name: "k" }, "Key k was removed"],
    [{ type: "service_changed", name: "s" }, "Service s was changed"],
    [{ type: "limits_changed", names: ["x", "y"] }, "Limits changed: x, y"],
    [{ type: "rules_changed", names: ["allowPorts"] }, "Rules changed: allowPorts"],
    [{ type: "certificates_changed", of: "visitors" }, "Certificates for visitors changed"],
    [{ type: "needs_restart", names: ["bind"] }, "Not before a restart: bind"],
  ];
  for (const [change, text] of changes) assert.equal(describeChange(change), text);
});
