/**
 * What happens to a tunnel when the network breaks. A program: its argument names the scenario. It must be started in a
 * namespace of its own, see `_namespace.ts`.
 *
 * @module
 */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { within } from "../support/deadline.ts";
import { LONG } from "../support/long.ts";
import { programPath } from "../support/programs.ts";
import { dial } from "../tunnel/sockets.ts";
import { portOf, roundTrip, service, type TestClient, type TestServer, World } from "../tunnel/world.ts";

/** In the long run the limits are those that users have. */
const LIVENESS = LONG ? {} : { heartbeatIntervalMs: 1_500, deadAfterMs: 4_500 };
/**
 * A dead link is noticed within this, at both ends and whichever of its directions is dead. A busy machine is given less more
 * than a heartbeat's interval, after which even an end that still hears the other one for that long would have noticed.
 */
const NOTICED_WITHIN_MS = LONG ? 30_000 : 5_000;
/** So slow that the first bytes of a transfer, as many as may be on the way at once, take nearly as long as a dead link. */
const NARROW_KBIT = LONG ? 100 : 400;
const NARROW_BYTES = 512 * 1024;
const TRANSFER_BYTES = (LONG ? 32 : 2) * 1024 * 1024;

/** Runs a program of the system. @throws {Error} with its output when it fails */
function run(program: string, ...args: string[]): void {
  execFileSync(programPath(program), args, { stdio: ["ignore", "ignore", "inherit"] });
}

interface Tunnel extends TestServer {
  readonly client: TestClient;
  readonly publicPort: number;
}

async function startTunnel(world: World, serverName = "127.0.0.1"): Promise<Tunnel> {
  const echo = await world.echo();
  const server = await world.server({ limits: LIVENESS });
  const client = world.client(server.port, {
    server: { hostname: serverName, port: server.port },
    services: [service("echo", echo.port)],
    limits: LIVENESS,
  });
  const [state] = await within(client.client.ready, "the client to be ready");
  const publicPort = portOf(state?.publicUrl);
  assert.equal(await roundTrip(world, publicPort, "before"), "before");
  return { ...server, client, publicPort };
}

/** Throws away what is sent to a port, or from it. */
function drop(...matches: string[]): void {
  const rules = matches.map((match) => `add rule inet faults broken ${match} drop`);
  run(
    "nft",
    [
      "add table inet faults",
      "add chain inet faults broken { type filter hook input priority 0; }",
      ...rules,
    ].join("; "),
  );
}

function heal(): void {
  run("nft", "delete table inet faults");
}

/** A link that loses everything that `matches` must be noticed at both ends, and the tunnel come back with the link. */
async function loseAll(matches: (port: number) => string[]): Promise<void> {
  await using world = new World();
  const { client, server, events, port, publicPort } = await startTunnel(world);
  const visitor = await dial(publicPort);
  visitor.write("x");
  assert.equal(await visitor.readText(1), "x");
  const startedAt = performance.now();
  drop(...matches(port));
  const left = within(events.next("client_disconnected"), "the server to notice", NOTICED_WITHIN_MS);
  const lost = within(client.events.next("disconnected"), "the client to notice", NOTICED_WITHIN_MS);
  const ended = within(visitor.ended, "the visitor to be told", NOTICED_WITHIN_MS + 1_000);
  const reasons = [(await left).reason, (await lost).reason];
  await ended;
  console.log(`noticed after ${Math.round(performance.now() - startedAt)} ms: ${reasons.join("; ")}`);
  await visitor.destroy();
  heal();
  await within(client.events.next("service_ready"), "the client to come back", 60_000);
  assert.equal(await roundTrip(world, publicPort, "after"), "after");
  assert.equal(server.status().clients.length, 1);
}

async function transferAll(): Promise<void> {
  await using world = new World();
  const { publicPort } = await startTunnel(world);
  run("tc", "qdisc", "add", "dev", "lo", "root", "tbf", "rate", "50mbit", "burst", "256k", "latency", "50ms");
  drop("numgen random mod 100 < 1");
  const sent = new Uint8Array(TRANSFER_BYTES);
  for (let at = 0; at < sent.length; at += 65_536) crypto.getRandomValues(sent.subarray(at, at + 65_536));
  const visitor = await world.visitor(publicPort);
  const written = visitor.writeAll(sent);
  const back = await within(visitor.read(sent.length), "every byte to come back", 120_000);
  await written;
  assert.deepEqual(back, sent);
}

/** Slows down what goes to a port, and by itself what comes from it; what waits is kept for as long as it takes. */
function narrow(port: number, kbit: number): void {
  // Packets as small as on a real line; loopback's own take a second each.
  run("ip", ..."link set lo mtu 1500 gso_max_size 1500 gso_max_segs 1".split(" "));
  run("tc", ..."qdisc add dev lo root handle 1: htb default 1".split(" "));
  run("tc", ..."class add dev lo parent 1: classid 1:1 htb rate 10gbit".split(" "));
  const directions = [[2, "dport"], [3, "sport"]] as const;
  const rules = directions.map(([line, direction]) => {
    run("tc", ...`class add dev lo parent 1: classid 1:${line} htb rate ${kbit}kbit burst 64k`.split(" "));
    return `add rule inet lines out tcp ${direction} ${port} meta priority set "1:${line}"`;
  });
  const chain = "add chain inet lines out { type filter hook output priority 0; }";
  run("nft", ["add table inet lines", chain, ...rules].join("; "));
}

