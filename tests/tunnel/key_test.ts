import assert from "node:assert/strict";
import { generatePrivateKey, parsePrivateKey } from "../../src/trust/client_key.ts";
import { FREE_FAILURES } from "../../src/tunnel/authenticator.ts";
import { AUTHENTICATION_FAILURE_DELAY_MS } from "../../src/tunnel/server_session.ts";
import { formatCapabilities, parseCapabilities } from "../../src/wire/capabilities.ts";
import type { ClientOptions } from "../../src/tunnel/options.ts";
import { test } from "../harness.ts";
import { KEY_PROOF } from "../wire/vectors_key.ts";
import { FakeClock } from "./fake_clock.ts";
import { OTHER_TOKEN, portOf, roundTrip, service, type TestClient, World } from "./world.ts";

const PEM = generatePrivateKey();
const { publicKey } = parsePrivateKey(PEM)!;

function keyClient(world: World, port: number, more: Partial<ClientOptions>): TestClient {
  const { services = [], ...rest } = more;
  return world.client(port, { services, privateKey: PEM, ...{ token: undefined as never }, ...rest });
}

test("A client proves its key, registers, and comes back", async () => {
  await using world = new World();
  const echo = await world.echo();
  const { server, port } = await world.server({
    tokens: [],
    keys: [{ name: "laptop", publicKey: publicKey.text }],
  });
  const relay = await world.relay(port);
  const { client, events } = keyClient(world, relay.port, { services: [service("echo", echo.port)] });
  const [state] = await client.ready;
  assert.equal(await roundTrip(world, portOf(state?.publicUrl), "hello"), "hello");
  assert.deepEqual(server.status().clients.map(({ token }) => token), ["laptop"]);
  await events.next("connected");
  await relay.cut();
  await events.next("connected");
});

test("Direct connections prove the key too", async () => {
  await using world = new World();
  const echo = await world.echo();
  const { port } = await world.server({ tokens: [], keys: [{ name: "laptop", publicKey: publicKey.text }] });
  const services = [service("echo", echo.port, { mode: "direct" })];
  const { client } = keyClient(world, port, { services, directPool: 1 });
  const [state] = await client.ready;
  assert.equal(await roundTrip(world, portOf(state?.publicUrl), "direct"), "direct");
  assert.equal(client.counters.get("streams_opened", "direct"), 1);
});

test("A client whose key the server does not know is told so, and gives up", async () => {
  await using world = new World();
  const { port } = await world.server();
  const { client } = keyClient(world, port, { services: [service("echo", 1)] });
  await assert.rejects(client.ready, /The server refused the key, or is too old to know keys/);
});

test("A server that knows no keys refuses, and the client says what may be the reason", async () => {
  await using world = new World();
  const server = await world.puppetServer();
  const { client } = keyClient(world, server.port, { services: [service("echo", 1)] });
  const puppet = await server.accepted();
  const hello = await puppet.expect("handshake");
  assert.equal(hello.token, "");
  puppet.answer("invalid_token");
  await assert.rejects(client.ready, /is too old to know keys/);
});

test("A client answers one challenge, and takes a second one for a refusal", async () => {
  await using world = new World();
  const server = await world.puppetServer();
  const { client } = keyClient(world, server.port, { services: [service("echo", 1)] });
  const puppet = await server.accepted();
  const capabilities = formatCapabilities({
    window: undefined,
    services: false,
    key: { nonce: "0".repeat(32) },
  });
  const ask = {
    type: "handshake_ack",
    sessionId: new Uint8Array(16),
    status: "invalid_token",
    version: 0,
  } as const;
  await puppet.expect("handshake");
  puppet.send({ ...ask, capabilities });
  const proof = await puppet.expect("handshake");
  assert.deepEqual(parseCapabilities(proof.capabilities).key, { tls: "none" });
  puppet.send({ ...ask, capabilities });
  await assert.rejects(client.ready, /The server refused the key/);
});

test("H2: a wrong proof, a missing one and an unknown key get the same bytes after the same delay", async () => {
  await using world = new World();
  const clock = new FakeClock();
  const ids = [publicKey.id, publicKey.id, "0".repeat(32)];
  const tokens = [KEY_PROOF.token, "", KEY_PROOF.token];
  const answers: number[][] = [];
  for (const [index, id] of ids.entries()) {
    const { port } = await world.server({ keys: [{ name: "laptop", publicKey: publicKey.text }] }, { clock });
    const puppet = await world.puppet(port);
    const capabilities = formatCapabilities({ window: 65536, services: true, key: { id } });
    const hello = { token: "", tunnelId: "home", capabilities };
    const question = await puppet.handshake(hello);
    assert.equal(question.status, "invalid_token");
    assert.ok("nonce" in (parseCapabilities(question.capabilities).key ?? {}));
    const raw: number[] = [];
    puppet.tap = (bytes) => raw.push(...bytes);
    puppet.send({ ...KEY_PROOF, token: tokens[index] ?? "" });
    await clock.timerOf(AUTHENTICATION_FAILURE_DELAY_MS);
    clock.advance(AUTHENTICATION_FAILURE_DELAY_MS - 1);
    const other = await world.puppet(port); // Its answer comes after anything that was sent to the first.
    assert.equal((await other.handshake({ token: OTHER_TOKEN })).status, "success");
    assert.deepEqual(raw, []);
    clock.advance(1);
    await puppet.closed;
    answers.push(raw);
  }
  for (const answer of answers) {
    assert.deepEqual(answer, [0, 0, 0, 0x16, 0, 1, 16, ...new Array<number>(16).fill(0), 1, 0, 0]);
  }
});

test("H4: wrong proofs are counted by address as wrong tokens are", async () => {
  await using world = new World();
  const clock = new FakeClock();
  const { port, events } = await world.server({}, { clock });
  const capabilities = formatCapabilities({ window: 65536, services: true, key: { id: publicKey.id } });
  for (let failure = 0; failure <= FREE_FAILURES; failure++) {
    const puppet = await world.puppet(port);
    await puppet.handshake({ token: "", capabilities });
    puppet.send(KEY_PROOF);
    await clock.timerOf(AUTHENTICATION_FAILURE_DELAY_MS);
    clock.advance(AUTHENTICATION_FAILURE_DELAY_MS);
    assert.equal((await events.next("client_refused")).reason, "invalid_token");
  }
  const puppet = await world.puppet(port);
  assert.equal((await puppet.handshake({ token: "", capabilities })).status, "rate_limited");
});

test("After a challenge one proof is taken; another handshake ends the session", async () => {
  await using world = new World();
  const { server, port } = await world.server({ keys: [{ name: "laptop", publicKey: publicKey.text }] });
  const puppet = await world.puppet(port);
  const capabilities = formatCapabilities({ window: 65536, services: true, key: { id: publicKey.id } });
  await puppet.handshake({ token: "", capabilities });
  puppet.send(KEY_PROOF);
  puppet.send(KEY_PROOF);
  await puppet.closed;
  assert.equal(server.counters.get("protocol_errors", "second_handshake"), 1);
});
