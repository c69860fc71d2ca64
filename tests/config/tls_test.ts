import assert from "node:assert/strict";
import {
  ConfigError,
  loadConfig,
  renderConfig,
  resolveClient,
  resolveServer,
  type Role,
} from "../../src/config/mod.ts";
import { test } from "../harness.ts";
import { type Given, load, problemLines } from "./support.ts";

const CERTIFICATE = "-----BEGIN CERTIFICATE-----\none\n-----END CERTIFICATE-----\n";
const KEY = "-----BEGIN PRIVATE KEY-----\none\n-----END PRIVATE KEY-----\n";
const PIN = `sha256:${"A".repeat(43)}`;
const OTHER_PIN = "sha256:47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU";

const SERVICES = "services: {s: {type: tcp, local: 1}}";
const CLIENT = `server: tunnel.example.com\ntoken: t\n${SERVICES}\n`;
const LOCAL_CLIENT = `server: 127.0.0.1\ntoken: t\n${SERVICES}\n`;

/** Files that can change. */
class Files {
  readonly contents = new Map([["a.pem", CERTIFICATE], ["a.key", KEY], ["ca.pem", CERTIFICATE]]);

  readonly readTextFile = (path: string): Promise<string> => {
    const text = this.contents.get(path);
    if (text !== undefined) return Promise.resolve(text);
    return Promise.reject(Object.assign(new Error("no"), { code: "ENOENT" }));
  };
}

async function server(given: Given): Promise<Awaited<ReturnType<typeof resolveServer>>> {
  const withToken = { ...given, file: `token: t\n${given.file ?? ""}` };
  return await resolveServer(load("server", withToken), new Files());
}

async function client(given: Given): Promise<Awaited<ReturnType<typeof resolveClient>>> {
  return await resolveClient(load("client", { file: CLIENT, ...given }), new Files());
}

test("A server speaks TLS when it is told to or has a certificate, and has a key of its own without one", async () => {
  const own = { tls: {}, stateDir: undefined };
  const given = { tls: { cert: CERTIFICATE, key: KEY }, stateDir: undefined };
  const cases: [Given, { tls: unknown; stateDir: unknown }][] = [
    [{}, { tls: undefined, stateDir: undefined }],
    [{ flags: { "--tls": true } }, own],
    [{ environment: { FERROTUNNEL_TLS: "on" } }, own],
    [{ file: "tls: {enabled: true}" }, own],
    [{ file: "tls: {enabled: false}" }, { tls: undefined, stateDir: undefined }],
    [{ file: "tls: {enabled: true, ca: ca.pem}" }, { tls: { ca: CERTIFICATE }, stateDir: undefined }],
    [{ file: "tls: {cert: a.pem, key: a.key}" }, given],
    [{ flags: { "--tls": true, "--tls-cert": "a.pem", "--tls-key": "a.key" } }, given],
    [{ flags: { "--tls": true, "--state-dir": "x" } }, { tls: {}, stateDir: "x" }],
    [{ flags: { "--tls": true }, environment: { FERROTUNNEL_STATE_DIR: "/y" } }, { tls: {}, stateDir: "/y" }],
  ];
  for (const [one, expected] of cases) {
    const { tls, stateDir } = (await server(one)).options;
    assert.deepEqual({ tls, stateDir }, expected, JSON.stringify(one));
  }
});

test("A state directory in a file is relative to the file", async () => {
  const loaded = load("server", { file: "token: t\nstateDir: state" });
  assert.equal((await resolveServer(loaded, new Files())).options.stateDir, "state");
  const elsewhere = loadConfig("server", {
    file: { path: "/etc/ferrotunnel/server.yaml", text: "token: t\nstateDir: state" },
    environment: () => undefined,
    flags: new Map(),
    machineName: "box",
  });
  const { options } = await resolveServer(elsewhere, new Files());
  assert.equal(options.stateDir, "/etc/ferrotunnel/state");
});

test("A client with pins speaks TLS without being told, and reads them in every way", async () => {
  const cases: [Given, unknown][] = [
    [{}, undefined],
    [{ flags: { "--pin": PIN } }, { pins: [PIN] }],
    [{ flags: { "--pin": `${PIN},${OTHER_PIN}` } }, { pins: [PIN, OTHER_PIN] }],
    [{ environment: { FERROTUNNEL_PINS: `${PIN}, ${OTHER_PIN}` } }, { pins: [PIN, OTHER_PIN] }],
    [{ file: `${CLIENT}tls: {pins: ["${OTHER_PIN}"]}` }, { pins: [OTHER_PIN] }],
    [{ file: `${CLIENT}tls: {pins: [47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=]}` }, { pins: [OTHER_PIN] }],
    [{ file: `${CLIENT}tls: {pins: ["${OTHER_PIN}"]}`, flags: { "--pin": PIN } }, { pins: [PIN] }],
    [{ flags: { "--pin": PIN, "--tls": true, "--tls-ca": "ca.pem" } }, { ca: CERTIFICATE, pins: [PIN] }],
    [{ flags: { "--pin": PIN, "--tls-server-name": "a.example" } }, { pins: [PIN], serverName: "a.example" }],
    [{ environment: { FERROTUNNEL_TLS: "off", FERROTUNNEL_PINS: PIN } }, undefined],
  ];
  for (const [one, expected] of cases) {
    assert.deepEqual((await client(one)).options.tls, expected, JSON.stringify(one));
  }
});

