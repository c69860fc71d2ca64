import assert from "node:assert/strict";
import { once } from "node:events";
import { TunnelError } from "../../src/errors.ts";
import { TLS_HANDSHAKE_TIMEOUT_MS } from "../../src/runtime/_limits.ts";
import { runtime } from "../../src/runtime/mod.ts";
import type { Listener } from "../../src/runtime/types.ts";
import { test } from "../harness.ts";
import { makeCertificates } from "./_certificates.ts";
import { dialSilently, eventually } from "./_links.ts";
import { Recorder } from "./_recorder.ts";

const { ca, server } = makeCertificates();

/** A listener with so many places. */
async function listenWithPlaces(count: number): Promise<{ listener: Listener; places: { free: number } }> {
  const places = { free: count };
  const listener = await runtime.listen({
    hostname: "127.0.0.1",
    port: 0,
    tls: server,
    admit: () => {
      if (places.free === 0) return undefined;
      places.free--;
      let inside = true;
      return () => {
        if (inside) places.free++;
        inside = false;
      };
    },
    onConnection: (connection, leave) => {
      leave?.();
      connection.start(new Recorder());
      connection.closeWrite();
    },
  });
  return { listener, places };
}

async function getIn(listener: Listener): Promise<void> {
  const connection = await runtime.connect({ ...listener.address, tls: { ca } });
  const recorder = new Recorder();
  connection.start(recorder);
  connection.closeWrite();
  assert.equal(await recorder.closed(), undefined);
}

test("TLS: admit() is asked before the handshake, and a place is free again when its client leaves", async () => {
  const { listener, places } = await listenWithPlaces(3);
  const silent = [await dialSilently(listener), await dialSilently(listener)];
  await getIn(listener);
  silent.push(await dialSilently(listener));
  const refused = await dialSilently(listener);
  await once(refused, "close");
  await assert.rejects(getIn(listener), (error: unknown) => error instanceof TunnelError);
  assert.equal(places.free, 0);
  silent[0]?.destroy();
  await eventually(() => getIn(listener));
  for (const socket of silent) socket.destroy();
  await eventually(() => Promise.resolve(assert.equal(places.free, 3)));
  await listener.close();
});

test("TLS: places do not stay taken when the handshake fails, or when the listener is closed", async () => {
  const { listener, places } = await listenWithPlaces(2);
  for (let attempt = 0; attempt < 5; attempt++) {
    const socket = await dialSilently(listener);
    const closed = once(socket, "close");
    socket.end("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n");
    await closed;
    assert.equal(places.free, 2);
  }
  await dialSilently(listener);
  await eventually(() => Promise.resolve(assert.equal(places.free, 1)));
  await listener.close();
  assert.equal(places.free, 2);
});

test("TLS: the place of a handshake that is not done in time is given back", async () => {
  const { listener, places } = await listenWithPlaces(1);
  const { setTimeout } = globalThis;
  const begun = Promise.withResolvers<() => void>();
  const later = (call: () => void, ms: number): ReturnType<typeof setTimeout> => {
    if (ms === TLS_HANDSHAKE_TIMEOUT_MS) begun.resolve(call);
    return setTimeout(call, ms);
  };
  globalThis.setTimeout = later as typeof setTimeout;
  const socket = await dialSilently(listener);
  const expire = await begun.promise.finally(() => globalThis.setTimeout = setTimeout);
  assert.equal(places.free, 0);
  const closed = once(socket, "close");
  expire();
  assert.equal(places.free, 1);
  await closed;
  await getIn(listener);
  await listener.close();
});
