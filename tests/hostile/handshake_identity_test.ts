import assert from "node:assert/strict";
import { encodeControl } from "../../src/wire/control.ts";
import { test } from "../harness.ts";
import { OTHER_TOKEN, portOf, service, TOKEN, until, World } from "../tunnel/world.ts";

const CLIENTS = 100;
const NAMES = 10;

test("H8: of a thousand registrations that race for ten names, exactly ten win", async () => {
  await using world = new World();
  const { server, port } = await world.server({ limits: { maxUnauthenticatedPerAddress: CLIENTS } });
  const puppets = await Promise.all(Array.from({ length: CLIENTS }, async (_, index) => {
    const puppet = await world.puppet(port);
    await puppet.handshake({ token: index % 2 === 0 ? TOKEN : OTHER_TOKEN, tunnelId: `client ${index}` });
    return puppet;
  }));
  const names = Array.from({ length: NAMES }, (_, index) => `name-${index}`);
  const winners = new Map<string, number>();
  const ports = new Set<number>();
  let refusals = 0;
  // All questions leave before any answer is read.
  puppets.forEach((puppet, index) => {
    for (const offset of names.keys()) {
      const serviceName = names[(index + offset) % NAMES] ?? "";
      const metadata = new Map([["remote_port", "0"]]);
      puppet.sendRaw(encodeControl({ type: "register", serviceName, protocol: "tcp", metadata }));
    }
  });
  for (const [index, puppet] of puppets.entries()) {
    for (const offset of names.keys()) {
      const { status, publicUrl } = await puppet.expect("register_ack");
      if (status === "success") {
        const name = names[(index + offset) % NAMES] ?? "";
        assert.equal(winners.has(name), false, `${name} was given twice`);
        winners.set(name, index);
        ports.add(portOf(publicUrl));
      } else {
        assert.equal(status, "service_name_taken");
        refusals++;
      }
    }
  }
  assert.equal(winners.size, NAMES);
  assert.equal(ports.size, NAMES);
  assert.equal(refusals, CLIENTS * NAMES - NAMES);
  const owners = server.status().services.map(({ name, tunnelId }) => [name, tunnelId]);
  assert.deepEqual(owners.sort(), [...winners].map(([name, index]) => [name, `client ${index}`]).sort());
});

test("H8: of a hundred clients that race for one tunnel id, exactly one is in at the end", async () => {
  await using world = new World();
  const { server, port } = await world.server({ limits: { maxUnauthenticatedPerAddress: CLIENTS } });
  const puppets = await Promise.all(Array.from({ length: CLIENTS }, () => world.puppet(port)));
  const answers = puppets.map((puppet) => puppet.handshake({ token: TOKEN, tunnelId: "home" }));
  // The one that is in answers the others' probes, as a living client does.
  for (const puppet of puppets) puppet.answersHeartbeats = true;
  const statuses = (await Promise.all(answers)).map(({ status }) => status);
  assert.equal(statuses.filter((status) => status === "success").length, 1);
  assert.equal(statuses.filter((status) => status === "tunnel_id_taken").length, CLIENTS - 1);
  assert.equal(server.status().clients.length, 1);
});

test("H14: a client dials only what its own configuration names, whatever its server asks for", async () => {
  await using world = new World();
  const puppets = await world.puppetServer();
  const [configured, other] = [await world.echo(), await world.echo()];
  const { client } = world.client(puppets.port, {
    services: [service("one", configured.port), service("two", configured.port)],
  });
  const puppet = await puppets.accepted();
  await puppet.welcome();
  for (const name of ["one", "two"]) {
    await puppet.expect("register");
    puppet.send({ type: "register_ack", publicUrl: `tcp://${name}.example:1`, status: "success" });
  }
  await client.ready;
  const target = `127.0.0.1:${other.port}`;
  const requests: (readonly (readonly [string, string])[])[] = [
    [],
    [["service", ""]],
    [["service", "three"]],
    [["service", "One"]],
    [["service", "one "]],
    [["service", target]],
    [["service", "__proto__"]],
    [["host", target], ["target", target], ["visitor", target]],
    [["service", `one@${target}`], ["local", target]],
  ];
  let streamId = 0;
  for (const headers of requests) {
    streamId += 2;
    puppet.send({
      type: "open_stream",
      streamId,
      protocol: "tcp",
      headers,
      bodyHint: undefined,
      priority: "normal",
    });
    const { streamId: closed, reason } = await puppet.expect("close_stream");
    assert.equal(closed, streamId);
    assert.equal(reason.kind, "error");
  }
  assert.equal(configured.sockets.length + other.sockets.length, 0, "nothing was dialled");
  // What it names is dialled where the configuration says, wherever the server would like to have it.
  const headers = [["service", "one"], ["local", target], ["service", target]] as const;
  puppet.send({
    type: "open_stream",
    streamId: streamId + 2,
    protocol: "tcp",
    headers,
    bodyHint: undefined,
    priority: "normal",
  });
  assert.equal((await puppet.expect("stream_ack")).status, "accepted");
  await until(() => configured.sockets.length === 1);
  assert.equal(other.sockets.length, 0);
});

test("H15: a public port leads to exactly one client", async () => {
  await using world = new World();
  const { port } = await world.server();
  const tenants = [];
  for (const [index, token] of [TOKEN, OTHER_TOKEN].entries()) {
    const answer = await world.service((socket) => {
      socket.write(`tenant ${index}`);
      socket.end();
    });
    const options = { token, tunnelId: `tenant ${index}`, services: [service(`web-${index}`, answer.port)] };
    const { client } = world.client(port, options);
    tenants.push(portOf((await client.ready)[0]?.publicUrl));
  }
  for (let round = 0; round < 5; round++) {
    for (const [index, publicPort] of tenants.entries()) {
      const visitor = await world.visitor(publicPort);
      assert.equal(await visitor.readText(100), `tenant ${index}`);
      visitor.end();
    }
  }
});
