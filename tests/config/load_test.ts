import assert from "node:assert/strict";
import fc from "fast-check";
import { describeOrigin, formatPath, recognizeRole } from "../../src/config/mod.ts";
import { type Layer, mergeLayers, nest } from "../../src/config/merge.ts";
import { SETTINGS } from "../../src/config/settings.ts";
import {
  DEFAULT_CLIENT_LIMITS,
  DEFAULT_SERVER_BIND,
  DEFAULT_SERVER_LIMITS,
} from "../../src/tunnel/options.ts";
import { test } from "../harness.ts";
import { type Given, load } from "./support.ts";

function originOf(role: "server" | "client", given: Given, key: string): string {
  const entry = load(role, given).entries.find(({ path }) => formatPath(path) === key);
  return entry === undefined ? "unset" : describeOrigin(entry.origin);
}

test("loadConfig() takes every default from the tunnel's own", () => {
  const { config } = load("server", {});
  assert.deepEqual(config.bind, DEFAULT_SERVER_BIND);
  assert.deepEqual(config.limits, DEFAULT_SERVER_LIMITS);
  const client = load("client", { flags: { "--server": "a", "--local-addr": "1" } });
  assert.deepEqual(client.config.limits, DEFAULT_CLIENT_LIMITS);
});

test("loadConfig() lets the file win over defaults, the environment over the file, flags over all", () => {
  const file = "log:\n  level: debug\n";
  const environment = { FERROTUNNEL_LOG_LEVEL: "warning" };
  const flags = { "--log-level": "error" };
  const steps: [Given, string, string][] = [
    [{}, "info", "default"],
    [{ file }, "debug", "file server.yaml:2"],
    [{ file, environment }, "warning", "environment FERROTUNNEL_LOG_LEVEL"],
    [{ file, environment, flags }, "error", "flag --log-level"],
    [{ file, flags }, "error", "flag --log-level"],
    [{ file, environment: { FERROTUNNEL_LOG_LEVEL: "" } }, "debug", "file server.yaml:2"],
  ];
  for (const [given, level, origin] of steps) {
    assert.equal(load("server", given).config.log?.level, level);
    assert.equal(originOf("server", given, "log.level"), origin);
    assert.equal(originOf("server", given, "log.format"), "default");
  }
});

test("loadConfig() reads every flag and every variable of both roles", () => {
  const values: Record<string, string> = {
    "log.level": "debug",
    "log.format": "json",
    "service.type": "tcp",
    "service.remotePort": "0",
    "admin.allowRemote": "yes",
    "tls.enabled": "on",
    "tls.pins": `sha256:${"A".repeat(43)}`,
    allowPorts: "1-2,3",
    serverOrder: "random",
    connections: "2",
    directPool: "3",
    "service.mode": "direct",
    serviceHost: "::1",
  };
  for (const role of ["server", "client"] as const) {
    assert.ok(SETTINGS[role].length > 10);
    // Those of a service over HTTP, and the one that goes with no other of TLS, have tests of their own.
    const others = /okenFile$|^keyFile$|^service\.(?:hosts|paths|rewriteHost)$|^tls\.skipVerify$/;
    const settings = SETTINGS[role].filter(({ path }) => !others.test(path.join(".")));
    const textOf = (path: string): string =>
      values[path] ?? (/addr|bind|local|server$/i.test(path) ? "127.0.0.1:9" : "x");
    const environment = Object.fromEntries(
      settings.map(({ path, variable }) => [variable, textOf(path.join("."))]),
    );
    const loaded = load(role, { environment });
    for (const { path, variable } of settings) {
      if (path[0] === "service") continue;
      const found = loaded.entries.find((entry) => path.every((part, index) => entry.path[index] === part));
      assert.ok(found, variable);
      assert.equal(describeOrigin(found.origin), `environment ${variable}`);
    }
    const flags = Object.fromEntries(
      settings.flatMap(({ flag, argument, path }) =>
        flag === undefined ? [] : [[
          flag,
          argument === undefined ? true as const : textOf(path.join(".")),
        ]]
      ),
    );
    const withFlags = load(role, { flags, environment: { FERROTUNNEL_ADMIN_TOKEN: "x" } });
    for (const { path, flag } of settings) {
      if (path[0] === "service" || flag === undefined) continue;
      const found = withFlags.entries.find((entry) =>
        path.every((part, index) => entry.path[index] === part)
      );
      assert.ok(found, flag);
      assert.equal(describeOrigin(found.origin), `flag ${flag}`);
    }
  }
});

