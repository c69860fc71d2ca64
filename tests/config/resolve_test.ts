import assert from "node:assert/strict";
import {
  ConfigError,
  renderConfig,
  resolveClient,
  type ResolveOptions,
  resolveServer,
} from "../../src/config/mod.ts";
import { test } from "../harness.ts";
import { load } from "./support.ts";

const CERTIFICATE = "-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----\n";
const KEY = "-----BEGIN PRIVATE KEY-----\nAA==\n-----END PRIVATE KEY-----\n";

function files(contents: Record<string, string>): ResolveOptions {
  return {
    readTextFile: (path) => {
      const text = contents[path];
      if (text !== undefined) return Promise.resolve(text);
      return Promise.reject(Object.assign(new Error(`secret path ${path}`), { code: "ENOENT" }));
    },
  };
}

async function problemsOf(promise: Promise<unknown>): Promise<string[]> {
  try {
    await promise;
  } catch (error) {
    assert.ok(error instanceof ConfigError, String(error));
    return error.message.split("\n");
  }
  return [];
}

test("resolveServer() makes the server's options", async () => {
  const file = `
bind: 127.0.0.1:0
tcpBind: 127.0.0.1:9000
publicHost: tunnel.example.com
allowPorts: [80, 2000-3000]
tokens:
  - {name: a, token: first}
  - {name: b, tokenFile: b.token}
tls: {cert: server.pem, key: server.key, ca: clients.pem}
admin: {bind: 127.0.0.1:9090, tokenFile: admin.token}
limits: {maxSessions: 7}
`;
  const contents = {
    "b.token": "second\r\n",
    "server.pem": CERTIFICATE,
    "server.key": KEY,
    "clients.pem": CERTIFICATE,
  };
  const loaded = load("server", { file });
  const { options, admin, logLevel, logFormat } = await resolveServer(
    loaded,
    files({ ...contents, "admin.token": "door\n" }),
  );
  assert.deepEqual(options.bind, { hostname: "127.0.0.1", port: 0 });
  assert.deepEqual(options.tcpBind, { hostname: "127.0.0.1", port: 9000 });
  assert.deepEqual(options.allowPorts, [{ from: 80, to: 80 }, { from: 2000, to: 3000 }]);
  assert.equal(options.publicHost, "tunnel.example.com");
  assert.deepEqual(options.tokens, [{ name: "a", token: "first" }, { name: "b", token: "second" }]);
  assert.deepEqual(options.tls, { cert: CERTIFICATE, key: KEY, ca: CERTIFICATE });
  assert.equal(options.limits?.maxSessions, 7);
  assert.deepEqual(admin, { bind: { hostname: "127.0.0.1", port: 9090 }, allowRemote: false, token: "door" });
  assert.deepEqual([logLevel, logFormat], ["info", "text"]);
});

test("resolveClient() makes the client's options", async () => {
  const file = `
server: tunnel.example.com
tokenFile: token.txt
tunnelId: box
services:
  ssh: {type: tcp, local: 22, remotePort: 2222}
  web: {type: tcp, local: "10.0.0.1:80"}
tls: {enabled: true, ca: ca.pem, serverName: inner.example}
`;
  const { options, admin } = await resolveClient(
    load("client", { file }),
    files({ "token.txt": "opensesame\n", "ca.pem": CERTIFICATE }),
  );
  assert.deepEqual(options.server, { hostname: "tunnel.example.com", port: 7835 });
  assert.equal(options.token, "opensesame");
  assert.equal(options.tunnelId, "box");
  assert.deepEqual(options.services, [
    { name: "ssh", kind: "tcp", local: { hostname: "127.0.0.1", port: 22 }, remotePort: 2222 },
    { name: "web", kind: "tcp", local: { hostname: "10.0.0.1", port: 80 } },
  ]);
  assert.deepEqual(options.tls, { ca: CERTIFICATE, serverName: "inner.example" });
  assert.equal(admin, undefined);
});

