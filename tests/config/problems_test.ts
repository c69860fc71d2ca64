import assert from "node:assert/strict";
import type { Role } from "../../src/config/mod.ts";
import { test } from "../harness.ts";
import { problemLines } from "./support.ts";

const SERVER_KEYS =
  "bind, tcpBind, serviceHost, publicHost, allowPorts, token, tokenFile, tokens, keys, tls, stateDir, http, admin, log, limits";
const ADDRESS = 'Expected an IP address and port such as "0.0.0.0:7835" but got';
const RANGE = 'Expected a port from 1 to 65535, or a range such as "2000-3000" but got';
const TOKEN =
  "Expected 1 to 256 printable ASCII characters without spaces around them (in quotes when it looks like a number)";
const NAME = "Expected a name of 1 to 63 letters, digits, -, _ and . that begins with none of - and .";
const ALIAS = "An alias refers to no finished anchor: put a value that begins with * in quotes";

/** A wrong file, and every line that is printed for it. */
const CASES: [string, Role, string, string[]][] = [
  ["an empty file", "server", "", ["server.yaml:1:1: Expected a mapping but the file is empty"]],
  ["comments alone", "server", "# bind\n", ["server.yaml:1:1: Expected a mapping but the file is empty"]],
  ["a list at the top", "server", "- bind\n", [
    'server.yaml:1:1: Expected a mapping, such as "bind: 0.0.0.0:7835", at the top of the file',
  ]],
  ["a repeated key", "server", "bind: 127.0.0.1:1\nlog: {}\nbind: 127.0.0.1:2\n", [
    'server.yaml:3:1: Key "bind" is given twice',
  ]],
  ["a repeated key inside", "server", "log:\n  level: info\n  level: info\n", [
    'server.yaml:3:3: log: Key "level" is given twice',
  ]],
  ["a tab", "server", "log:\n\tlevel: info\n", ["server.yaml:2:1: Tabs cannot indent YAML: use spaces"]],
  ["an open quote", "server", 'bind: "127.0.0.1:1\n', [
    "server.yaml:2:1: A quote, bracket or comma is missing here",
  ]],
  ["an alias without anchor", "server", "token: *star\n", [`server.yaml:1:8: token: ${ALIAS}`]],
  ["an alias inside its anchor", "server", "tokens: &all [*all]\n", [
    `server.yaml:1:15: tokens[0]: ${ALIAS}`,
  ]],
  ["a second document", "server", "log: {}\n---\nlog: {}\n", [
    "server.yaml:2:1: Expected one document but a second one begins here",
  ]],
  ["a key that is no name", "server", "[a]: 1\n", ["server.yaml:1:1: Expected a name as key"]],
  ["a key that reaches for the prototype", "server", "__proto__: {token: x}\n", [
    'server.yaml:1:1: Unknown key "__proto__"',
  ]],
  ["an unknown key that is close", "server", "log: {}\nbnid: 1\n", [
    'server.yaml:2:1: Unknown key "bnid"; did you mean "bind"?',
  ]],
  ["an unknown key that is not", "server", "proxies: 1\n", [
    `server.yaml:1:1: Unknown key "proxies"; known here: ${SERVER_KEYS}`,
  ]],
  ["an unknown key inside", "server", "limits:\n  maxStreems: 1\n", [
    'server.yaml:2:3: limits: Unknown key "maxStreems"; did you mean "maxStreams"?',
  ]],
  ["an unknown key in a list", "server", "tokens:\n  - name: a\n    tokn: x\n", [
    'server.yaml:3:5: tokens[0]: Unknown key "tokn"; did you mean "token"?',
  ]],
  ["the other role's key", "client", "allowPorts: [80]\n", [
    'client.yaml:1:1: Unknown key "allowPorts"; known here: server, serverOrder, connections, directPool, token, tokenFile, keyFile, tunnelId, services, tls, admin, log, limits',
  ]],
  ["a wrong entry of a list", "server", "allowPorts:\n  - 80\n  - x\n  - 0\n  - 3000-2000\n", [
    `server.yaml:3:5: allowPorts[1]: ${RANGE} "x"`,
    `server.yaml:4:5: allowPorts[2]: ${RANGE} 0`,
    `server.yaml:5:5: allowPorts[3]: ${RANGE} "3000-2000"`,
  ]],
  ["an empty list", "server", "allowPorts: []\n", [
    "server.yaml:1:13: allowPorts: Expected a list with at least one entry",
  ]],
  [
    "wrong types",
    "server",
    "bind: 7835\ntls: yes\nlog: [1]\nlimits: {maxStreams: many}\nadmin: {allowRemote: 1}\n",
    [
      `server.yaml:1:7: bind: ${ADDRESS} 7835`,
      'server.yaml:2:6: tls: Expected a mapping but got "yes"',
      "server.yaml:3:6: log: Expected a mapping but got a list",
      'server.yaml:4:22: limits.maxStreams: Expected a whole number from 1 to 1000000 but got "many"',
      "server.yaml:5:22: admin.allowRemote: Expected true or false but got 1",
    ],
  ],
  ["a key without value", "server", "log: {}\ntls:\n", [
    "server.yaml:2:5: tls: Expected a mapping but got nothing",
  ]],
  ["out of range", "server", "limits:\n  maxStreams: 0\n  windowBytes: 1023\n  openTimeoutMs: 2147483648\n", [
    "server.yaml:2:15: limits.maxStreams: Expected a whole number from 1 to 1000000 but got 0",
    "server.yaml:3:16: limits.windowBytes: Expected a whole number from 1024 to 2147483647 but got 1023",
    "server.yaml:4:18: limits.openTimeoutMs: Expected a whole number from 1 to 2147483647 but got 2147483648",
  ]],
  ["not whole", "server", "limits: {maxStreams: 1.5}\n", [
    "server.yaml:1:22: limits.maxStreams: Expected a whole number from 1 to 1000000 but got 1.5",
  ]],
  ["a wrong word", "server", "log: {level: warn}\n", [
    'server.yaml:1:14: log.level: Expected one of trace, debug, info, warning, error but got "warn"; did you mean "warning"?',
  ]],
  ["a name where an IP address must be", "server", "bind: localhost:7835\n", [
    `server.yaml:1:7: bind: ${ADDRESS} "localhost:7835"`,
  ]],
  ["a token that is a number", "server", "token: 1234\n", [`server.yaml:1:8: token: ${TOKEN}`]],
  ["a token with a line end", "server", 'token: "a\\nb"\n', [`server.yaml:1:8: token: ${TOKEN}`]],
  ["a token that is too long", "server", `token: ${"a".repeat(257)}\n`, [`server.yaml:1:8: token: ${TOKEN}`]],
  ["two kinds of token", "server", "token: a\ntokenFile: b\n", [
    "server.yaml:2:12: tokenFile: Expected one of token and tokenFile but got both",
  ]],
  ["tokens beside a token", "server", "token: a\ntokens: [{name: a, token: b}]\n", [
    "server.yaml:2:17: tokens[0].name: Expected tokens alone but got token or tokenFile beside it",
  ]],
  ["tokens of one name", "server", "tokens:\n  - {name: a, token: b}\n  - {name: a, token: c}\n", [
    'server.yaml:3:12: tokens[1].name: Name "a" is given twice',
  ]],
  ["an entry without token", "server", "tokens:\n  - name: a\n", [
    "server.yaml:2:11: tokens[0].name: Expected one of token, hash and tokenFile beside it but got none",
  ]],
  ["half of a certificate", "server", "tls:\n  cert: a.pem\n", [
    "server.yaml:2:9: tls.cert: Needs its private key in tls.key",
  ]],
  ["a client CA without certificate", "server", "tls:\n  ca: a.pem\n", [
    "server.yaml:2:7: tls.ca: Has no effect without TLS: give --tls or set tls.enabled",
  ]],
  ["an open admin endpoint", "server", "admin:\n  bind: 0.0.0.0:9090\n", [
    "server.yaml:2:9: admin.bind: Other machines reach this address: use 127.0.0.1, or set admin.allowRemote",
  ]],
  ["an open admin endpoint without token", "server", "admin:\n  bind: 0.0.0.0:9090\n  allowRemote: true\n", [
    "server.yaml:2:9: admin.bind: Other machines reach this address: set admin.tokenFile",
  ]],
  ["an admin token for nothing", "server", "admin:\n  token: abc\n", [
    "server.yaml:2:10: admin.token: Has no effect without admin.bind",
  ]],
  ["limits in the wrong order", "server", "limits:\n  deadAfterMs: 5000\n  windowBytes: 33554432\n", [
    "server.yaml:3:16: limits.windowBytes: Expected at most 16777216, which is maxWindowBytes, but got 33554432",
    "server.yaml:2:16: limits.deadAfterMs: Expected at least 10000, which is heartbeatIntervalMs, but got 5000",
  ]],
  [
    "wrong services",
    "client",
    "server: a:1\nservices:\n  ssh: {type: udp, local: 22}\n  b d: {}\n  web:\n    local: 1\n  db: {type: tcp, local: 99999}\n",
    [
      'client.yaml:3:15: services.ssh.type: Expected one of tcp, http but got "udp"',
      `client.yaml:4:3: services.b d: ${NAME}`,
      "client.yaml:5:3: services.web.type: Expected one of tcp, http but got nothing",
      'client.yaml:7:26: services.db.local: Expected an address such as "127.0.0.1:22", or a port of this machine but got 99999',
    ],
  ],
  ["nothing to do", "client", "log: {}\n", [
    "server: Missing: give --server, FERROTUNNEL_SERVER or server in a configuration file",
    "services: Missing: give --local-addr, FERROTUNNEL_LOCAL_ADDR or services in a configuration file",
  ]],
  ["a CA without TLS", "client", "server: a\nservices: {s: {type: tcp, local: 1}}\ntls:\n  ca: a.pem\n", [
    "client.yaml:4:7: tls.ca: Has no effect without TLS: give --tls or set tls.enabled",
  ]],
];

