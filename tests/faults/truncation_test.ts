/**
 * A tunnel that dies in the middle of a body: no visitor may take what it got for the whole.
 *
 * @module
 */
import assert from "node:assert/strict";
import { runtimeName, test } from "../harness.ts";
import { LONG } from "../support/long.ts";
import { request, response, stage } from "../ingress/http/_stage.ts";
import { inArena } from "../support/arena.ts";
import { within } from "../support/deadline.ts";
import { dataFrame } from "../support/puppet.ts";
import type { RawSocket, SocketEnd } from "../support/raw_socket.ts";

const KIB = 1024;
/** The tunnel dies behind every one of so many KiB. */
const BODY_KIB = LONG ? 256 : 32;
const WEB_KIB = LONG ? 64 : 12;
/** What no visitor can be told over plain TCP when the server cannot send RST. */
const seesReset = runtimeName === "bun";

test(
  `F29: behind every KiB of a TCP body, a tunnel that dies ${
    seesReset ? "is an error for the visitor" : "ends the visitor's connection: Deno cannot reset it"
  }`,
  async () => {
    await inArena({}, async (arena) => {
      for (let kib = 1; kib <= BODY_KIB; kib++) {
        const { puppet, address } = await arena.tenant();
        const visitor = await arena.visitor(address);
        const { streamId } = await puppet.message("open_stream");
        const frame = dataFrame(streamId, new Uint8Array(BODY_KIB * KIB + 1).fill(kib));
        await puppet.sendBytes(frame.subarray(0, frame.length - (BODY_KIB - kib) * KIB - 1));
        const body = await visitor.read(kib * KIB - 1);
        assert.ok(body.every((byte) => byte === kib));
        await puppet.close();
        const { error } = await within(closedOf(visitor), "the visitor to be told");
        assert.equal(error !== undefined, seesReset, `behind ${kib} KiB: ${error}`);
        assert.ok(visitor.bytesReceived <= kib * KIB);
      }
    });
  },
);

/** The end of a socket: one that was only ended is then closed from here. */
async function closedOf(visitor: RawSocket): Promise<SocketEnd> {
  await visitor.ended;
  if (!visitor.isClosed) await visitor.end();
  return await visitor.closed;
}

for (const framing of ["with a length", "in chunks"] as const) {
  test(`F29: behind every KiB of an HTTP body ${framing}, a tunnel that dies is no end of the body`, async () => {
    const whole = WEB_KIB * KIB + 1;
    for (let kib = 1; kib <= WEB_KIB; kib++) {
      await using at = await stage();
      const visitor = await at.visit();
      await visitor.write(request("GET /"));
      const origin = await at.next();
      await origin.head();
      const fields = framing === "in chunks" ? ["Transfer-Encoding: chunked"] : [`Content-Length: ${whole}`];
      await origin.write(response("200 OK", fields));
      await visitor.head();
      const piece = "x".repeat(KIB);
      const part = framing === "in chunks" ? `400\r\n${piece}\r\n` : piece;
      await origin.write(part.repeat(kib));
      await visitor.read(kib * KIB);
      await at.loseClient();
      const rest = await visitor.rest().catch(() => "reset");
      assert.doesNotMatch(rest, /0\r\n\r\n/);
      assert.ok(kib * KIB + rest.length < whole + 16 * WEB_KIB, `${rest.length} more bytes`);
      assert.equal(at.server.counters.get("http_cut_off"), 1);
    }
  });
}