test("resolveClient() speaks TLS with the system's authorities when only switched on, and plain TCP when not", async () => {
  const flags = { "--server": "a", "--local-addr": "1" };
  const token = "t";
  const on = await resolveClient(load("client", { flags: { ...flags, "--tls": true } }), {
    ...files({}),
    token,
  });
  assert.deepEqual(on.options.tls, {});
  const off = await resolveClient(load("client", { flags }), { ...files({}), token });
  assert.equal(off.options.tls, undefined);
});

test("resolveServer() reports every file that cannot be used, where it was named", async () => {
  const file = "tokenFile: no.token\ntls:\n  cert: not.pem\n  key: no.key\n";
  const environment = { FERROTUNNEL_ADMIN_BIND: "127.0.0.1:1", FERROTUNNEL_ADMIN_TOKEN_FILE: "bad.token" };
  const contents = files({ "not.pem": "hello", "bad.token": "two words\nand a line\n" });
  assert.deepEqual(await problemsOf(resolveServer(load("server", { file, environment }), contents)), [
    "server.yaml:1:12: tokenFile: Cannot read no.token: there is no such file",
    "server.yaml:3:9: tls.cert: Expected PEM text with a certificate in not.pem",
    "server.yaml:4:8: tls.key: Cannot read no.key: there is no such file",
    "environment FERROTUNNEL_ADMIN_TOKEN_FILE: admin.tokenFile: Expected 1 to 256 printable ASCII characters without " +
    "spaces around them (in quotes when it looks like a number) in bad.token",
  ]);
});

test("resolveServer() refuses the same token under two names, without showing it", async () => {
  const file = "tokens:\n  - {name: a, token: canary}\n  - {name: b, token: canary}\n";
  assert.deepEqual(await problemsOf(resolveServer(load("server", { file }), files({}))), [
    'server.yaml:3:12: tokens[1].name: Has the same token as "a"',
  ]);
});

test("resolveServer() and resolveClient() say how to give a token that is missing", async () => {
  const message =
    "token: Missing: set FERROTUNNEL_TOKEN, give --token-file, or start on a terminal to be asked for it";
  assert.deepEqual(await problemsOf(resolveServer(load("server", {}), files({}))), [message]);
  const client = load("client", { flags: { "--server": "a", "--local-addr": "1" } });
  assert.deepEqual(await problemsOf(resolveClient(client, files({}))), [message]);
});

test("resolveServer() looks for files beside the configuration file, and for a flag's in the working directory", async () => {
  const { loadConfig } = await import("../../src/config/mod.ts");
  const asked: string[] = [];
  const options = {
    readTextFile: (path: string): Promise<string> => {
      asked.push(path);
      return Promise.resolve("token");
    },
  };
  const sources = {
    file: { path: "/etc/ft/server.yaml", text: "tokenFile: a\n" },
    environment: () => undefined,
    machineName: "m",
  };
  await resolveServer(loadConfig("server", { ...sources, flags: new Map() }), options);
  await resolveServer(loadConfig("server", { ...sources, flags: new Map([["--token-file", "b"]]) }), options);
  assert.deepEqual(asked, ["/etc/ft/a", "b"]);
});

test("renderConfig() shows values with origins in the order of the schema, and masks every secret", () => {
  const file = `
tokens:
  - {name: a, token: canary1}
admin: {bind: 127.0.0.1:1, token: canary2}
`;
  const text = renderConfig(load("server", { file, flags: { "--bind": "127.0.0.1:5" } }));
  assert.ok(!text.includes("canary"), text);
  const lines = text.split("\n").map((line) => line.replace(/ {2,}/g, " | "));
  assert.equal(lines[0], "bind | 127.0.0.1:5 | flag --bind");
  assert.ok(lines.includes("tokens[0].name | a | file server.yaml:3"), text);
  assert.ok(lines.includes("tokens[0].token | *** | file server.yaml:3"), text);
  assert.ok(lines.includes("admin.token | *** | file server.yaml:4"), text);
  assert.ok(lines.includes("limits.maxStreams | 10000 | default"), text);
  const fromVariable = renderConfig(load("server", { environment: { FERROTUNNEL_TOKEN: "canary3" } }));
  assert.ok(!fromVariable.includes("canary"), fromVariable);
  assert.match(fromVariable, /^token +\*\*\* +environment FERROTUNNEL_TOKEN$/m);
});
