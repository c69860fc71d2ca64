import assert from "node:assert/strict";
import { test } from "../harness.ts";
import { HTTP_PORT, HTTPS_PORT, httpService, joined, registerHttp, routedServer } from "./http_world.ts";
import { World } from "./world.ts";

test("A service over HTTP is found by its host and path, with what its client wants done", async () => {
  await using world = new World();
  const { server, port, route, events } = await routedServer(world);
  const { client } = world.client(port, {
    tunnelId: "home",
    services: [
      httpService("web", {
        hosts: ["*.preview.example.com", "App.example.com"],
        rewriteHost: "app.internal",
        requestHeaders: { set: { "X-A": "1" }, remove: ["Cookie"] },
      }),
      httpService("api", { hosts: ["app.example.com"], paths: ["/api"] }),
    ],
  });
  const states = await client.ready;
  assert.deepEqual(states.map(({ publicUrl, error }) => [publicUrl, error]), [
    [`http://app.example.com:${HTTP_PORT}/`, undefined],
    [`http://app.example.com:${HTTP_PORT}/api`, undefined],
  ]);
  const found = route("app.example.com", "/x");
  assert.ok(found.state === "found");
  assert.deepEqual([found.service, found.tunnelId], ["web", "home"]);
  assert.deepEqual(found.policy, {
    rewriteHost: "app.internal",
    requestHeaders: { set: [["x-a", "1"]], remove: ["cookie"] },
    responseHeaders: { set: [], remove: [] },
    plugins: [],
    protocol: "http1",
  });
  const again = route("x.preview.example.com", "/api");
  assert.ok(again.state === "found" && again.policy === found.policy, "one value for all requests");
  const api = route("app.example.com", "/api?x");
  assert.ok(api.state === "found");
  assert.equal(api.service, "api");
  for (const host of ["example.com", "preview.example.com", "web"]) {
    assert.deepEqual(route(host), { state: "unknown" }, host);
  }
  const address = { hostname: "127.0.0.1", port: HTTP_PORT };
  assert.deepEqual(events.of("service_registered"), [
    {
      type: "service_registered",
      service: "web",
      tunnelId: "home",
      address,
      publicUrl: states[0]?.publicUrl,
    },
    {
      type: "service_registered",
      service: "api",
      tunnelId: "home",
      address,
      publicUrl: states[1]?.publicUrl,
    },
  ]);
  const status = server.status();
  assert.equal(status.httpAddress, `127.0.0.1:${HTTP_PORT}`);
  assert.equal(status.httpsAddress, undefined);
  assert.deepEqual(status.services[0], {
    name: "web",
    kind: "http",
    mode: "multiplexed",
    tunnelId: "home",
    online: true,
    address: `127.0.0.1:${HTTP_PORT}`,
    publicUrl: `http://app.example.com:${HTTP_PORT}/`,
    hosts: ["*.preview.example.com", "app.example.com"],
    paths: ["/"],
  });
});

test("Public URLs name HTTPS where it is served, and the port where it is not the usual one", async () => {
  const https = { bind: { hostname: "127.0.0.1", port: HTTPS_PORT }, certificates: [{ cert: "", key: "" }] };
  const bind = { hostname: "127.0.0.1", port: HTTP_PORT };
  const cases = [
    [{ bind }, `http://a.b:${HTTP_PORT}/`],
    [{ bind, publicPort: 80 }, "http://a.b/"],
    [{ bind, publicPort: 443 }, "http://a.b:443/"],
    [{ https }, `https://a.b:${HTTPS_PORT}/`],
    [{ bind, https }, `https://a.b:${HTTPS_PORT}/`],
    [{ bind, publicPort: 80, https: { ...https, publicPort: 443 } }, "https://a.b/"],
    [{ https: { ...https, publicPort: 80 } }, "https://a.b:80/"],
  ] as const;
  for (const [http, url] of cases) {
    await using world = new World();
    const { port } = await routedServer(world, { http });
    const puppet = await joined(world, port, "one");
    assert.equal((await registerHttp(puppet, "web", { "host.0": "a.b" })).publicUrl, url);
    const pattern = url.replace("a.b", "*.c");
    assert.equal((await registerHttp(puppet, "all", { "host.0": "*.c" })).publicUrl, pattern);
  }
});

test("The ports are bound as the options say, and closed with the server", async () => {
  await using world = new World();
  const https = {
    bind: { hostname: "127.0.0.1", port: HTTPS_PORT },
    certificates: [{ cert: "c", key: "k" }],
    publicPort: 443,
    redirect: true,
  };
  const http = { bind: { hostname: "127.0.0.1", port: HTTP_PORT }, https, trustedProxies: ["10.0.0.0/8"] };
  const { server, ports, closedPorts } = await routedServer(world, { http });
  assert.deepEqual(ports.map(({ routes: _, ...port }) => port), [
    { address: https.bind, http, https },
    { address: http.bind, http, redirectToPort: 443 },
  ]);
  assert.equal(server.httpsAddress?.port, HTTPS_PORT);
  await server.stop();
  assert.equal(closedPorts(), 2);
});