test("A client verifies its server unless it is told not to and the server is on this machine", async () => {
  const ways: Given[] = [
    { flags: { "--tls": true, "--tls-skip-verify": true } },
    { environment: { FERROTUNNEL_TLS: "1", FERROTUNNEL_TLS_SKIP_VERIFY: "yes" } },
    { file: `${LOCAL_CLIENT}tls: {enabled: true, skipVerify: true}` },
    { file: `${LOCAL_CLIENT.replace("127.0.0.1", "localhost")}tls: {enabled: true, skipVerify: true}` },
    {
      file: `${
        LOCAL_CLIENT.replace("127.0.0.1", '["[::1]", "localhost"]')
      }tls: {enabled: true, skipVerify: true}`,
    },
  ];
  for (const way of ways) {
    const { options } = await client({ file: LOCAL_CLIENT, ...way });
    assert.deepEqual(options.tls, { skipVerify: true }, JSON.stringify(way));
  }
  const off = await client({ flags: { "--tls": true }, environment: { FERROTUNNEL_TLS_SKIP_VERIFY: "no" } });
  assert.deepEqual(off.options.tls, {});
});

const WRONG: [string, Role, Given, string[]][] = [
  ["no verification of a server elsewhere", "client", {
    file: `${CLIENT}tls: {enabled: true, skipVerify: true}`,
  }, [
    "client.yaml:4:34: tls.skipVerify: Would give the token to anybody between here and tunnel.example.com: only for a " +
    "server on this machine; pin the server's key (--pin) instead",
  ]],
  ["no verification of one of several servers", "client", {
    file: LOCAL_CLIENT.replace("127.0.0.1", "[127.0.0.1, 10.0.0.1]"),
    flags: { "--tls": true, "--tls-skip-verify": true },
  }, [
    "flag --tls-skip-verify: tls.skipVerify: Would give the token to anybody between here and 10.0.0.1: only for a " +
    "server on this machine; pin the server's key (--pin) instead",
  ]],
  ["no verification beside a way to verify", "client", {
    file: LOCAL_CLIENT,
    flags: {
      "--tls": true,
      "--tls-skip-verify": true,
      "--tls-ca": "a",
      "--pin": PIN,
      "--tls-server-name": "a",
    },
  }, [
    "flag --tls-ca: tls.ca: Has no effect beside tls.skipVerify",
    "flag --pin: tls.pins: Has no effect beside tls.skipVerify",
    "flag --tls-server-name: tls.serverName: Has no effect beside tls.skipVerify",
  ]],
  ["no verification without TLS", "client", { file: LOCAL_CLIENT, flags: { "--tls-skip-verify": true } }, [
    "flag --tls-skip-verify: tls.skipVerify: Has no effect without TLS: give --tls or set tls.enabled",
  ]],
  ["a pin that is none", "client", { file: CLIENT, flags: { "--pin": "sha256:short" } }, [
    'flag --pin: tls.pins[0]: Expected "sha256:" and the 43 characters that the server or `ferrotunnel fingerprint` shows ' +
    'but got "sha256:short"',
  ]],
  ["a pin that is given twice", "client", { file: CLIENT, flags: { "--pin": `${PIN},${PIN}` } }, [
    `flag --pin: tls.pins[1]: "${PIN}" is given twice`,
  ]],
  ["no pins", "client", { file: `${CLIENT}tls: {pins: []}` }, [
    "client.yaml:4:13: tls.pins: Expected a list with at least one entry",
  ]],
  ["a certificate for a server without TLS", "server", { file: "tls: {enabled: false, cert: a, key: b}" }, [
    "server.yaml:1:29: tls.cert: Has no effect with tls.enabled: false",
  ]],
  ["client authorities for a server without TLS", "server", { file: "tls: {enabled: false, ca: a}" }, [
    "server.yaml:1:27: tls.ca: Has no effect without TLS: give --tls or set tls.enabled",
  ]],
  ["an empty state directory", "server", { file: 'stateDir: ""' }, [
    'server.yaml:1:11: stateDir: Expected the path of a directory but got ""',
  ]],
];

for (const [name, role, given, lines] of WRONG) {
  test(`loadConfig() explains ${name}`, () => assert.deepEqual(problemLines(role, given), lines));
}

test("readTls reads the files again, reports what is wrong with them, and is not there without any", async () => {
  for (const role of ["server", "client"] as const) {
    const files = new Files();
    const flags = { "--tls": true, "--tls-cert": "a.pem", "--tls-key": "a.key" } as const;
    const { readTls } = role === "server"
      ? await resolveServer(load("server", { file: "token: t", flags }), files)
      : await resolveClient(load("client", { file: CLIENT, flags }), files);
    assert.ok(readTls !== undefined);
    assert.deepEqual(await readTls(), { cert: CERTIFICATE, key: KEY });
    files.contents.set("a.pem", CERTIFICATE.replace("one", "two"));
    assert.deepEqual(await readTls(), { cert: CERTIFICATE.replace("one", "two"), key: KEY });
    files.contents.set("a.pem", "nonsense");
    await assert.rejects(readTls(), (error: unknown) => {
      assert.ok(error instanceof ConfigError);
      assert.equal(
        error.message,
        "flag --tls-cert: tls.cert: Expected PEM text with a certificate in a.pem",
      );
      return true;
    });
    files.contents.delete("a.key");
    await assert.rejects(readTls(), /tls\.key: Cannot read a\.key: there is no such file/);
  }
  assert.equal((await server({ flags: { "--tls": true } })).readTls, undefined);
  assert.equal((await server({})).readTls, undefined);
  assert.equal((await client({ flags: { "--pin": PIN } })).readTls, undefined);
});

test("The overview shows pins: they are no secret", () => {
  assert.match(renderConfig(load("client", { file: CLIENT, flags: { "--pin": PIN } })), new RegExp(PIN));
});
