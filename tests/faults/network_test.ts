/**
 * Faults of the network, made by the kernel: packets that are dropped, delayed or lost, addresses that move, ports that are
 * used up.
 *
 * @module
 */
import { test } from "../harness.ts";
import { LONG } from "../support/long.ts";
import { noNamespaces, runScenario } from "./_namespace.ts";

const OPTIONS = { skip: noNamespaces, timeoutMs: LONG ? 310_000 : 70_000 };

test(
  "P4: a link that loses everything is noticed at both ends, and the tunnel comes back with it",
  async () => {
    await runScenario("blackhole");
  },
  OPTIONS,
);

test("P5: a link that loses all that the client sends is noticed at both ends", async () => {
  await runScenario("one-way-to-server");
}, OPTIONS);

test("P5: a link that loses all that the server sends is noticed at both ends", async () => {
  await runScenario("one-way-to-client");
}, OPTIONS);

test("P5: a link so slow that answers to heartbeats come late is not taken for dead", async () => {
  await runScenario("narrow");
}, OPTIONS);

test("P7: every byte is right over 50 Mbit/s with 1% of the packets lost", async () => {
  await runScenario("slow-and-lossy");
}, OPTIONS);

test("P8: a client finds its server at a new address, and tries every address of the name", async () => {
  await runScenario("moving-server");
}, OPTIONS);

test(
  "P15: when the ports to a local service are used up, visitors are told, nothing spins, and it heals",
  async () => {
    await runScenario("few-ports");
  },
  OPTIONS,
);
