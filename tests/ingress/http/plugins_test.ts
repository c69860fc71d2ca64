import assert from "node:assert/strict";
import type { BodyTransform, Plugin, RequestOutcome } from "../../../src/plugins/types.ts";
import { test } from "../../harness.ts";
import { until } from "../../tunnel/world.ts";
import { request, response, stage } from "./_stage.ts";

/** Makes every byte of a body a capital letter, and doubles the body's length. */
function shout(): BodyTransform {
  return new TransformStream<Uint8Array, Uint8Array>({
    transform: (chunk, controller) => {
      const text = new TextDecoder().decode(chunk).toUpperCase();
      controller.enqueue(new TextEncoder().encode(text + text));
    },
  });
}

/** Notes how requests ended. */
function watcher(): Plugin & { readonly ends: RequestOutcome[] } {
  const ends: RequestOutcome[] = [];
  return { name: "watcher", ends, onEnd: (outcome) => void ends.push(outcome), onRequest: () => undefined };
}

for (const asynchronous of [false, true]) {
  const kind = asynchronous ? "later" : "at once";
  const later = <Value>(value: Value): Value | Promise<Value> =>
    asynchronous ? Promise.resolve(value) : value;

  test(`A plugin changes heads, and says so ${kind}`, async () => {
    const watched = watcher();
    await using at = await stage({
      plugins: [watched, {
        name: "changes",
        onRequest: (seen) => {
          seen.headers.set("x-plugin", `${seen.service} ${seen.visitor} ${seen.host}`);
          seen.target = "/changed";
          return later(undefined);
        },
        onResponse: (seen) => {
          seen.headers.set("x-from", seen.from);
          seen.status = 202;
          return later(undefined);
        },
      }],
    });
    const visitor = await at.visit();
    await visitor.write(request("POST /", ["Content-Length: 4"], "body"));
    const origin = await at.next();
    const head = await origin.head();
    assert.match(head, /^POST \/changed [^]*\r\nx-plugin: app 127\.0\.0\.1 app\.test\r\n/i);
    assert.equal(await origin.read(4), "body");
    await origin.write(response("200 OK", ["Content-Length: 5"], "hello"));
    const answer = await visitor.response();
    assert.match(answer.head, /^HTTP\/1\.1 202 Accepted[^]*\r\nx-from: service\r\n/i);
    assert.equal(answer.body, "hello");
    await visitor.write(request("GET /")); // Both connections go on.
    assert.match(await origin.head(), /^GET \/changed /);
    assert.equal(watched.ends.length, 1);
    const { status, complete, from, requestBytes, responseBytes } = watched.ends[0] as RequestOutcome;
    assert.deepEqual({ status, complete, from, requestBytes, responseBytes }, {
      status: 202,
      complete: true,
      from: "service",
      requestBytes: 4,
      responseBytes: 5,
    });
  });

  test(`A plugin answers ${kind}, and the service hears nothing`, async () => {
    const watched = watcher();
    await using at = await stage({
      plugins: [watched, { name: "no", onRequest: () => later({ answer: { status: 403 } }) }],
    });
    const visitor = await at.visit();
    await visitor.write(request("GET /", ["Accept: application/json"]));
    const answer = await visitor.response();
    assert.equal(answer.status, 403);
    assert.match(answer.head, /\r\ncontent-type: application\/json/i);
    assert.equal(at.server.counters.get("streams_opened"), 0);
    assert.deepEqual(watched.ends.map(({ status, from }) => [status, from]), [[403, "plugin"]]);
  });

  test(`A plugin changes bodies, which it says ${kind}`, async () => {
    await using at = await stage({
      plugins: [{
        name: "shout",
        onRequest: () => later({ body: shout() }),
        onResponse: () => later({ body: shout() }),
      }],
    });
    const visitor = await at.visit();
    await visitor.write(request("POST /", ["Content-Length: 5"], "hello"));
    const origin = await at.next();
    assert.match(await origin.head(), /\r\ntransfer-encoding: chunked\r\n/i);
    assert.equal(await origin.until("0\r\n\r\n"), "a\r\nHELLOHELLO\r\n0\r\n\r\n");
    await origin.write(response("200 OK", ["Content-Length: 3"], "bye"));
    const head = await visitor.head();
    assert.match(head, /\r\ntransfer-encoding: chunked\r\n/i);
    assert.doesNotMatch(head, /content-length/i);
    assert.equal(await visitor.until("0\r\n\r\n"), "6\r\nBYEBYE\r\n0\r\n\r\n");
    await visitor.write(request("GET /")); // A request without body has nothing to change.
    assert.doesNotMatch(await origin.head(), /transfer-encoding/i);
    await origin.write(response("204 No Content"));
    assert.match(await visitor.head(), /^HTTP\/1\.1 204 /);
  });

  test(`W31: a plugin that throws over a request ${kind} gives 500, and the service hears nothing`, async () => {
    const fails = (): undefined | Promise<undefined> => {
      if (asynchronous) return Promise.reject(new Error("no"));
      throw new Error("no");
    };
    await using at = await stage({ plugins: [{ name: "broken", onRequest: fails }] });
    const visitor = await at.visit();
    await visitor.write(request("GET /"));
    assert.equal((await visitor.response()).status, 500);
    assert.equal(at.server.counters.get("streams_opened"), 0);
    assert.equal(at.server.counters.get("http_failed", "plugin_failed"), 1);
  });

  test(`W31: a plugin that throws over a response ${kind} gives 500 in its place`, async () => {
    const fails = (): undefined | Promise<undefined> => {
      if (asynchronous) return Promise.reject(new Error("no"));
      throw new Error("no");
    };
    await using at = await stage({ plugins: [{ name: "broken", onResponse: fails }] });
    const visitor = await at.visit();
    await visitor.write(request("GET /"));
    const origin = await at.next();
    await origin.head();
    await origin.write(response("200 OK", ["Content-Length: 6"], "secret"));
    const { status, body } = await visitor.response();
    assert.equal(status, 500);
    assert.doesNotMatch(body, /secret/);
    await visitor.write(request("GET /"));
    const fresh = await at.next();
    await fresh.head();
  });
}

