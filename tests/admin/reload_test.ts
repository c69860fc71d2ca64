import assert from "node:assert/strict";
import type { ReloadOutcome } from "../../src/admin/mod.ts";
import { test } from "../harness.ts";
import { ask, makeApp, makeTarget } from "./fixtures.ts";

const PATH = "/api/v1/reload";
const POST = { method: "POST" };

function counted(
  outcome: ReloadOutcome,
): { readonly app: ReturnType<typeof makeApp>; readonly count: () => number } {
  let count = 0;
  const reload = (): Promise<ReloadOutcome> => {
    count++;
    return Promise.resolve(outcome);
  };
  return { app: makeApp(makeTarget({ reload })), count: () => count };
}

test("POST /api/v1/reload answers with what has changed", async () => {
  const changes = [{ type: "token_removed", name: "a", text: "Token a was removed" }];
  const { app, count } = counted({ ok: true, changes });
  const response = await ask(app, PATH, POST);
  assert.equal(response.status, 200);
  assert.deepEqual(await response.json(), { changes });
  assert.equal(count(), 1);
});

test("POST /api/v1/reload answers 422 with every problem when nothing was changed", async () => {
  const { app } = counted({ ok: false, problems: ["server.yaml:1:1: one", "server.yaml:2:1: two"] });
  const response = await ask(app, PATH, POST);
  assert.equal(response.status, 422);
  assert.deepEqual((await response.json()).problems, ["server.yaml:1:1: one", "server.yaml:2:1: two"]);
});

test("/api/v1/reload does nothing without the token, from another site, or by another method", async () => {
  const { app, count } = counted({ ok: true, changes: [] });
  const anonymous = await ask(app, PATH, { ...POST, headers: { authorization: undefined } });
  const crossSite = await ask(app, PATH, { ...POST, headers: { origin: "http://evil.example" } });
  const got = await ask(app, PATH);
  assert.deepEqual([anonymous.status, crossSite.status, got.status], [401, 403, 405]);
  assert.equal(got.headers.get("allow"), "POST");
  assert.equal((await ask(app, "/api/v1/status", POST)).status, 405, "nothing else takes POST");
  assert.equal(count(), 0);
});

test("/api/v1/reload answers 404 where there is no configuration to read", async () => {
  assert.equal((await ask(makeApp(), PATH, POST)).status, 404);
});
