import assert from "node:assert/strict";
import { once } from "node:events";
import { runtime } from "../../src/runtime/mod.ts";
import { test } from "../harness.ts";
import { makeCertificates } from "../runtime/_certificates.ts";
import { dialSilently } from "../runtime/_links.ts";
import { Recorder } from "../runtime/_recorder.ts";
import { service, until, World } from "./world.ts";

const { ca, server: identity } = makeCertificates();

for (const limit of ["maxUnauthenticated", "maxUnauthenticatedPerAddress"] as const) {
  test(`Over TLS, ${limit} silent connections are held and not one more, and a client gets in after one left`, async () => {
    await using world = new World();
    const { server, port } = await world.server({ tls: identity, limits: { [limit]: 3 } });
    const silent = [];
    for (let count = 0; count < 3; count++) silent.push(await dialSilently(server));
    await until(() => server.status().unauthenticated === 3);
    for (let more = 1; more <= 5; more++) {
      const refused = await dialSilently(server);
      await once(refused, "close");
      assert.equal(server.counters.get("connections_refused", "unauthenticated"), more);
    }
    silent[0]?.destroy();
    await until(() => server.status().unauthenticated === 2);
    const { client } = world.client(port, { tls: { ca }, services: [service("s", 1)] });
    await client.ready;
    assert.equal(server.status().clients.length, 1);
    assert.equal(server.status().unauthenticated, 2);
    for (const socket of silent) socket.destroy();
    await until(() => server.status().unauthenticated === 0);
  });
}

test("The place that is held for a TLS handshake is the one that is held for authentication", async () => {
  await using world = new World();
  const { server, port } = await world.server({ tls: identity, limits: { maxUnauthenticated: 1 } });
  const silent = await runtime.connect({ ...server.address, tls: { ca } });
  const recorder = new Recorder();
  silent.start(recorder);
  await until(() => server.status().unauthenticated === 1);
  await once(await dialSilently(server), "close");
  silent.close();
  await recorder.closed();
  await until(() => server.status().unauthenticated === 0);
  const { client } = world.client(port, { tls: { ca }, services: [service("s", 1)] });
  await client.ready;
});