for (const [name, role, file, lines] of CASES) {
  test(`loadConfig() explains ${name}`, () => assert.deepEqual(problemLines(role, { file }), lines));
}

test("loadConfig() names variables and flags as the place of a problem", () => {
  const lines = problemLines("server", {
    environment: { FERROTUNNEL_TCP_BIND: "x", FERROTUNNEL_ADMIN_ALLOW_REMOTE: "maybe" },
    flags: { "--bind": "y", "--allow-ports": "80,z" },
  });
  assert.deepEqual(lines, [
    'environment FERROTUNNEL_TCP_BIND: tcpBind: Expected an IP address and port such as "0.0.0.0:9000" but got "x"',
    'environment FERROTUNNEL_ADMIN_ALLOW_REMOTE: admin.allowRemote: Expected true or false but got "maybe"',
    `flag --bind: bind: ${ADDRESS} "y"`,
    `flag --allow-ports: allowPorts[1]: ${RANGE} "z"`,
  ]);
});

test("loadConfig() finds what is wrong in a file although a flag replaces it", () => {
  const lines = problemLines("server", { file: "bind: x\n", flags: { "--bind": "127.0.0.1:1" } });
  assert.deepEqual(lines, [`server.yaml:1:7: bind: ${ADDRESS} "x"`]);
});

