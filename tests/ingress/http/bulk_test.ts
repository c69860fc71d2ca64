import assert from "node:assert/strict";
import { test } from "../../harness.ts";
import { Pattern } from "../../support/pattern.ts";
import { until } from "../../tunnel/world.ts";
import { request, response, stage } from "./_stage.ts";

const BYTES = 16 * 1024 * 1024;

test("Large bodies arrive byte for byte, in both directions", async () => {
  await using at = await stage();
  const pattern = new Pattern(BYTES);
  const visitor = await at.visit();
  await visitor.write(request("PUT /", [`Content-Length: ${BYTES}`]));
  const origin = await at.next();
  await origin.head();
  const up = pattern.checker();
  origin.socket.onData = (chunk) => up.update(chunk);
  await pattern.writeTo(visitor.socket); // Ends the visitor's direction, too.
  await until(() => up.bytes >= BYTES);
  assert.equal(up.digest(), pattern.digest);
  await origin.write(response("200 OK", [`Content-Length: ${BYTES}`]));
  await visitor.head();
  const down = pattern.checker();
  visitor.socket.onData = (chunk) => down.update(chunk);
  await pattern.writeTo(origin.socket);
  await visitor.socket.ended;
  assert.equal(down.bytes, BYTES);
  assert.equal(down.digest(), pattern.digest);
  assert.equal(at.server.counters.get("http_cut_off"), 0);
});

test("A slow visitor holds up its service, not the server's memory and not other visitors", async () => {
  await using at = await stage();
  const slow = await at.visit();
  await slow.write(request("GET /"));
  const origin = await at.next();
  await origin.head();
  slow.socket.pause();
  const body = new Uint8Array(256 * 1024 * 1024);
  void origin.write(response("200 OK", [`Content-Length: ${body.length}`]));
  void origin.socket.write(body);
  const held = (): number => at.server.status().clients[0]?.bufferedBytes ?? 0;
  await until(() => held() > 0);
  for (let count = 0; count < 50; count++) {
    const other = await at.visit();
    await other.write(request("GET /"));
    const service = await at.next();
    await service.head();
    await service.write(response("200 OK", ["Content-Length: 2", "Connection: close"], "ok"));
    assert.equal((await other.response()).body, "ok");
    await other.socket.close();
  }
  assert.ok(held() <= at.server.limits.maxWindowBytes, `${held()} bytes`);
});
