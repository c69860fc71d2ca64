import assert from "node:assert/strict";
import { test } from "../../harness.ts";
import { untilStill, within } from "../../support/deadline.ts";
import { answerOf, visitByHttp2 } from "./_http2.ts";
import { OK, response, stage } from "./_stage.ts";

const MIB = 1024 * 1024;
const TOTAL = 48 * MIB;
/** What may be on the way: windows of HTTP/2 and of the tunnel, and the kernel's buffers. */
const MOST_ON_THE_WAY = 32 * MIB;
const PIECE = new Uint8Array(64 * 1024).fill(7);
const DEADLINE_MS = 50_000;

test(
  "A service that does not read stops its visitor's request, not the others of the connection",
  async () => {
    await using world = await stage({ more: [{ name: "other" }] });
    await using visit = visitByHttp2(world.port);
    const stream = visit.request({ ":method": "POST" }, { endStream: false });
    const answer = answerOf(stream);
    let taken = 0;
    const push = (): void => {
      if (taken === TOTAL) return void stream.end();
      stream.write(PIECE, (error) => {
        if (error) return;
        taken += PIECE.length;
        push();
      });
    };
    push();
    const service = await world.next();
    service.socket.pause();
    await untilStill(() => taken, "the visitor to be stopped");
    assert.ok(taken < MOST_ON_THE_WAY, `${taken} bytes were taken`);
    const other = answerOf(visit.request({ ":authority": "other.test" }));
    const otherService = await world.origins[1]?.next();
    await otherService?.write(new TextEncoder().encode(OK));
    assert.equal((await other).status, 200);
    service.socket.resume();
    let sum = 0;
    for (
      let chunk = await service.until("\r\n\r\n");
      chunk !== "0\r\n";
      chunk = await service.until("\r\n")
    ) {
      const bytes = Number.parseInt(chunk, 16);
      if (!(bytes > 0)) continue;
      assert.equal((await service.socket.read(bytes)).findIndex((byte) => byte !== 7), -1);
      sum += bytes;
      await service.until("\r\n");
    }
    assert.equal(sum, TOTAL);
    await service.write(OK);
    assert.equal((await within(answer, "the answer")).status, 200);
  },
  { timeoutMs: DEADLINE_MS },
);

test("A visitor that does not read one response stops its service, not the other responses", async () => {
  await using world = await stage({ more: [{ name: "other" }] });
  await using visit = visitByHttp2(world.port);
  const stream = visit.request();
  const service = await world.next();
  await service.head();
  await service.write(response("200 OK", [`Content-Length: ${TOTAL}`]));
  let written = 0;
  const writing = (async () => {
    for (; written < TOTAL; written += PIECE.length) await service.socket.write(PIECE);
  })();
  await untilStill(() => written, "the service to be stopped");
  assert.ok(written < MOST_ON_THE_WAY, `${written} bytes were taken`);
  const other = answerOf(visit.request({ ":authority": "other.test" }));
  await (await world.origins[1]?.next())?.write(new TextEncoder().encode(OK));
  assert.equal((await other).status, 200);
  let read = 0;
  let wrong = 0;
  stream.on("data", (piece: Uint8Array) => {
    read += piece.length;
    for (const byte of piece) if (byte !== 7) wrong++;
  });
  await within(new Promise((resolve) => stream.once("close", resolve)), "the end", DEADLINE_MS);
  await writing;
  assert.deepEqual([read, wrong, stream.rstCode], [TOTAL, 0, 0]);
}, { timeoutMs: DEADLINE_MS });