test("A service without hosts gets its name below the server's domain, if it has one", async () => {
  await using world = new World();
  const { port, route } = await routedServer(world, { http: { domain: "Example.com." } });
  const puppet = await joined(world, port, "one");
  assert.equal((await registerHttp(puppet, "Web")).publicUrl, `http://web.example.com:${HTTP_PORT}/`);
  assert.equal(route("web.example.com").state, "found");
  const same = await registerHttp(puppet, "wEB");
  assert.equal(same.status, "service_name_taken");
  assert.match(same.publicUrl, /Host web.example.com with path \/ belongs to another service of this client/);
  const odd = await registerHttp(puppet, "a..b");
  assert.equal(odd.status, "quota_exceeded");
  assert.match(odd.publicUrl, /Name a\.\.b cannot be part of a host/);

  const bare = await routedServer(world);
  const other = await joined(world, bare.port, "one");
  const { status, publicUrl } = await registerHttp(other, "web");
  assert.equal(status, "quota_exceeded");
  assert.match(publicUrl, /The server has no domain of its own: the service must name its hosts/);
});

test("A server without HTTP ports, and one without the plugin, refuse with the reason", async () => {
  await using world = new World();
  const { port } = await world.server();
  const plain = await joined(world, port, "one");
  const answer = await registerHttp(plain, "web", { "host.0": "a" });
  assert.deepEqual([answer.status, answer.publicUrl], [
    "quota_exceeded",
    "The server has no port for HTTP services",
  ]);

  const routed = await routedServer(world, { plugins: ["login"] });
  const puppet = await joined(world, routed.port, "one");
  const metadata = { "host.0": "a", "plugin.0": "login" };
  assert.equal((await registerHttp(puppet, "web", metadata)).status, "success");
  const refusal = await registerHttp(puppet, "web", { ...metadata, "plugin.1": "limit" });
  assert.deepEqual([refusal.status, refusal.publicUrl], ["quota_exceeded", "The server has no plugin limit"]);
  assert.deepEqual(routed.route("a"), { state: "unknown" }, "what is refused is not served as it was before");
  assert.equal(routed.server.counters.get("registrations_refused", "quota_exceeded"), 1);
});

test("What a registration says is checked by the server too", async () => {
  await using world = new World();
  const { port } = await routedServer(world);
  const puppet = await joined(world, port, "one");
  const wrong = [
    { "host.0": "a b" },
    { "host.0": "a", "path.0": "x" },
    { "host.0": "a", "rewrite_host": "a b" },
    { "host.0": "a", "request_set.host": "b" },
    { "host.0": "a", "response_set.x": "a\r\nb" },
    { "host.0": "a", "response_remove.0": "content-length" },
  ];
  for (const metadata of wrong) {
    assert.equal(
      (await registerHttp(puppet, "web", metadata)).status,
      "quota_exceeded",
      JSON.stringify(metadata),
    );
  }
  assert.equal((await registerHttp(puppet, "web", { "host.0": "a", "later": "?" })).status, "success");
});

test("The server allows the hosts that it lists, those below its domain, and no pattern over its domain", async () => {
  await using world = new World();
  const allowHosts = ["a.example", "*.b.example"];
  const { port } = await routedServer(world, { http: { domain: "tunnel.example", allowHosts } });
  const puppet = await joined(world, port, "one");
  const good = [
    "a.example",
    "x.b.example",
    "*.b.example",
    "*.x.b.example",
    "y.tunnel.example",
    "*.y.tunnel.example",
  ];
  const bad = [
    "b.example",
    "x.a.example",
    "*.a.example",
    "*.example",
    "tunnel.example",
    "c.example",
    "[::1]",
  ];
  for (const host of good) {
    assert.equal((await registerHttp(puppet, "web", { "host.0": host })).status, "success", host);
  }
  for (const host of bad) {
    const { status, publicUrl } = await registerHttp(puppet, "web", { "host.0": host });
    assert.equal(status, "quota_exceeded", host);
    if (host === "*.example") assert.match(publicUrl, /covers the server's own domain tunnel\.example/);
    else {
      const allowed = "which allows a.example, *.b.example and names below tunnel.example";
      assert.equal(publicUrl, `Host ${host} is not allowed by the server, ${allowed}`);
    }
  }
  const { publicUrl } = await registerHttp(puppet, "web", { "host.0": "*.tunnel.example" });
  assert.match(publicUrl, /covers the server's own domain/);
  const open = await routedServer(world, {
    http: { domain: "tunnel.example", allowHosts: ["*.tunnel.example"] },
  });
  const other = await joined(world, open.port, "one");
  assert.equal((await registerHttp(other, "web", { "host.0": "*.tunnel.example" })).status, "success");
});
