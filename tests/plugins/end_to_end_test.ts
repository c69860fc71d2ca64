import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { once } from "node:events";
import { createServer, type IncomingHttpHeaders, request as httpRequest } from "node:http";
import {
  basicAuth,
  circuitBreaker,
  type ClientEvent,
  hashPassword,
  headers,
  type HttpServerOptions,
  type HttpServiceOptions,
  ipFilter,
  type Plugin,
  rateLimit,
  requestLog,
  type RequestVerdict,
  type ResponseVerdict,
  type RunningServer,
  startClient,
  startServer,
  tokenAuth,
  TunnelError,
} from "../../mod.ts";
import { test } from "../harness.ts";

const TOKEN = "correct horse battery staple";
const LOOPBACK = { hostname: "127.0.0.1", port: 0 };

interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

/** Asks for something, each time on a new connection. */
async function visit(
  server: RunningServer,
  options: { path?: string; headers?: Record<string, string>; body?: string } = {},
): Promise<Answer> {
  const { path = "/", body } = options;
  const request = httpRequest({
    host: "127.0.0.1",
    port: server.httpAddress?.port,
    path,
    method: body === undefined ? "GET" : "POST",
    headers: { host: "web.example", connection: "close", ...options.headers },
  });
  request.end(body);
  const [response] = await once(request, "response");
  let text = "";
  response.setEncoding("utf8");
  response.on("data", (chunk: string) => text += chunk);
  await once(response, "end");
  return { status: response.statusCode, headers: response.headers, body: text };
}

/** A server with plugins, and a client whose service says what it was asked. */
async function world(
  http: Pick<HttpServerOptions, "plugins" | "use" | "services">,
  run: (server: RunningServer, service: { visits: number; status: number }) => Promise<void>,
  wanted: Partial<HttpServiceOptions> & { limitMs?: number } = {},
): Promise<void> {
  const state = { visits: 0, status: 200 };
  const origin = createServer((request, response) => {
    state.visits++;
    let body = "";
    request.setEncoding("utf8").on("data", (chunk: string) => body += chunk).on("end", () => {
      response.writeHead(state.status, { "content-type": "text/plain", server: "secret 1.0" });
      response.end(JSON.stringify({ url: request.url, headers: request.headers, body }));
    });
  });
  origin.listen(0, "127.0.0.1");
  await once(origin, "listening");
  const address = origin.address();
  assert.ok(typeof address === "object" && address !== null);
  const { limitMs, ...service } = wanted;
  const server = await startServer({
    bind: LOOPBACK,
    tokens: [{ name: "a", token: TOKEN }],
    http: { bind: LOOPBACK, ...http },
    limits: limitMs === undefined ? {} : { pluginTimeoutMs: limitMs },
  });
  const client = startClient({
    server: server.address,
    token: TOKEN,
    tunnelId: "box",
    services: [{
      name: "web",
      kind: "http",
      local: { hostname: "127.0.0.1", port: address.port },
      hosts: ["web.example"],
      ...service,
    }],
  });
  try {
    await client.ready;
    await run(server, state);
  } finally {
    await client.stop();
    await server.stop();
    origin.close();
    origin.closeAllConnections();
  }
}

