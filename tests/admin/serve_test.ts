import assert from "node:assert/strict";
import { request } from "node:http";
import { startAdmin } from "../../src/admin/mod.ts";
import { loggerOrDefault } from "../../src/log.ts";
import { runtime } from "../../src/runtime/mod.ts";
import { test } from "../harness.ts";
import { makeTarget, TOKEN } from "./fixtures.ts";

/** Asks over a real socket, with a Host field of the caller's choice, which `fetch` would not send. */
async function askOver(
  port: number,
  path: string,
  headers: Record<string, string>,
): Promise<[number, string]> {
  const { promise, resolve, reject } = Promise.withResolvers<[number, string]>();
  const outgoing = request(
    { host: "127.0.0.1", port, path, agent: false, headers },
    (answer) => {
      let body = "";
      answer.setEncoding("utf8").on("data", (text: string) => body += text);
      answer.on("end", () => resolve([answer.statusCode ?? 0, body]));
    },
  );
  outgoing.on("error", reject).end();
  return await promise;
}

test("startAdmin() answers over a socket of this runtime, and frees the port when stopped", async () => {
  const options = { bind: { hostname: "127.0.0.1", port: 0 }, token: TOKEN, allowRemote: false };
  const dependencies = { runtime, logger: loggerOrDefault() };
  const admin = await startAdmin(makeTarget(), options, dependencies);
  const { port } = admin.address;
  const authorization = `Bearer ${TOKEN}`;
  try {
    assert.deepEqual(await askOver(port, "/healthz", {}), [200, "ok"]);
    const [status, page] = await askOver(port, "/metrics", { authorization });
    assert.equal(status, 200);
    assert.ok(page.includes(`runtime="${runtime.name}",runtime_version="${runtime.version}"} 1`));
    assert.match(page, /^process_resident_memory_bytes [1-9]\d+/m);
    assert.equal((await askOver(port, "/metrics", {}))[0], 401);
    assert.equal((await askOver(port, "/metrics", { authorization, host: `evil.example:${port}` }))[0], 421);
    assert.equal((await askOver(port, "/metrics", { authorization, origin: "http://evil.example" }))[0], 403);
  } finally {
    await admin.stop();
  }
  const again = await startAdmin(makeTarget(), { ...options, bind: admin.address }, dependencies);
  await again.stop();
});
