import assert from "node:assert/strict";
import { resolveClient, resolveServer } from "../../src/config/mod.ts";
import { KEY_PEM } from "../wire/vectors_key.ts";
import { test } from "../harness.ts";
import { load, problemLines } from "./support.ts";

const HASH = `sha256:${"ab".repeat(32)}`;
const KEY = "ed25519:11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo";
const noFiles = { readTextFile: (): Promise<never> => Promise.reject(new Error("not needed")) };

test("Tokens and keys come with their scopes", async () => {
  const file = `tokens:
  - name: web
    hash: ${HASH.toUpperCase().replace("SHA256", "sha256")}
    services: ["web*"]
    hosts: ["*.Example.com"]
    ports: ["6000-6010", 7000]
    kinds: [tcp, http]
    maxConnections: 2
    maxStreams: 100
    bandwidth: 1000000
    expires: 2027-01-01T00:00:00Z
keys:
  - name: laptop
    publicKey: ${KEY}
    kinds: [http]
`;
  const { options } = await resolveServer(load("server", { file }), noFiles);
  assert.deepEqual(options.tokens, [{
    name: "web",
    hash: HASH,
    services: ["web*"],
    hosts: ["*.example.com"],
    ports: [{ from: 6000, to: 6010 }, { from: 7000, to: 7000 }],
    kinds: ["tcp", "http"],
    maxConnections: 2,
    maxStreams: 100,
    bandwidth: 1_000_000,
    expires: new Date(Date.UTC(2027, 0, 1)),
  }]);
  assert.deepEqual(options.keys, [{ name: "laptop", publicKey: KEY, kinds: ["http"] }]);
});

test("A server can do with keys alone, and a client with a key in place of a token", async () => {
  const { options } = await resolveServer(
    load("server", { file: `keys: [{name: a, publicKey: "${KEY}"}]` }),
    noFiles,
  );
  assert.deepEqual(options.tokens, []);
  const file = "server: h:1\nkeyFile: client.key\nservices: {ssh: {type: tcp, local: 22}}\n";
  const client = await resolveClient(load("client", { file }), {
    readTextFile: () => Promise.resolve(KEY_PEM),
  });
  assert.deepEqual([client.options.token, client.options.privateKey], [undefined, KEY_PEM]);
  const wrong = resolveClient(load("client", { file }), { readTextFile: () => Promise.resolve("s3cret") });
  await assert.rejects(wrong, (error: Error) => {
    assert.match(error.message, /keyFile: Expected a private key made by `ferrotunnel key` in client\.key/);
    return !error.message.includes("s3cret");
  });
});

test("What is wrong with a token or key is said with its place", () => {
  const wrong: [string, RegExp][] = [
    [
      `tokens: [{name: a, hash: "sha256:00"}]`,
      /tokens\[0\]\.hash: Expected "sha256:" and 64 hexadecimal digits/,
    ],
    [
      `tokens: [{name: a, hash: "${HASH}", token: x}]`,
      /Expected one of token, hash and tokenFile beside it but got two/,
    ],
    [`tokens: [{name: a, token: x, expires: tomorrow}]`, /expires: Expected a moment such as/],
    [`tokens: [{name: a, token: x, expires: "2027-13-01T00:00:00Z"}]`, /expires: Expected a moment such as/],
    [`tokens: [{name: a, token: x, expires: "2027-01-01T00:00:00"}]`, /expires: Expected a moment such as/],
    [`tokens: [{name: a, token: x, kinds: [udp]}]`, /kinds\[0\]: Expected one of tcp, http but got "udp"/],
    [`tokens: [{name: a, token: x, ports: [0]}]`, /ports\[0\]: Expected a port from 1 to 65535/],
    [
      `tokens: [{name: a, token: x, services: ["a b"]}]`,
      /services\[0\]: Expected the name of a service, or a pattern/,
    ],
    [`tokens: [{name: a, token: x, hosts: ["a b"]}]`, /hosts\[0\]: Expected a host, or a pattern/],
    [`keys: [{name: a, publicKey: "ed25519:x"}]`, /publicKey: Expected "ed25519:" and the 43 characters/],
    [
      `tokens: [{name: a, token: x}]\nkeys: [{name: a, publicKey: "${KEY}"}]`,
      /keys\[0\]\.name: Name "a" is given twice/,
    ],
    [
      `token: x\nkeys: [{name: default, publicKey: "${KEY}"}]`,
      /keys\[0\]\.name: Name "default" is given twice/,
    ],
    [
      `keys: [{name: a, publicKey: "${KEY}"}, {name: b, publicKey: "${KEY}"}]`,
      /publicKey: Is the key of "a" too/,
    ],
  ];
  for (const [file, message] of wrong) {
    const lines = problemLines("server", { file });
    assert.equal(lines.length, 1, `${file}: ${lines.join("\n")}`);
    assert.match(lines[0] ?? "", message);
  }
  const both = "server: h:1\ntoken: x\nkeyFile: k\nservices: {ssh: {type: tcp, local: 22}}\n";
  assert.match(
    problemLines("client", { file: both })[0] ?? "",
    /keyFile: Expected one of keyFile, token and tokenFile/,
  );
});

for (const name of ["maxConnections", "maxStreams", "bandwidth"]) {
  test(`${name} of a token is at least 1`, () => {
    assert.equal(problemLines("server", { file: `tokens: [{name: a, token: x, ${name}: 1}]` }).length, 0);
    assert.equal(problemLines("server", { file: `tokens: [{name: a, token: x, ${name}: 0}]` }).length, 1);
  });
}

test("A token or private key in a wrong place is not repeated in a message", () => {
  const files = [
    "tokens: [hunter2-secret]\n",
    "tokens: hunter2-secret\n",
    "tokens: [{name: a, hash: hunter2-secret}]\n",
    "tokens: [{name: a, hash: [hunter2-secret]}]\n",
    "keys: [hunter2-secret]\n",
    'keys: [{name: a, publicKey: "-----BEGIN PRIVATE KEY-----\\nhunter2-secret"}]\n',
  ];
  for (const file of files) {
    const lines = problemLines("server", { file });
    assert.ok(lines.length > 0, file);
    assert.doesNotMatch(lines.join("\n"), /hunter2|PRIVATE/, file);
  }
});
