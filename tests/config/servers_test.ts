import assert from "node:assert/strict";
import { resolveClient } from "../../src/config/mod.ts";
import type { ClientOptions } from "../../src/tunnel/options.ts";
import { test } from "../harness.ts";
import { type Given, load, problemLines } from "./support.ts";

async function optionsOf(given: Given): Promise<ClientOptions> {
  const readTextFile = (path: string): Promise<string> => Promise.reject(new Error(path));
  return (await resolveClient(load("client", given), { readTextFile, token: "x" })).options;
}

const SERVICE = { "--local-addr": "22" };
const A = { hostname: "a", port: 7835 };
const B = { hostname: "b", port: 9 };

test("A client has one server or a list of them, from a file, a variable or flags", async () => {
  const file = (server: string): string => `server: ${server}\nservices: {ssh: {type: tcp, local: 22}}`;
  assert.deepEqual((await optionsOf({ file: file("a") })).server, A);
  assert.deepEqual((await optionsOf({ file: file("[a, 'b:9']") })).server, [A, B]);
  assert.deepEqual((await optionsOf({ file: file("[a]") })).server, [A]);
  const environment = { FERROTUNNEL_SERVER: "a, b:9" };
  assert.deepEqual((await optionsOf({ environment, flags: SERVICE })).server, [A, B]);
  // A repeated flag arrives joined by commas.
  const flags = { ...SERVICE, "--server": "b:9,a" };
  assert.deepEqual((await optionsOf({ file: file("[a, a, a]"), environment, flags })).server, [B, A]);
});

test("A wrong server in a list is told with its place", () => {
  const expected = 'the address of a server such as "tunnel.example.com:7835"';
  const services = "services: {ssh: {type: tcp, local: 22}}";
  const cases: [string, string[]][] = [
    ["server: [a, 'b c']", [`client.yaml:1:13: server[1]: Expected ${expected} but got "b c"`]],
    ["server: []", [`client.yaml:1:9: server: Expected ${expected}, or a list of such but got a list`]],
    ["server: 5", [`client.yaml:1:9: server: Expected ${expected}, or a list of such but got 5`]],
    ["server: [5]", [`client.yaml:1:9: server: Expected ${expected}, or a list of such but got a list`]],
  ];
  for (const [line, lines] of cases) {
    assert.deepEqual(problemLines("client", { file: `${line}\ntoken: x\n${services}` }), lines, line);
  }
});

test("Order, connections, pool and mode have defaults, and reach the tunnel from file and flags", async () => {
  const plain = await optionsOf({ flags: { ...SERVICE, "--server": "a" } });
  assert.deepEqual([plain.serverOrder, plain.connections, plain.directPool], ["in_order", 1, 8]);
  assert.deepEqual(plain.services.map((service) => "mode" in service), [false]);
  const file = "server: a\nserverOrder: random\nconnections: 4\ndirectPool: 16\n" +
    "services: {ssh: {type: tcp, local: 22, mode: direct}, web: {type: tcp, local: 80, mode: multiplexed}}\n" +
    "limits: {failbackIntervalMs: 5, directIdleMs: 6}";
  const full = await optionsOf({ file });
  assert.deepEqual([full.serverOrder, full.connections, full.directPool], ["random", 4, 16]);
  assert.deepEqual(full.services.map((service) => service.kind === "tcp" && service.mode), [
    "direct",
    "multiplexed",
  ]);
  assert.deepEqual([full.limits?.failbackIntervalMs, full.limits?.directIdleMs], [5, 6]);
  const flags = {
    ...SERVICE,
    "--server": "a",
    "--server-order": "random",
    "--connections": "16",
    "--direct-pool": "999",
    "--mode": "direct",
  };
  const flagged = await optionsOf({ flags });
  assert.deepEqual([flagged.serverOrder, flagged.connections, flagged.directPool], ["random", 16, 999]);
  assert.deepEqual(flagged.services.map((service) => service.kind === "tcp" && service.mode), ["direct"]);
});

test("Order, connections, pool and mode out of range are refused", () => {
  const base = "server: a\ntoken: x\n";
  const cases: [string, string][] = [
    ["serverOrder: first", "serverOrder: Expected one of in_order, random but got"],
    ["connections: 0", "connections: Expected a whole number from 1 to 16 but got 0"],
    ["connections: 17", "connections: Expected a whole number from 1 to 16 but got 17"],
    ["directPool: 0", "directPool: Expected a whole number from 1 to 999 but got 0"],
    ["directPool: 1000", "directPool: Expected a whole number from 1 to 999 but got 1000"],
  ];
  for (const [line, expected] of cases) {
    const file = `${base}${line}\nservices: {ssh: {type: tcp, local: 22}}`;
    const [problem = "", ...more] = problemLines("client", { file });
    assert.ok(problem.includes(expected), problem);
    assert.deepEqual(more, []);
  }
  const mode = problemLines("client", { file: `${base}services: {ssh: {type: tcp, local: 22, mode: fast}}` });
  assert.ok(mode[0]?.includes("Expected one of multiplexed, direct but got"), mode.join());
  const limits = { maxSessionConnections: 65, maxDirectPool: 1000 };
  for (const [name, value] of Object.entries(limits)) {
    assert.equal(problemLines("server", { file: `token: x\nlimits: {${name}: ${value}}` }).length, 1, name);
    assert.equal(
      problemLines("server", { file: `token: x\nlimits: {${name}: ${value - 1}}` }).length,
      0,
      name,
    );
  }
});
