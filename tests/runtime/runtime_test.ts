import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { TunnelError } from "../../src/errors.ts";
import { runtime } from "../../src/runtime/mod.ts";
import { runtimeName, test } from "../harness.ts";

test("runtime is the one that runs this test", () => {
  assert.equal(runtime.name, runtimeName);
  assert.match(runtime.version, /^\d+\.\d+\.\d+/);
  assert.notEqual(runtime.hostname(), "");
  assert.ok((runtime.residentBytes() ?? 0) > 1024 * 1024);
  const files = runtime.maxOpenFiles();
  assert.ok(runtimeName === "bun" ? Number.isInteger(files) && Number(files) > 10 : files === undefined);
  assert.equal(typeof runtime.isTerminal(), "boolean");
  assert.ok(Array.isArray(runtime.args()));
});

test("env() reads variables and knows which are unset", () => {
  process.env["FERROTUNNEL_TEST_VARIABLE"] = "value";
  assert.equal(runtime.env("FERROTUNNEL_TEST_VARIABLE"), "value");
  delete process.env["FERROTUNNEL_TEST_VARIABLE"];
  assert.equal(runtime.env("FERROTUNNEL_TEST_VARIABLE"), undefined);
});

test("readTextFile() reads UTF-8, and names a file that is missing", async () => {
  const directory = await mkdtemp(join(tmpdir(), "ferrotunnel-test-"));
  const path = join(directory, "text");
  await writeFile(path, "smørrebrød\n");
  assert.equal(await runtime.readTextFile(path), "smørrebrød\n");
  await assert.rejects(runtime.readTextFile(join(directory, "missing")), /missing/);
  await rm(directory, { recursive: true });
});

test("onSignal() calls the handler until it is stopped", async () => {
  const arrived = Promise.withResolvers<void>();
  const stop = runtime.onSignal("SIGHUP", arrived.resolve);
  process.kill(process.pid, "SIGHUP");
  await arrived.promise;
  stop();
});

test("serveHttp() answers, frees its port when closed, and reports an address in use", async () => {
  const fetchAnswer = (request: Request): Response => new Response(new URL(request.url).pathname);
  const listener = await runtime.serveHttp({ hostname: "127.0.0.1", port: 0, fetch: fetchAnswer });
  const { port } = listener.address;
  const response = await fetch(`http://127.0.0.1:${port}/status`);
  assert.equal(await response.text(), "/status");
  await assert.rejects(
    runtime.serveHttp({ hostname: "127.0.0.1", port, fetch: fetchAnswer }),
    (error: unknown) => error instanceof TunnelError && error.code === "BIND",
  );
  await listener.close();
  const again = await runtime.serveHttp({ hostname: "127.0.0.1", port, fetch: fetchAnswer });
  await again.close();
});

test("serveHttp(): close() does not wait for an event stream for ever", async () => {
  const listener = await runtime.serveHttp({
    hostname: "127.0.0.1",
    port: 0,
    fetch: () => new Response(new ReadableStream({ start: (stream) => stream.enqueue(new Uint8Array(10)) })),
  });
  const response = await fetch(`http://127.0.0.1:${listener.address.port}/`);
  const reader = response.body?.getReader();
  assert.equal((await reader?.read())?.value?.length, 10);
  await listener.close();
  await reader?.cancel().catch(() => {});
});
