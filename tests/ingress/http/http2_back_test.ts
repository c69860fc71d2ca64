import assert from "node:assert/strict";
import { createServer, type ServerHttp2Session, type ServerHttp2Stream } from "node:http2";
import type { AddressInfo } from "node:net";
import { test } from "../../harness.ts";
import { until, untilStill, within } from "../../support/deadline.ts";
import { answerOf, visitByHttp2 } from "./_http2.ts";
import { request, type Stage, stage, type StageOptions } from "./_stage.ts";

const MIB = 1024 * 1024;
type Handle = (stream: ServerHttp2Stream, fields: Record<string, unknown>, raw: string[]) => void;

/** A service that speaks HTTP/2 only, without TLS. */
class Http2Service implements AsyncDisposable {
  port = 0;
  /** Connections, in the order of their coming. */
  readonly sessions: ServerHttp2Session[] = [];
  readonly #server = createServer();

  /** Starts it. */
  static async start(handle: Handle): Promise<Http2Service> {
    const service = new Http2Service();
    service.#server.on("session", (session) => {
      session.on("error", () => {});
      service.sessions.push(session);
    });
    service.#server.on("stream", (stream: ServerHttp2Stream, fields, _, ...raw: unknown[]) => {
      stream.on("error", () => {});
      handle(stream, fields, raw[0] as string[]);
    });
    await new Promise<void>((resolve) => service.#server.listen(0, "127.0.0.1", resolve));
    service.port = (service.#server.address() as AddressInfo).port;
    return service;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const session of this.sessions) session.destroy();
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }
}

async function stageWith(service: Http2Service, options: StageOptions = {}): Promise<Stage> {
  const local = { hostname: "127.0.0.1", port: service.port };
  return await stage({ ...options, service: { local, protocol: "h2c", ...options.service } });
}

test("A service with protocol h2c gets HTTP/2 from visitors of either version", async () => {
  const seen: Record<string, unknown>[] = [];
  await using service = await Http2Service.start((stream, fields) => {
    seen.push(fields);
    stream.respond({ ":status": 200, "set-cookie": ["a=1", "b=2"], "x-own": "value" }, {
      waitForTrailers: true,
    });
    stream.on("wantTrailers", () => stream.sendTrailers({ "x-sum": "abc" }));
    let bytes = 0;
    stream.on("data", (piece) => bytes += piece.length);
    stream.on("end", () => stream.end(`${bytes} bytes`));
  });
  await using world = await stageWith(service);
  await using visit = visitByHttp2(world.port);
  const stream = visit.request({ ":method": "POST", ":path": "/a" }, { endStream: false });
  stream.end("hello");
  const { status, headers, body, trailers } = await answerOf(stream);
  assert.deepEqual([status, body, headers["x-own"], trailers["x-sum"]], [200, "5 bytes", "value", "abc"]);
  assert.deepEqual(headers["set-cookie"], ["a=1", "b=2"]);
  const visitor = await world.visit();
  await visitor.write(
    request("POST /b", ["Content-Length: 3", "Connection: keep-alive, X-Hop", "X-Hop: 1"], "abc"),
  );
  assert.match(await visitor.head(), /^HTTP\/1\.1 200 [^]*\r\nTransfer-Encoding: chunked\r\n/);
  assert.equal(await visitor.until("abc\r\n\r\n"), "7\r\n3 bytes\r\n0\r\nx-sum: abc\r\n\r\n");
  assert.deepEqual(
    seen.map((fields) =>
      [":method", ":path", ":authority", "te", "content-length", "x-hop"].map((key) => fields[key])
    ),
    [
      ["POST", "/a", "app.test", "trailers", undefined, undefined],
      ["POST", "/b", "app.test", "trailers", "3", undefined],
    ],
  );
  assert.equal(seen[0]?.["x-forwarded-for"], "127.0.0.1");
});

test("Requests at once share one connection to the service, and those after its end get a new one", async () => {
  const waiting: ServerHttp2Stream[] = [];
  await using service = await Http2Service.start((stream) => waiting.push(stream));
  await using world = await stageWith(service);
  await using visit = visitByHttp2(world.port);
  const answers = Array.from({ length: 50 }, (_, index) => answerOf(visit.request({ ":path": `/${index}` })));
  await until(() => waiting.length === 50, "50 requests at once");
  assert.equal(service.sessions.length, 1);
  for (const stream of waiting.splice(0)) {
    stream.respond({ ":status": 204 }, { endStream: true });
  }
  for (const answer of answers) assert.equal((await answer).status, 204);
  service.sessions[0]?.close();
  const last = (async (): Promise<number> => {
    for (;;) {
      const { status } = await answerOf(visit.request({ ":method": "GET" }));
      if (status !== 502) return status;
    }
  })();
  await until(() => waiting.length > 0, "one more request");
  waiting[0]?.respond({ ":status": 204 }, { endStream: true });
  assert.equal(await last, 204);
  assert.equal(service.sessions.length, 2);
});

