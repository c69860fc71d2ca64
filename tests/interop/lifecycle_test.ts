import assert from "node:assert/strict";
import { TunnelError } from "../../src/errors.ts";
import { test } from "../harness.ts";
import { until, within } from "../support/deadline.ts";
import { Bed, clientsAre, connected } from "./bed.ts";
import { RUST_CLIENT_IN, RUST_RETRY_MS, withoutRust } from "./rust_program.ts";
import { lineOfBlocks, say, writeBlocks } from "./service.ts";

/** Whoever dials again does so within this: the Rust client after 5 s, ours after 5 s when a tunnel id is taken. */
const BACK_WITHIN_MS = RUST_RETRY_MS + 15_000;

/** A visitor comes, sends a megabyte and gets the right answer. */
async function assertServed(bed: Bed, visitors: { readonly port: number }): Promise<void> {
  const visitor = await bed.visitor(visitors);
  await say(visitor, "put\n");
  await writeBlocks(visitor, 16);
  await visitor.end();
  assert.equal(new TextDecoder().decode(await visitor.readToEnd()), lineOfBlocks(16));
}

test("A Rust client with a wrong token is refused, and nobody else is harmed", async () => {
  await using bed = new Bed();
  const service = await bed.service();
  const ours = await bed.ourServer();
  const localPort = service.address.port;
  await bed.rustClient({ serverPort: ours.port, localPort });
  const wrong = bed.launchRustClient({ serverPort: ours.port, localPort, token: "wrong-horse" });
  await wrong.line(/Handshake rejected: InvalidToken/);
  const refused = ours.events.find((event) => event.type === "client_refused");
  assert.equal(refused?.reason, "invalid_token");
  assert.equal(ours.server.counters.get("protocol_errors"), 0);
  await assertServed(bed, ours.visitors);
}, { skip: withoutRust });

test("A second Rust client with the same tunnel id waits until the first has left", async () => {
  await using bed = new Bed();
  const service = await bed.service();
  const ours = await bed.ourServer();
  const options = { serverPort: ours.port, localPort: service.address.port, tunnelId: "same" };
  const first = await bed.rustClient(options);
  const second = bed.launchRustClient(options);
  await second.line(/Handshake rejected: TunnelIdTaken/);
  assert.equal(first.running, true);
  assert.equal(ours.server.counters.get("sessions_closed"), 0, "the first one is left alone");
  await assertServed(bed, ours.visitors);
  await first.kill();
  await second.line(RUST_CLIENT_IN, { deadlineMs: BACK_WITHIN_MS });
  await assertServed(bed, ours.visitors);
}, { skip: withoutRust });

test("A Rust client that was killed comes back under its tunnel id at once", async () => {
  await using bed = new Bed();
  const service = await bed.service();
  const ours = await bed.ourServer();
  const options = { serverPort: ours.port, localPort: service.address.port, tunnelId: "same" };
  const first = await bed.rustClient(options);
  await first.kill();
  await clientsAre(ours.server, 0);
  await bed.rustClient(options);
  await assertServed(bed, ours.visitors);
}, { skip: withoutRust });

test("A Rust client comes back when our server was restarted", async () => {
  await using bed = new Bed();
  const service = await bed.service();
  const first = await bed.ourServer();
  await bed.rustClient({ serverPort: first.port, localPort: service.address.port, tunnelId: "same" });
  await assertServed(bed, first.visitors);
  await first.server.stop();
  const again = await bed.ourServer({ bind: first.server.address });
  await clientsAre(again.server, 1, BACK_WITHIN_MS);
  await assertServed(bed, again.visitors);
}, { skip: withoutRust });

test("A client of ours with a wrong token gives up on a Rust server and says why", async () => {
  await using bed = new Bed();
  const service = await bed.service();
  const { port } = await bed.rustServer();
  const { client } = bed.ourClient(port, service.address, { token: "wrong-horse" });
  await assert.rejects(
    within(client.closed, "the client to give up"),
    (error) => error instanceof TunnelError && error.code === "AUTHENTICATION",
  );
}, { skip: withoutRust });

test("A second client of ours with the same tunnel id waits until the Rust server lets it in", async () => {
  await using bed = new Bed();
  const service = await bed.service();
  const { port, visitorsPort } = await bed.rustServer();
  const first = bed.ourClient(port, service.address);
  await connected(first);
  const second = bed.ourClient(port, service.address);
  const told = (): string =>
    second.events.map((event) => event.type === "disconnected" ? event.reason : "").join("\n");
  await until(() => told() !== "", "the second client was refused");
  assert.match(told(), /The tunnel id is in use by another client/);
  await assertServed(bed, { port: visitorsPort });
  await first.client.stop();
  await connected(second, BACK_WITHIN_MS);
  await assertServed(bed, { port: visitorsPort });
}, { skip: withoutRust });

test(
  "A client of ours that is restarted comes back to a Rust server as soon as that has let it go",
  async () => {
    await using bed = new Bed();
    const service = await bed.service();
    const { port, visitorsPort } = await bed.rustServer();
    const first = bed.ourClient(port, service.address);
    await connected(first);
    await assertServed(bed, { port: visitorsPort });
    await first.client.stop();
    const second = bed.ourClient(port, service.address);
    await connected(second, BACK_WITHIN_MS);
    for (const event of second.events) {
      if (event.type === "disconnected") {
        assert.match(
          event.reason,
          /The tunnel id is in use by another client/,
        );
      }
    }
    await assertServed(bed, { port: visitorsPort });
  },
  { skip: withoutRust },
);

test("A client of ours comes back when the Rust server was restarted", async () => {
  await using bed = new Bed();
  const service = await bed.service();
  const { program, ...ports } = await bed.rustServer();
  const ours = bed.ourClient(ports.port, service.address);
  await connected(ours);
  await assertServed(bed, { port: ports.visitorsPort });
  await program.kill();
  await until(() => !ours.client.connected, "the client has noticed");
  await bed.rustServer({ ports });
  await until(() => ours.client.connected, "the client is back", BACK_WITHIN_MS);
  await assertServed(bed, { port: ports.visitorsPort });
}, { skip: withoutRust });

test("A Rust server shows the first service of a client of ours, which says so of the others", async () => {
  await using bed = new Bed();
  const shown = await bed.service();
  const hidden = await bed.service();
  const { port, visitorsPort } = await bed.rustServer();
  const ours = bed.ourClient(port, shown.address, {
    services: [
      { name: "own-port", kind: "tcp", local: hidden.address, remotePort: 0 },
      { name: "shown", kind: "tcp", local: shown.address },
      { name: "hidden", kind: "tcp", local: hidden.address },
    ],
  });
  await connected(ours);
  const errors = Object.fromEntries(ours.client.status().services.map(({ name, error }) => [name, error]));
  assert.equal(errors["shown"], undefined);
  assert.match(errors["own-port"] ?? "", /shows one service of a client.*give it no remote port/);
  assert.match(errors["hidden"] ?? "", /shows one service of a client.*which is shown/);
  await assertServed(bed, { port: visitorsPort });
  assert.equal(hidden.accepted(), 0);
  assert.equal(shown.accepted(), 1);
  assert.notEqual(ours.client.status().rttMs, undefined, "the heartbeat at the start was answered");
}, { skip: withoutRust });