test("Visitors come through the built-in plugins, or are turned away before the tunnel", async () => {
  const lines: string[] = [];
  const plugins = {
    log: requestLog({ write: (line) => void lines.push(line) }),
    home: ipFilter({ allow: ["127.0.0.0/8"] }),
    key: tokenAuth({ tokens: ["sesame"], header: "X-Key" }),
    login: basicAuth({
      users: { ada: await hashPassword("geheim", { cost: 2, blockSize: 1, parallel: 1 }) },
    }),
    edit: headers({
      request: { set: { "X-Visitor": "${visitor} ${service} ${tunnelId}" } },
      response: { remove: ["Server"], set: { "X-Id": "${requestId}" } },
    }),
  };
  const services = { web: { use: ["key"] }, "*.example": { use: ["edit"] } };
  await world({ plugins, use: ["log", "home"], services }, async (server, service) => {
    const refused = await visit(server, { headers: { accept: "application/json" } });
    assert.equal(refused.status, 401);
    assert.equal(JSON.parse(refused.body).status, 401);
    const noLogin = await visit(server, { headers: { "x-key": "sesame" } });
    assert.equal(noLogin.status, 401);
    assert.match(noLogin.headers["www-authenticate"] ?? "", /^Basic realm="Restricted"/);
    assert.equal(service.visits, 0);

    const authorization = `Basic ${Buffer.from("ada:geheim").toString("base64")}`;
    for (let round = 0; round < 2; round++) {
      const body = "hello ".repeat(1_000);
      const answer = await visit(server, {
        path: "/a?token=canary",
        headers: { "x-key": "sesame", authorization },
        body,
      });
      assert.equal(answer.status, 200);
      const seen = JSON.parse(answer.body);
      assert.equal(seen.url, "/a?token=canary");
      assert.equal(seen.body, body);
      assert.equal(seen.headers["x-visitor"], "127.0.0.1 web box");
      assert.equal(seen.headers["x-key"], undefined);
      assert.equal(seen.headers.authorization, undefined);
      assert.equal(answer.headers.server, undefined);
      assert.equal(answer.headers["x-id"], seen.headers["x-request-id"]);
    }
    assert.equal(server.counters.get("plugin_answers", "key"), 1);
    assert.equal(server.counters.get("plugin_answers", "login"), 1);
  }, { plugins: ["login"] });
  assert.equal(lines.length, 4);
  assert.deepEqual(lines.map((line) => /" (\d+) /.exec(line)?.[1]), ["401", "401", "200", "200"]);
  assert.match(
    lines[3] ?? "",
    /^127\.0\.0\.1 - - .*"POST \/a\?token=REDACTED HTTP\/1\.1" 200 [1-9]\d+ web\.example /,
  );
});

test("rateLimit() and circuitBreaker() spare the service", async () => {
  const plugins = { limit: rateLimit({ perSecond: 0.001, burst: 3 }) };
  await world({ plugins, use: ["limit"] }, async (server, service) => {
    for (const status of [200, 200, 200, 429]) assert.equal((await visit(server)).status, status);
    assert.equal(service.visits, 3);
    const { headers: fields } = await visit(server);
    assert.ok(Number(fields["retry-after"]) > 900);
  });
  const breaker = { breaker: circuitBreaker({ failures: 2, openMs: 60_000, windowMs: 60_000 }) };
  await world({ plugins: breaker, use: ["breaker"] }, async (server, service) => {
    service.status = 500;
    for (const status of [500, 500, 503]) assert.equal((await visit(server)).status, status);
    assert.equal(service.visits, 2);
  });
});

test("A plugin by value answers, changes targets, status and both bodies, and is closed in the end", async () => {
  const ends: unknown[] = [];
  const upper = (): TransformStream<Uint8Array, Uint8Array> =>
    new TransformStream({
      transform: (chunk, controller) =>
        controller.enqueue(new TextEncoder().encode(new TextDecoder().decode(chunk).toUpperCase())),
    });
  const mine: Plugin = {
    name: "mine",
    onRequest(request): RequestVerdict {
      if (request.target === "/tea") {
        return { answer: { status: 418, headers: [["x-pot", "tea"]], body: "short and stout" } };
      }
      if (request.target === "/plain") return undefined;
      request.target = "/changed";
      return { body: upper() };
    },
    onResponse(response, { target }): Promise<ResponseVerdict> | undefined {
      if (target !== "/changed") return undefined;
      response.status = 201;
      return Promise.resolve({ body: upper() });
    },
    onEnd: (outcome) =>
      void ends.push([outcome.status, outcome.from, outcome.complete, outcome.requestBytes]),
    close: () => void ends.push("closed"),
  };
  await world({ plugins: { mine: () => mine }, use: ["mine"] }, async (server) => {
    const tea = await visit(server, { path: "/tea" });
    assert.deepEqual([tea.status, tea.body, tea.headers["x-pot"]], [418, "short and stout", "tea"]);
    assert.equal(JSON.parse((await visit(server, { path: "/plain" })).body).url, "/plain");
    const changed = await visit(server, { path: "/x", body: "hello" });
    assert.equal(changed.status, 201);
    const seen = JSON.parse(changed.body);
    assert.deepEqual([seen.URL, seen.BODY], ["/CHANGED", "HELLO"]);
  });
  assert.deepEqual(ends, [
    [418, "plugin", true, 0],
    [200, "service", true, 0],
    [201, "service", true, 5],
    "closed",
  ]);
});

const BROKEN: [name: string, plugin: Omit<Plugin, "name">][] = [
  ["throws", {
    onRequest(): never {
      throw new Error("canary");
    },
  }],
  ["hangs", { onRequest: () => new Promise(() => {}) }],
  ["answers nonsense", { onRequest: () => ({ answer: { status: 99 } }) }],
  ["throws over the response", {
    onResponse(): never {
      throw new Error("canary");
    },
  }],
  ["hangs over the response", { onResponse: () => new Promise(() => {}) }],
];
for (const [name, plugin] of BROKEN) {
  test(`A plugin that ${name} is answered with 500, and the server goes on`, async () => {
    const broken = { ...plugin, name: "broken" };
    const failing = { broken: () => broken };
    await world({ plugins: failing, services: { "web.example": { use: ["broken"] } } }, async (server) => {
      const { status, body } = await visit(server);
      assert.equal(status, 500);
      assert.ok(!body.includes("canary"), body);
      assert.equal(server.counters.get("plugin_failures", "broken"), 1);
    }, { limitMs: 50 });
    const open = { broken: () => ({ ...broken, failOpen: true }) };
    await world({ plugins: open, use: ["broken"] }, async (server) => {
      assert.equal((await visit(server)).status, 200);
      assert.equal(server.counters.get("plugin_failures", "broken"), 1);
    }, { limitMs: 50 });
  });
}

test("A service that asks for a plugin that the server has not is refused", async () => {
  const server = await startServer({
    bind: LOOPBACK,
    tokens: [{ name: "a", token: TOKEN }],
    http: { bind: LOOPBACK, plugins: { log: requestLog() } },
  });
  const { promise, resolve } = Promise.withResolvers<ClientEvent>();
  const client = startClient({
    server: server.address,
    token: TOKEN,
    tunnelId: "box",
    services: [{ name: "web", kind: "http", local: LOOPBACK, hosts: ["web.example"], plugins: ["lgo"] }],
  }, { onEvent: (event) => event.type === "service_refused" && resolve(event) });
  const event = await promise;
  assert.ok(event.type === "service_refused");
  assert.match(event.reason, /lgo/);
  await client.stop();
  await server.stop();
});

test("startServer() fails when a plugin cannot be made or is named that is not there, and closes the others", async () => {
  let closed = 0;
  const good = (): Plugin => ({ name: "good", close: () => void closed++ });
  const start = (http: Omit<HttpServerOptions, "bind">): Promise<RunningServer> =>
    startServer({ bind: LOOPBACK, tokens: [{ name: "a", token: TOKEN }], http: { bind: LOOPBACK, ...http } });
  const bad = (): Plugin => {
    throw new Error("no luck");
  };
  await assert.rejects(start({ plugins: { good, bad } }), (error) => {
    assert.ok(error instanceof TunnelError);
    assert.equal(error.code, "CONFIG");
    return true;
  });
  assert.equal(closed, 1);
  await assert.rejects(start({ plugins: { good }, use: ["godo"] }), TypeError);
  assert.equal(closed, 2);
});
