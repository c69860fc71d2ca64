import assert from "node:assert/strict";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "../harness.ts";
import { until } from "../support/deadline.ts";
import { missing, startNginx } from "../support/programs.ts";
import { MIXES, nameOf, startProgram } from "../support/tunnel_process.ts";
import { Stage } from "./_stage.ts";
import { curl, type Echo, startOrigin, startWebServer } from "./_web.ts";

const DEADLINE_MS = 120_000;
const skip = missing("curl");
const skipNginx = missing("curl", "nginx");

for (const mix of MIXES) {
  test(`ferrotunnel http shows nginx by its hosts, and curl gets the page (${nameOf(mix)})`, async () => {
    await using stage = new Stage();
    mkdirSync(join(stage.folder, "www"));
    const page = "hello\n".repeat(20_000);
    writeFileSync(join(stage.folder, "www", "page.txt"), page);
    const nginx = await stage.run(startNginx(stage.folder));
    const server = await startWebServer(stage, mix.server);
    const port = server.httpPort;
    const client = stage.keep(startProgram([
      ...["http", String(nginx.port), "--server", `127.0.0.1:${server.port}`, "--name", "web"],
      ...["--host", "app.example.com", "--host", "*.preview.example.com"],
    ], { runtime: mix.client }));
    const [line] = await client.line(/^web .* → .*$/);
    assert.equal(line, `web  127.0.0.1:${nginx.port} → http://app.example.com:${port}/`);
    for (const host of ["app.example.com", `APP.Example.Com.:${port}`, "a.b.preview.example.com"]) {
      const { status, headers, body } = await curl(`http://${host}/page.txt`, { port });
      assert.equal(status, 200, host);
      assert.match(headers.get("server") ?? "", /^nginx/);
      assert.equal(body, page.trimEnd());
    }
    const byHeader = await curl(`http://127.0.0.1:${port}/page.txt`, {
      port,
      args: ["-H", "Host: app.example.com", "-r", "0-4"],
    });
    assert.deepEqual([byHeader.status, byHeader.body], [206, "hello"]);
    assert.equal((await curl("http://app.example.com/none", { port })).status, 404);
    const unknown = await curl("http://example.com/page.txt", { port });
    assert.equal(unknown.status, 404);
    assert.equal(unknown.headers.get("server"), undefined, "the tunnel's own answer");
  }, { skip: skipNginx, timeoutMs: DEADLINE_MS });

  test(`Hosts, paths and header rules of a configuration file hold (${nameOf(mix)})`, async () => {
    await using stage = new Stage();
    const [web, api] = [stage.keep(await startOrigin("web")), stage.keep(await startOrigin("api"))];
    const server = await startWebServer(stage, mix.server, ["--domain", "tunnel.test"]);
    const port = server.httpPort;
    const file = join(stage.folder, "client.yaml");
    writeFileSync(
      file,
      `server: 127.0.0.1:${server.port}
services:
  web:
    type: http
    local: ${web.port}
    hosts: [app.test]
    rewriteHost: app.internal
    requestHeaders: {set: {X-Set: one}, remove: [X-Gone]}
    responseHeaders: {set: {X-Frame-Options: DENY}, remove: [X-Powered-By]}
  api: {type: http, local: ${api.port}, hosts: [app.test], paths: [/api]}
  plain: {type: http, local: ${api.port}}
`,
    );
    const client = stage.keep(startProgram(["client", "--config", file], { runtime: mix.client }));
    for (const name of ["web", "api", "plain"]) await client.line(new RegExp(`^${name} .* → http:`));
    assert.ok(client.output().includes(`→ http://app.test:${port}/api`));
    assert.ok(client.output().includes(`→ http://plain.tunnel.test:${port}/`));

    const args = ["-H", "X-Gone: 1", "-H", "X-Set: two"];
    const root = await curl("http://app.test/x?y=1", { port, args });
    const seen = JSON.parse(root.body) as Echo;
    assert.deepEqual([seen.name, seen.url, seen.headers.host], ["web", "/x?y=1", "app.internal"]);
    assert.deepEqual([seen.headers["x-set"], seen.headers["x-gone"]], ["one", undefined]);
    assert.equal(seen.headers["x-forwarded-host"], "app.test");
    assert.equal(root.headers.get("x-frame-options"), "DENY");
    assert.equal(root.headers.get("x-powered-by"), undefined);

    const below = await curl("http://app.test/api/users", { port });
    assert.equal((JSON.parse(below.body) as Echo).name, "api");
    assert.equal(below.headers.get("x-powered-by"), "origin");
    const named = await curl("http://plain.tunnel.test/", { port });
    assert.equal((JSON.parse(named.body) as Echo).headers.host, "plain.tunnel.test");
    const sly = await curl("http://app.test/x/..%2fapi", { port, args: ["--path-as-is"] });
    assert.equal(sly.status, 404, "it could be either service's");
  }, { skip, timeoutMs: DEADLINE_MS });

  test(
    `A visitor is told to come back while a client is away, and served when it is back (${nameOf(mix)})`,
    async () => {
      await using stage = new Stage();
      const origin = stage.keep(await startOrigin("web"));
      const server = await startWebServer(stage, mix.server, ["--domain", "tunnel.test"]);
      const port = server.httpPort;
      const start = async (): Promise<ReturnType<typeof startProgram>> => {
        const service = [String(origin.port), "--name", "web"];
        const client = stage.keep(startProgram(
          ["http", ...service, "--server", `127.0.0.1:${server.port}`, "--tunnel-id", "home"],
          { runtime: mix.client },
        ));
        await client.line(/^web .* → http:\/\/web\.tunnel\.test/);
        return client;
      };
      const status = async (): Promise<number> => (await curl("http://web.tunnel.test/", { port })).status;
      const first = await start();
      assert.equal(await status(), 200);
      await first.kill();
      await server.program.line(/Client home disconnected/);
      const away = await curl("http://web.tunnel.test/", { port });
      assert.equal(away.status, 503);
      assert.match(away.headers.get("retry-after") ?? "", /^\d+$/);
      const second = await start();
      assert.equal(await status(), 200);
      second.signal("SIGTERM");
      assert.equal((await second.end()).code, 0);
      assert.equal(await status(), 404, "one that has said goodbye is gone");
      await start();
      assert.equal(await status(), 200);
    },
    { skip, timeoutMs: DEADLINE_MS },
  );
}

test("A server without a domain says why a service without hosts is refused", async () => {
  await using stage = new Stage();
  const server = await startWebServer(stage, MIXES[0]?.server ?? "deno");
  const client = stage.keep(startProgram(
    ["http", "1", "--server", `127.0.0.1:${server.port}`],
    { runtime: MIXES[0]?.client ?? "deno" },
  ));
  await client.line(
    /refused service .*: The server has no domain of its own: the service must name its hosts/,
  );
  await until(() => server.program.output().includes("Refused service"), "the server says so too");
}, { timeoutMs: DEADLINE_MS });