test("loadConfig() wants --local-addr with flags that describe a service", () => {
  const lines = problemLines("client", { flags: { "--server": "a", "--remote-port": "1", "--name": "n" } });
  assert.deepEqual(lines, [
    "flag --remote-port: Needs --local-addr, the service whose public port this is",
    "flag --name: Needs --local-addr, the service whose name this is",
  ]);
  const wrong = problemLines("client", {
    flags: { "--server": "a", "--local-addr": "22", "--name": "__proto__" },
  });
  assert.deepEqual(wrong, [`flag --name: ${NAME} but got "__proto__"`]);
});

test("loadConfig() shows no control characters of a file", () => {
  const [line = ""] = problemLines("server", { file: 'bind: "\\e[2J\\x9b\\u2028"\n"k\\e": 1\n' });
  assert.ok(line.endsWith('but got "\\u001b[2J\\u009b\\u2028"'), line);
  for (const text of problemLines("client", { file: '"k\\e": 1\nservices: {"\\e": {}}\n' })) {
    assert.ok(!text.includes("\u001b"), JSON.stringify(text));
  }
});

test("loadConfig() does not follow aliases without end", () => {
  const rows = ["a: &a [x, x, x, x, x, x, x, x, x, x]"];
  for (let index = 1; index < 12; index++) {
    const before = String.fromCharCode(96 + index);
    const name = String.fromCharCode(97 + index);
    rows.push(`${name}: &${name} [${`*${before}, `.repeat(9)}*${before}]`);
  }
  const lines = problemLines("server", { file: rows.join("\n") });
  assert.ok(lines.some((line) => line.includes("more than 10000 values")), lines.join("\n"));
});