test("loadConfig() merges mappings by key and replaces lists as a whole", () => {
  const file = "allowPorts: [1, 2, 3]\nlimits: {maxStreams: 5}\n";
  const { config } = load("server", { file, flags: { "--allow-ports": "9" } });
  assert.deepEqual(config.allowPorts, [{ from: 9, to: 9 }]);
  assert.equal(config.limits?.maxStreams, 5);
  assert.equal(config.limits?.windowBytes, DEFAULT_SERVER_LIMITS.windowBytes);
});

test("loadConfig() takes tokens from the highest source that has any", () => {
  const file = "tokens:\n  - {name: a, token: inFile}\n";
  assert.deepEqual(load("server", { file }).config.tokens, [{ name: "a", token: "inFile" }]);
  const fromVariable = load("server", { file, environment: { FERROTUNNEL_TOKEN: "inVariable\r\n" } }).config;
  assert.deepEqual([fromVariable.token, fromVariable.tokens], ["inVariable", undefined]);
  const both =
    load("server", { environment: { FERROTUNNEL_TOKEN: "a", FERROTUNNEL_TOKEN_FILE: "b" } }).config;
  assert.deepEqual([both.token, both.tokenFile], ["a", undefined]);
  const environment = { FERROTUNNEL_TOKEN: "a" };
  const fromFlag = load("server", { file, environment, flags: { "--token-file": "c" } }).config;
  assert.deepEqual([fromFlag.token, fromFlag.tokenFile, fromFlag.tokens], [undefined, "c", undefined]);
});

test("loadConfig() makes one service from flags and variables, in place of the file's", () => {
  const file = "server: a\nservices:\n  ssh: {type: tcp, local: 22, remotePort: 2222}\n";
  assert.deepEqual(Object.keys(load("client", { file }).config.services ?? {}), ["ssh"]);
  const given: Given = {
    file,
    environment: { FERROTUNNEL_LOCAL_ADDR: "10.0.0.1:80", FERROTUNNEL_REMOTE_PORT: "1" },
    flags: { "--remote-port": "0", "--name": "web" },
  };
  assert.deepEqual(load("client", given).config.services, {
    web: { type: "tcp", local: { hostname: "10.0.0.1", port: 80 }, remotePort: 0 },
  });
  assert.equal(originOf("client", given, "services.web.local"), "environment FERROTUNNEL_LOCAL_ADDR");
  assert.equal(originOf("client", given, "services.web.remotePort"), "flag --remote-port");
  const unnamed = load("client", { flags: { "--server": "a", "--local-addr": "22" } }).config.services;
  assert.deepEqual(unnamed, { "box-22": { type: "tcp", local: { hostname: "127.0.0.1", port: 22 } } });
});

test("loadConfig() ignores a variable for a public port when the services are in a file", () => {
  const file = "server: a\nservices: {ssh: {type: tcp, local: 22}}\n";
  const { config } = load("client", { file, environment: { FERROTUNNEL_REMOTE_PORT: "5" } });
  assert.deepEqual(Object.keys(config.services ?? {}), ["ssh"]);
});

test("recognizeRole() tells the roles by their keys, and says when it cannot", () => {
  assert.equal(recognizeRole("bind: 127.0.0.1:1\nlog: {}\n", "f"), "server");
  assert.equal(recognizeRole("services: {}\n", "f"), "client");
  assert.equal(recognizeRole("token: a\nlog: {}\n", "f"), undefined);
  assert.equal(recognizeRole("bind: a\nserver: b\n", "f"), undefined);
});

test("mergeLayers() gives every leaf of one layer back, and the last layer's of several", () => {
  const leaf = fc.oneof(fc.integer(), fc.boolean(), fc.constantFrom("x", "y"), fc.constant(null));
  const key = fc.constantFrom("a", "b", "c", "d");
  const tree = fc.dictionary(
    key,
    fc.oneof(leaf, fc.array(leaf, { minLength: 1, maxLength: 3 }), fc.dictionary(key, leaf)),
  );
  const layerOf = (values: Record<string, unknown>): Layer => ({
    values,
    origin: () => ({ kind: "default" }),
  });
  const options = { whole: [], alternatives: [] };
  fc.assert(fc.property(tree, (values) => {
    assert.deepEqual(plain(nest(mergeLayers([layerOf(values)], options))), plain(values));
    assert.deepEqual(plain(nest(mergeLayers([layerOf(values), layerOf(values)], options))), plain(values));
  }));
});

/** Without the prototypes that the generator varies. */
function plain(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value));
}
