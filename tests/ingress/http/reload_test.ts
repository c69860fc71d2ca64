import assert from "node:assert/strict";
import { test } from "../../harness.ts";
import { OK, request, response, stage } from "./_stage.ts";

test("A request keeps the limits that it began with; the next one of the same connection has the new ones", async () => {
  await using at = await stage({ limits: { httpMaxHeaders: 3 } });
  const visitor = await at.visit();
  await visitor.write("GET /first HTTP/1.1\r\nHost: app.test\r\n");
  // What the server has read of it shows in nothing: another request behind its back does.
  const other = await at.visit();
  await other.write(request("GET /other", ["A: 1", "B: 2"]));
  const origin = await at.next();
  await origin.head();
  await origin.write(OK);
  assert.equal((await other.response()).status, 200);
  await at.reload({ limits: { httpMaxHeaders: 2 } });
  await visitor.write("A: 1\r\nB: 2\r\n\r\n");
  // The limits of the stream to the service are new ones as well.
  const second = await at.next();
  assert.match(await second.head(), /^GET \/first /);
  await second.write(OK);
  assert.equal((await visitor.response()).status, 200, "three fields, the limit at its beginning");
  await visitor.write(request("GET /at", ["A: 1"]));
  await second.head();
  await second.write(OK);
  assert.equal((await visitor.response()).status, 200, "as many as are allowed now");
  await visitor.write(request("GET /over", ["A: 1", "B: 2"]));
  assert.equal((await visitor.response()).status, 431, "one more than is allowed now");
});

test("A body under way keeps its limit, and its stream to the service is not used again", async () => {
  await using at = await stage({ limits: { httpMaxBodyBytes: 4 } });
  const visitor = await at.visit();
  await visitor.write(request("POST /a", ["Content-Length: 4"], "KL"));
  const origin = await at.next();
  await origin.until("KL"); // Letters that no request id has.
  await at.reload({ limits: { httpMaxBodyBytes: 3, httpMaxIdleOrigins: 7 } });
  await visitor.write("MN");
  await origin.until("MN");
  await origin.write(OK);
  assert.equal((await visitor.response()).status, 200);
  assert.equal(await origin.rest(), "", "it is closed");
  await visitor.write(request("POST /b", ["Content-Length: 3"], "XYZ"));
  const next = await at.next();
  await next.until("XYZ");
  await next.write(OK);
  assert.equal((await visitor.response()).status, 200);
  await visitor.write(request("POST /c", ["Content-Length: 4"], "1234"));
  assert.equal((await visitor.response()).status, 413);
});

test("Trusted proxies change for the requests of connections that are there", async () => {
  await using at = await stage();
  const visitor = await at.visit();
  const seen: (string | undefined)[] = [];
  let origin: Awaited<ReturnType<typeof at.next>> | undefined;
  const ask = async (): Promise<void> => {
    await visitor.write(request("GET /", ["X-Forwarded-For: 192.0.2.1"]));
    origin ??= await at.next();
    seen.push(/x-forwarded-for: (.*)\r/i.exec(await origin.head())?.[1]);
    await origin.write(OK);
    await visitor.response();
  };
  const bind = { hostname: "127.0.0.1", port: 0 };
  await ask();
  await ask();
  await at.reload({ http: { bind, trustedProxies: ["127.0.0.0/8"] } });
  await ask();
  await at.reload({ http: { bind } });
  await ask();
  assert.deepEqual(seen, ["127.0.0.1", "127.0.0.1", "192.0.2.1, 127.0.0.1", "127.0.0.1"]);
});

test("A shorter deadline counts for who is connected and idle", async () => {
  await using at = await stage({ limits: { httpKeepAliveMs: 600_000, httpHeadTimeoutMs: 600_000 } });
  const visitor = await at.visit();
  await visitor.write(request("GET /"));
  const origin = await at.next();
  await origin.head();
  await origin.write(response("200 OK", ["Content-Length: 0"]));
  await visitor.response();
  await at.reload({ limits: { httpKeepAliveMs: 20, httpHeadTimeoutMs: 20 } });
  assert.equal(await visitor.rest(), "", "it is closed");
});