test("A service that cannot be reached, or speaks no HTTP/2, is answered for with 502", async () => {
  const gone = await Http2Service.start(() => {});
  await gone[Symbol.asyncDispose]();
  await using away = await stageWith(gone);
  await using visit = visitByHttp2(away.port);
  assert.equal((await answerOf(visit.request())).status, 502);
  await using world = await stage({ service: { protocol: "h2c" } });
  const visitor = await world.visit();
  await visitor.write(request("GET /"));
  const service = await world.next();
  await service.write("HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n");
  await service.socket.end();
  assert.equal((await visitor.response()).status, 502);
});

test("What a service cuts off or says wrongly never reaches a visitor as a whole response", async () => {
  await using service = await Http2Service.start((stream, fields) => {
    const { ":path": path } = fields;
    if (path === "/reset") {
      stream.respond({ ":status": 200 });
      stream.write("hello", () => stream.destroy(new Error("enough")));
    } else if (path === "/lost") {
      stream.respond({ ":status": 200 });
      stream.write("hello", () => stream.session?.destroy());
    } else {
      stream.respond({ ":status": 200, "content-length": "10" });
      stream.end(path === "/less" ? "hello" : "hello hello hello");
    }
  });
  await using world = await stageWith(service);
  for (const path of ["/reset", "/lost", "/less", "/more"]) {
    await using visit = visitByHttp2(world.port);
    const stream = visit.request({ ":path": path });
    const outcome = await answerOf(stream).then(({ status }) => status, () => "error");
    assert.ok([502, "error"].includes(outcome), `${path}: ${outcome}`);
    const visitor = await world.visit();
    await visitor.write(request(`GET ${path}`));
    const head = await visitor.head();
    if (head.startsWith("HTTP/1.1 502 ")) continue;
    const body = await visitor.rest().catch(() => "");
    assert.ok(!body.endsWith("0\r\n\r\n") && body.length < 10, `${path}: ${head}${body}`);
  }
});

test("A visitor that leaves ends the service's request, and nothing else", async () => {
  const streams: ServerHttp2Stream[] = [];
  await using service = await Http2Service.start((stream) => streams.push(stream));
  await using world = await stageWith(service);
  await using visit = visitByHttp2(world.port);
  const [left, stays] = [visit.request({ ":method": "POST" }, { endStream: false }), visit.request()];
  left.on("error", () => {});
  const answer = answerOf(stays);
  await until(() => streams.length === 2, "both requests");
  left.close(8);
  await until(() => streams.some(({ closed, destroyed }) => closed || destroyed), "the one to be ended");
  const open = streams.find(({ closed, destroyed }) => !closed && !destroyed);
  open?.respond({ ":status": 204 }, { endStream: true });
  assert.equal((await answer).status, 204);
});

test("Flow control reaches from the service to the visitor and back", async () => {
  let written = 0;
  const piece = new Uint8Array(64 * 1024);
  await using service = await Http2Service.start((stream, fields) => {
    stream.respond({ ":status": 200 });
    if (fields[":path"] === "/small") return void stream.end("ok");
    const push = (): void => {
      if (written === 64 * MIB) return void stream.end();
      stream.write(piece, (error) => {
        if (error) return;
        written += piece.length;
        push();
      });
    };
    push();
  });
  await using world = await stageWith(service);
  await using visit = visitByHttp2(world.port);
  const stream = visit.request();
  await new Promise((resolve) => stream.once("response", resolve));
  await untilStill(() => written, "the service to be stopped");
  assert.ok(written > 0 && written < 32 * MIB, `${written} bytes were taken`);
  assert.equal((await answerOf(visit.request({ ":path": "/small" }))).body, "ok");
  let read = 0;
  stream.on("data", (bytes) => read += bytes.length);
  await within(new Promise((resolve) => stream.once("close", resolve)), "the end", 40_000);
  assert.equal(read, 64 * MIB);
}, { timeoutMs: 60_000 });

test("A connection to a service that carries nothing is closed in time", async () => {
  await using service = await Http2Service.start((stream) =>
    stream.respond({ ":status": 204 }, { endStream: true })
  );
  await using world = await stageWith(service, { limits: { httpIdleOriginMs: 100 } });
  await using visit = visitByHttp2(world.port);
  assert.equal((await answerOf(visit.request())).status, 204);
  const [session] = service.sessions;
  await until(() => session?.destroyed === true, "the connection to be closed");
});