test("A large body goes through a plugin whole", async () => {
  const same = (): BodyTransform => new TransformStream<Uint8Array, Uint8Array>();
  await using at = await stage({
    plugins: [{ name: "same", onRequest: () => ({ body: same() }), onResponse: () => ({ body: same() }) }],
  });
  const bytes = 3 * 1024 * 1024;
  const visitor = await at.visit();
  await visitor.write(request("POST /", [`Content-Length: ${bytes}`, "Connection: close"]));
  const origin = await at.next();
  await origin.head();
  let count = 0;
  let last = "";
  const counted = new Promise<void>((resolve) =>
    origin.socket.onData = (chunk) => {
      for (const byte of chunk) if (byte === 0x78) count++;
      last = (last + new TextDecoder().decode(chunk)).slice(-7);
      if (last === "\r\n0\r\n\r\n") resolve();
    }
  );
  await visitor.write("x".repeat(bytes));
  await counted;
  assert.equal(count, bytes);
  const answered = origin.write(response("200 OK", [`Content-Length: ${bytes}`], "y".repeat(bytes)));
  const text = await visitor.rest();
  await answered;
  assert.equal(text.slice(text.indexOf("\r\n\r\n")).replace(/[^y]/g, "").length, bytes);
  assert.ok(text.endsWith("0\r\n\r\n"));
});

test("A change of a body that fails cuts the response off", async () => {
  const breaks = (): BodyTransform =>
    new TransformStream<Uint8Array, Uint8Array>({
      transform: (chunk, controller) => {
        if (chunk[0] === 0x21) throw new Error("no");
        controller.enqueue(chunk);
      },
    });
  const watched = watcher();
  await using at = await stage({
    plugins: [watched, { name: "breaks", onResponse: () => ({ body: breaks() }) }],
  });
  const visitor = await at.visit();
  await visitor.write(request("GET /"));
  const origin = await at.next();
  await origin.head();
  await origin.write(response("200 OK", ["Content-Length: 4"], "ab"));
  await visitor.head();
  assert.equal(await visitor.read(7), "2\r\nab\r\n");
  await origin.write("!!");
  assert.doesNotMatch(await visitor.rest().catch(() => "reset"), /0\r\n\r\n/);
  assert.deepEqual(watched.ends.map(({ complete, status }) => [complete, status]), [[false, 200]]);
});

test("W31: a change of a body that gives anything but bytes cuts the response off", async () => {
  for (const nonsense of ["ab", new Uint8Array(2).buffer, [1, 2], undefined]) {
    const breaks = new TransformStream({ transform: (_, controller) => controller.enqueue(nonsense) });
    await using at = await stage({ plugins: [{ name: "breaks", onResponse: () => ({ body: breaks }) }] });
    const visitor = await at.visit();
    await visitor.write(request("GET /"));
    const origin = await at.next();
    await origin.head();
    await origin.write(response("200 OK", ["Content-Length: 2"], "ab"));
    await visitor.head();
    assert.equal(await visitor.rest().catch(() => ""), "");
  }
});

test("Plugins hear of a visitor that leaves while they think", async () => {
  const watched = watcher();
  let asked = (): void => {};
  const thinking = new Promise<void>((resolve) => asked = resolve);
  await using at = await stage({
    plugins: [watched, {
      name: "slow",
      onRequest: () => {
        asked();
        return new Promise<undefined>(() => {});
      },
    }],
  });
  const visitor = await at.visit();
  await visitor.write(request("POST /", ["Content-Length: 9"]));
  await thinking;
  await visitor.socket.reset();
  await until(() => watched.ends.length > 0);
  assert.equal(watched.ends.length, 1);
  assert.equal(watched.ends[0]?.complete, false);
});
