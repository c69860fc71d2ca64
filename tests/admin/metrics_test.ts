import assert from "node:assert/strict";
import { register } from "prom-client";
import { COUNTERS, Counters } from "../../src/observe/counters.ts";
import { test } from "../harness.ts";
import { ask, makeApp, makeTarget } from "./fixtures.ts";

async function metricsOf(...parameters: Parameters<typeof makeApp>): Promise<string[]> {
  const response = await ask(makeApp(...parameters), "/metrics");
  assert.equal(response.status, 200);
  assert.match(response.headers.get("content-type") ?? "", /^text\/plain; version=0\.0\.4/);
  return (await response.text()).split("\n");
}

test("/metrics names every counter, and shows those without a label from the start", async () => {
  const lines = await metricsOf();
  for (const [name, { help, ...rest }] of Object.entries(COUNTERS)) {
    assert.ok(lines.includes(`# HELP ferrotunnel_${name}_total ${help}`), name);
    assert.ok(lines.includes(`# TYPE ferrotunnel_${name}_total counter`), name);
    if (!("label" in rest)) assert.ok(lines.includes(`ferrotunnel_${name}_total 0`), name);
  }
});

test("/metrics shows counters with their label, and escapes its value", async () => {
  const counters = new Counters();
  counters.bytesSent = 5;
  counters.bytesReceived = 7;
  counters.add("sessions_closed", { label: "peer_gone", by: 2 });
  counters.add("sessions_closed", { label: 'a"b\\c\nd' });
  const lines = await metricsOf(makeTarget({ counters }));
  assert.ok(lines.includes("ferrotunnel_bytes_sent_total 5"));
  assert.ok(lines.includes("ferrotunnel_bytes_received_total 7"));
  assert.ok(lines.includes('ferrotunnel_sessions_closed_total{reason="peer_gone"} 2'));
  assert.ok(lines.includes('ferrotunnel_sessions_closed_total{reason="a\\"b\\\\c\\nd"} 1'));
});

test("/metrics gathers gauges of one name, and forgets those that are gone", async () => {
  let names = ["web", "ssh"];
  const gauges = (): { name: string; help: string; value: number; labels: { service: string } }[] =>
    names.map((service, index) => ({
      name: "open_streams",
      help: "Open.",
      value: index,
      labels: { service },
    }));
  const app = makeApp(makeTarget({ gauges }));
  const before = await (await ask(app, "/metrics")).text();
  assert.ok(before.includes('ferrotunnel_open_streams{service="web"} 0\n'));
  assert.ok(before.includes('ferrotunnel_open_streams{service="ssh"} 1\n'));
  names = ["ssh"];
  const after = await (await ask(app, "/metrics")).text();
  assert.ok(after.includes('ferrotunnel_open_streams{service="ssh"} 0\n'));
  assert.ok(!after.includes("web"));
});

test("/metrics shows build, readiness and memory", async () => {
  const lines = await metricsOf(makeTarget({ role: "client", ready: () => false }));
  const build = '{version="9.8.7",role="client",runtime="deno",runtime_version="2.9.6"}';
  assert.ok(lines.includes(`ferrotunnel_build_info${build} 1`));
  assert.ok(lines.includes("ferrotunnel_ready 0"));
  assert.ok(lines.includes("process_resident_memory_bytes 12345"));
});

test("/metrics leaves memory out when it cannot be told", async () => {
  const facts = { version: "1", runtime: { name: "bun", version: "1" }, residentBytes: () => undefined };
  const lines = await metricsOf(makeTarget(), { facts });
  assert.ok(!lines.some((line) => line.includes("resident")));
});

test("two applications share no metric, and none is in the global registry", async () => {
  const counters = new Counters();
  counters.add("reconnects", { by: 7 });
  assert.ok((await metricsOf(makeTarget({ counters }))).includes("ferrotunnel_reconnects_total 7"));
  assert.ok((await metricsOf()).includes("ferrotunnel_reconnects_total 0"));
  assert.equal(register.getMetricsAsArray().length, 0);
});
