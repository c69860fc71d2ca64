import assert from "node:assert/strict";
import { test } from "../harness.ts";
import { until } from "../support/deadline.ts";
import { missing } from "../support/programs.ts";
import { curl, type Echo, startOrigin } from "../e2e/_web.ts";
import { Bed } from "./bed.ts";
import { withoutRust } from "./rust_program.ts";

const skip = withoutRust ?? missing("curl");

test("HTTP visitors of a server of ours reach the service of a Rust client by its tunnel id", async () => {
  await using bed = new Bed();
  const origin = await startOrigin("web");
  bed.later(async () => await origin[Symbol.asyncDispose]());
  const { server, port } = await bed.ourServer({
    http: { bind: { hostname: "127.0.0.1", port: 0 }, domain: "tunnel.test" },
  });
  const httpPort = server.httpAddress?.port ?? 0;
  const rust = await bed.rustClient({ serverPort: port, localPort: origin.port, tunnelId: "Shop" });
  for (const host of ["shop", "shop.tunnel.test", "SHOP."]) {
    const { status, body } = await curl(`http://${host}/x?y`, { port: httpPort });
    assert.equal(status, 200, host);
    const seen = JSON.parse(body) as Echo;
    assert.deepEqual([seen.name, seen.url], ["web", "/x?y"]);
  }
  assert.equal((await curl("http://other/", { port: httpPort })).status, 404);
  await rust.kill();
  await until(() => server.status().clients.length === 0, "the server has noticed");
  assert.equal((await curl("http://shop/", { port: httpPort })).status, 404);
}, { skip });
