import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { hashToken } from "../../src/tunnel/authenticator.ts";
import { test } from "../harness.ts";
import { portOf, service, World } from "../tunnel/world.ts";
import { Program, run } from "./support.ts";

const ADMIN = { FERROTUNNEL_ADMIN_TOKEN: "admin secret" };

function serverFile(tokens: readonly string[], more = ""): string {
  const entries = tokens.map((name) => `  - {name: ${name}, hash: "${hashToken(`token of ${name}`)}"}\n`);
  return `bind: 127.0.0.1:0\nserviceHost: 127.0.0.1\nadmin: {bind: "127.0.0.1:0"}\ntokens:\n${
    entries.join("")
  }${more}`;
}

async function inDirectory(use: (directory: string) => Promise<void>): Promise<void> {
  const directory = await mkdtemp(join(tmpdir(), "ferrotunnel-reload-"));
  try {
    await use(directory);
  } finally {
    await rm(directory, { recursive: true });
  }
}

test("`reload` has a server take other tokens while visitors go on, and a bad file changes nothing and says why", async () => {
  await using world = new World();
  const echo = await world.echo();
  await inDirectory(async (directory) => {
    const file = join(directory, "server.yaml");
    await writeFile(file, serverFile(["a", "b"]));
    await using server = new Program(["server", "--config", file], { environment: ADMIN });
    const port = Number((await server.until("out", /clients +127\.0\.0\.1:(\d+)/))[1]);
    const admin = (await server.until("out", /admin +http:\/\/([^/]+)\//))[1] ?? "";
    const reload = (): ReturnType<typeof run> =>
      run(["reload", "--admin-bind", admin], { environment: ADMIN });
    const clients = ["a", "b"].map((name) =>
      world.client(port, { token: `token of ${name}`, tunnelId: name, services: [service(name, echo.port)] })
    );
    const [a, b] = clients;
    const visitor = await world.visitor(portOf((await a!.client.ready)[0]?.publicUrl));
    await b!.client.ready;
    visitor.write("1");
    assert.equal(await visitor.readText(1), "1");

    await writeFile(file, serverFile(["a"], "limits: {maxSessions: 7}\ntcpBind: 127.0.0.1:0\n"));
    const done = await reload();
    assert.deepEqual([done.code, done.err], [0, ""]);
    assert.deepEqual(done.out.trim().split("\n"), [
      "Token b was removed",
      "Limits changed: maxSessions",
      "Not before a restart: tcpBind",
    ]);
    assert.match((await b!.events.next("disconnected")).reason, /The token b is not valid any more/);

    await writeFile(file, serverFile([], "tokens: oops\n"));
    const failed = await reload();
    assert.deepEqual([failed.code, failed.out], [1, ""]);
    assert.match(failed.err, /server\.yaml:\d+:\d+: /);
    await server.until("err", /Reload: nothing was changed: .*server\.yaml:\d+:\d+: /);
    visitor.write("2");
    assert.equal(await visitor.readText(1), "2", "who was there notices nothing");
    assert.deepEqual(a!.events.of("disconnected"), []);

    const wrong = await run(["reload", "--admin-bind", admin], {
      environment: { FERROTUNNEL_ADMIN_TOKEN: "wrong" },
    });
    assert.equal(wrong.code, 1);
    assert.match(wrong.err, /The admin endpoint answered 401/);
  });
});

test("`reload` has a server take other rules of HTTP; a plugin that does not start changes nothing", async () => {
  await inDirectory(async (directory) => {
    const file = join(directory, "server.yaml");
    const plugin = join(directory, "plugin.mjs");
    await writeFile(plugin, 'export default () => { throw new Error("It does not start"); };\n');
    const write = (http: string): Promise<void> => writeFile(file, serverFile(["a"], `http: {${http}}\n`));
    await write("bind: 127.0.0.1:0, domain: old.test");
    await using server = new Program(["server", "--config", file], { environment: ADMIN });
    const admin = (await server.until("out", /admin +http:\/\/([^/]+)\//))[1] ?? "";
    const reload = (): ReturnType<typeof run> =>
      run(["reload", "--admin-bind", admin], { environment: ADMIN });
    await write("bind: 127.0.0.1:1, domain: new.test");
    assert.deepEqual((await reload()).out.trim().split("\n"), [
      "Rules changed: http.domain",
      "Not before a restart: http.bind",
    ]);
    await write(`bind: 127.0.0.1:0, domain: bad.test, plugins: {bad: {type: module, path: ${plugin}}}`);
    const failed = await reload();
    assert.deepEqual([failed.code, failed.out], [1, ""]);
    assert.match(failed.err, /Cannot start the plugin bad: It does not start/);
    await write("bind: 127.0.0.1:0, domain: new.test");
    assert.equal((await reload()).out, "Nothing has changed\n", "the domain is still the one before");
  });
});

test("SIGHUP has a client show other services while visitors of the first go on", async () => {
  await using world = new World();
  const echo = await world.echo();
  const { port } = await world.server();
  await inDirectory(async (directory) => {
    const file = join(directory, "client.yaml");
    const common = `server: 127.0.0.1:${port}\ntoken: correct horse battery staple\nservices:\n`;
    const one = `  one: {type: tcp, local: ${echo.port}, remotePort: 0}\n`;
    await writeFile(file, common + one);
    await using client = new Program(["client", "--config", file]);
    const visitor = await world.visitor(Number((await client.until("out", /one .*:(\d+)\n/))[1]));
    visitor.write("1");
    assert.equal(await visitor.readText(1), "1");
    await writeFile(file, `${common}${one}${one.replace("one", "two")}`);
    client.signal("SIGHUP");
    await client.until("err", /Reload: Service two was added/);
    await client.until("out", /two .*:(\d+)\n/);
    visitor.write("2");
    assert.equal(await visitor.readText(1), "2");
    await writeFile(file, "server: 5\n");
    client.signal("SIGHUP");
    await client.until("err", /Reload: nothing was changed: .*client\.yaml:1:/);
    await visitor.destroy();
    client.signal("SIGTERM");
    assert.equal((await client.finish()).code, 0);
  });
});

test("`reload` says what it lacks, and that nobody answers", async () => {
  const none = await run(["reload"]);
  assert.equal(none.code, 2);
  assert.match(none.err, /Give the admin endpoint: --admin-bind/);
  const noToken = await run(["reload", "--admin-bind", "127.0.0.1:9"]);
  assert.equal(noToken.code, 2);
  assert.match(noToken.err, /Give the admin token/);
  const nobody = await run(["reload", "--admin-bind", "127.0.0.1:9"], { environment: ADMIN });
  assert.equal(nobody.code, 1);
  assert.match(nobody.err, /Cannot ask the admin endpoint at http:\/\/127\.0\.0\.1:9\//);
});