/** Bulk in one direction only: answers to heartbeats stand behind it, and nothing else says that they were read. */
async function crawl(): Promise<void> {
  await using world = new World();
  const sink = await world.service((_, raw) => {
    let left = NARROW_BYTES;
    raw.on("data", (chunk) => {
      left -= chunk.length;
      if (left === 0) raw.write("all");
    });
  });
  const server = await world.server({ limits: LIVENESS });
  const client = world.client(server.port, { services: [service("sink", sink.port)], limits: LIVENESS });
  const [state] = await within(client.client.ready, "the client to be ready");
  const visitor = await world.visitor(portOf(state?.publicUrl));
  narrow(server.port, NARROW_KBIT);
  const startedAt = performance.now();
  const written = visitor.writeAll(new Uint8Array(NARROW_BYTES));
  const told = await within(visitor.readText(3), "every byte to arrive", 240_000);
  assert.equal(told, "all", `${client.events.of("disconnected")[0]?.reason}`);
  await written;
  console.log(`${NARROW_BYTES} bytes in ${Math.round(performance.now() - startedAt)} ms`);
  assert.deepEqual(client.events.of("disconnected"), []);
  assert.deepEqual(server.events.of("client_disconnected"), []);
}

async function moveServer(): Promise<void> {
  const hosts = join(tmpdir(), `ferrotunnel-hosts-${process.pid}`);
  const point = (...addresses: string[]): void =>
    writeFileSync(hosts, addresses.map((address) => `${address} moving.test\n`).join(""));
  point("127.0.0.2");
  run("mount", "--bind", hosts, "/etc/hosts");
  await using world = new World();
  const echo = await world.echo();
  const first = await world.server({ bind: { hostname: "127.0.0.2", port: 0 } });
  const { client, events } = world.client(first.port, {
    server: { hostname: "moving.test", port: first.port },
    services: [service("echo", echo.port)],
  });
  await within(client.ready, "the client to be ready");
  assert.equal((await events.next("service_ready")).service, "echo");
  const bind = { hostname: "127.0.0.3", port: first.port };
  const second = await world.server({ bind });
  point("127.0.0.4", "127.0.0.3"); // Nobody is at the first address of the two.
  await first.server.stop();
  const { publicUrl } = await within(
    events.next("service_ready"),
    "the client to find the new address",
    30_000,
  );
  assert.equal(second.server.status().clients.length, 1);
  assert.equal(await roundTrip(world, portOf(publicUrl), "moved"), "moved");
}

async function useUpPorts(): Promise<void> {
  const ports = 8;
  await using world = new World();
  const echo = await world.echo();
  const server = await world.server({ serviceHost: "0.0.0.0" });
  const client = world.client(server.port, { services: [service("echo", echo.port)] });
  const [state] = await within(client.client.ready, "the client to be ready");
  const publicPort = portOf(state?.publicUrl);
  writeFileSync("/proc/sys/net/ipv4/ip_local_port_range", `50000 ${50_000 + ports - 1}`);
  const visitors = [];
  // Ports are counted for each destination: to have more visitors than local connections, they come to several addresses.
  for (const host of ["127.0.0.2", "127.0.0.3", "127.0.0.4"]) {
    for (let index = 0; index < ports; index++) {
      const visitor = await dial(publicPort, host);
      visitor.write("x");
      visitors.push(visitor);
    }
  }
  const outcomes = await within(
    Promise.all(visitors.map(async (visitor) => (await visitor.read(1)).length)),
    "every visitor to be served or told",
  );
  const served = outcomes.filter((bytes) => bytes === 1).length;
  assert.ok(served > 0 && served <= ports, `${served} of ${visitors.length} were served`);
  const failed = client.client.counters.get("local_connect_failed");
  assert.equal(failed, visitors.length - served);
  const before = process.cpuUsage();
  await new Promise((resolve) => setTimeout(resolve, 500)); // What is measured is that nothing happens meanwhile.
  const { user, system } = process.cpuUsage(before);
  assert.ok(user + system < 250_000, `${user + system} µs of work in 500 ms without visitors`);
  for (const visitor of visitors) await visitor.destroy();
  writeFileSync("/proc/sys/net/ipv4/ip_local_port_range", "32768 60999");
  assert.equal(await roundTrip(world, publicPort, "after"), "after");
}

const SCENARIOS: Record<string, () => Promise<void>> = {
  "blackhole": () => loseAll((port) => [`tcp dport ${port}`, `tcp sport ${port}`]),
  "one-way-to-server": () => loseAll((port) => [`tcp dport ${port}`]),
  "one-way-to-client": () => loseAll((port) => [`tcp sport ${port}`]),
  "slow-and-lossy": transferAll,
  "narrow": crawl,
  "moving-server": moveServer,
  "few-ports": useUpPorts,
};

const name = process.argv[2] ?? "";
const scenario = SCENARIOS[name];
assert.ok(scenario !== undefined, `Expected one of ${Object.keys(SCENARIOS).join(", ")} but got "${name}"`);
await scenario();
console.log(`${name} is done`);
process.exit(0);
