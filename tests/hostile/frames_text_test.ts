/**
 * Hostile tests of texts that the other side quotes in its answer.
 *
 * @module
 */
import assert from "node:assert/strict";
import { MAX_HEADER_BYTES, MAX_METADATA_BYTES, MAX_NAME_BYTES } from "../../src/wire/limits.ts";
import { test } from "../harness.ts";
import { inArena, silentService } from "../support/arena.ts";
import { openStream } from "../support/puppet.ts";
import { listenSockets } from "../support/raw_socket.ts";

/** Characters that a quotation makes longer, or that take several bytes. */
const CHARACTERS = ["x", "\u0001", "é", "漢", "😀", '"'];

/** The longest text of `character` that fits into `maxBytes`. */
function longest(character: string, maxBytes: number): string {
  return character.repeat(Math.floor(maxBytes / new TextEncoder().encode(character).length));
}

test("F7: a port or name of the greatest length is refused with an answer that can be sent", async () => {
  await inArena({}, async (arena) => {
    const puppet = await arena.puppet({});
    for (const character of CHARACTERS) {
      const key = "remote_port";
      const port = longest(character, MAX_METADATA_BYTES - key.length);
      const metadata = new Map([[key, port]]);
      await puppet.send({ type: "register", serviceName: "service", protocol: "tcp", metadata });
      assert.equal((await puppet.message("register_ack")).status, "quota_exceeded");
      const serviceName = longest(character, MAX_NAME_BYTES);
      await puppet.send({ type: "register", serviceName, protocol: "tcp", metadata: new Map() });
      assert.equal((await puppet.message("register_ack")).status, "invalid_service_name");
    }
    assert.match((await puppet.register("service")).hostname, /^127/);
  });
});

test("F7: a stream for a service with a name of the greatest length is refused, and no other", async () => {
  await inArena({}, async (arena) => {
    const service = await listenSockets({ onSocket: silentService });
    arena.later(() => service.close());
    const { puppet, client } = await arena.target({ local: service.address });
    let streamId = 2;
    await puppet.send(openStream(streamId));
    await puppet.message("stream_ack");
    for (const character of CHARACTERS) {
      streamId += 2;
      const name = longest(character, MAX_HEADER_BYTES - "service".length);
      await puppet.send(openStream(streamId, [["service", name]]));
      assert.equal((await puppet.closeOf(streamId)).reason.kind, "error");
    }
    assert.equal(client.status().streams, 1);
    await puppet.roundTrip();
  });
});
