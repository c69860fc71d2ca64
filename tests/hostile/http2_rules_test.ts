import assert from "node:assert/strict";
import { PREFACE } from "../../src/http/http2_frames.ts";
import { test } from "../harness.ts";
import { until } from "../support/deadline.ts";
import { answerOf, frame, headerBlock, visitByHttp2 } from "../ingress/http/_http2.ts";
import { stage } from "../ingress/http/_stage.ts";

const [DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS, PUSH_PROMISE, PING, GOAWAY] = [0, 1, 2, 3, 4, 5, 6, 7];
const [WINDOW_UPDATE, CONTINUATION] = [8, 9];
const END_STREAM = 1;
const END_HEADERS = 4;
const PADDED = 8;
const WITH_PRIORITY = 0x20;
const fields = (authority: string): Uint8Array =>
  headerBlock([[":method", "POST"], [":scheme", "http"], [":path", "/"], [":authority", authority]]);
const [KNOWN, UNKNOWN] = [fields("app.test"), fields("none.test")];
const known = frame(HEADERS, END_HEADERS, 1, KNOWN);
const unknown = frame(HEADERS, END_HEADERS, 1, UNKNOWN);
const one = Uint8Array.of(1);

/** Frames after the preface and the settings. */
const WRONG: Readonly<Record<string, readonly Uint8Array[]>> = {
  "a header block that is none": [frame(HEADERS, 5, 1, new Uint8Array(7).fill(255))],
  "the same beside a request": [known, frame(HEADERS, 5, 3, Uint8Array.of(0xff, 255, 255, 255, 255))],
  "a header block that is interrupted": [frame(HEADERS, 0, 1, KNOWN), frame(PING, 0, 0, new Uint8Array(8))],
  "CONTINUATION without HEADERS": [known, frame(CONTINUATION, 4, 1, KNOWN)],
  "DATA of no request": [known, frame(DATA, 0, 999, one)],
  "DATA of a request that was reset": [
    known,
    frame(RST_STREAM, 0, 1, new Uint8Array(4)),
    frame(DATA, 0, 1, one),
  ],
  "DATA after the end": [frame(HEADERS, 5, 1, KNOWN), frame(DATA, 0, 1, one)],
  "DATA with too much padding": [known, frame(DATA, PADDED, 1, Uint8Array.of(200, 1))],
  "DATA of the connection": [known, frame(DATA, 0, 0, one)],
  "a frame that is too large": [known, frame(DATA, 0, 1, new Uint8Array(20_000))],
  "an even stream": [frame(HEADERS, END_HEADERS, 2, KNOWN)],
  "a stream below another": [frame(HEADERS, END_HEADERS, 5, KNOWN), frame(HEADERS, END_HEADERS, 3, KNOWN)],
  "a request that depends on itself": [
    frame(HEADERS, END_HEADERS | WITH_PRIORITY, 1, Uint8Array.of(0, 0, 0, 1, 0, ...KNOWN)),
  ],
  "trailers that do not end": [known, frame(HEADERS, END_HEADERS, 1, headerBlock([["a", "b"]]))],
  "trailers with a path": [known, frame(HEADERS, 5, 1, headerBlock([[":path", "/"]]))],
  "a window that grows by nothing": [known, frame(WINDOW_UPDATE, 0, 1, new Uint8Array(4))],
  "a window that grows too much": [known, frame(WINDOW_UPDATE, 0, 1, Uint8Array.of(127, 255, 255, 255))],
  "a connection's window that grows too much": [
    known,
    frame(WINDOW_UPDATE, 0, 0, Uint8Array.of(127, 255, 255, 255)),
  ],
  "a first window that is too large": [known, frame(SETTINGS, 0, 0, Uint8Array.of(0, 4, 255, 255, 255, 255))],
  "settings that are cut off": [known, frame(SETTINGS, 0, 0, Uint8Array.of(0, 4, 255))],
  "settings of a stream": [known, frame(SETTINGS, 0, 1)],
  "settings acknowledged that were never sent": [known, frame(SETTINGS, 1, 0), frame(SETTINGS, 1, 0)],
  "a push": [known, frame(PUSH_PROMISE, END_HEADERS, 1, Uint8Array.of(0, 0, 0, 2))],
  "a PING that is too short": [known, frame(PING, 0, 0, one)],
  "a RST_STREAM of the connection": [known, frame(RST_STREAM, 0, 0, new Uint8Array(4))],
  "a PRIORITY that is too short": [known, frame(PRIORITY, 0, 1, one)],
  "a frame of no known type": [known, frame(77, 255, 1, new Uint8Array(5))],
  "GOAWAY beside requests": [known, unknown, frame(GOAWAY, 0, 0, new Uint8Array(8)), frame(DATA, 0, 1, one)],
  "GOAWAY with an error, twice": [
    ...[known, frame(HEADERS, 5, 3, UNKNOWN), frame(HEADERS, END_HEADERS, 5, KNOWN)],
    ...[frame(GOAWAY, 0, 0, Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 1)), frame(GOAWAY, 0, 0, new Uint8Array(8))],
    ...[frame(HEADERS, END_HEADERS, 7, KNOWN), frame(RST_STREAM, 0, 1, new Uint8Array(4))],
  ],
};

test("HTTP/2: whatever a visitor does against the rules, the others are served", async () => {
  await using world = await stage();
  await using canary = visitByHttp2(world.port);
  const settings = frame(SETTINGS, 0, 0);
  for (const [what, frames] of Object.entries(WRONG)) {
    for (const way of ["together", "one by one", "and left"]) {
      const { socket } = await world.visit();
      if (way === "one by one") {
        for (const bytes of [PREFACE, settings, ...frames]) {
          await socket.write(bytes);
          await new Promise((resolve) => setTimeout(resolve, 1)); // So that it comes by itself.
        }
      } else {await socket.write(
          Uint8Array.from([PREFACE, settings, ...frames].flatMap((bytes) => [...bytes])),
        );}
      if (way === "and left") await socket.end();
      else await Promise.race([socket.ended, new Promise((resolve) => setTimeout(resolve, 5))]);
      await socket.close();
      const answer = await answerOf(canary.request({ ":authority": "none.test" }));
      assert.equal(answer.status, 404, `${what}, ${way}`);
    }
  }
  await until(() => world.ingress.connections === 1, "all but the canary to be gone");
}, { timeoutMs: 60_000 });

test(
  "HTTP/2: whatever a service does against the rules, its visitor is told and the others are served",
  async () => {
    await using world = await stage({ service: { protocol: "h2c" } });
    await using visit = visitByHttp2(world.port);
    const settings = frame(SETTINGS, 0, 0);
    const ok = frame(HEADERS, END_HEADERS, 1, headerBlock([[":status", "200"]]));
    const wrong: Readonly<Record<string, readonly Uint8Array[]>> = {
      "GOAWAY beside requests": [ok, frame(GOAWAY, 0, 0, new Uint8Array(8))],
      "GOAWAY, then more": [frame(GOAWAY, 0, 0, new Uint8Array(8)), ok, frame(DATA, 0, 1, one)],
      "a header block that is none": [frame(HEADERS, END_HEADERS, 1, new Uint8Array(7).fill(255))],
      "no status": [frame(HEADERS, 5, 1, headerBlock([["a", "b"]]))],
      "a switch of protocols": [frame(HEADERS, END_HEADERS, 1, headerBlock([[":status", "101"]]))],
      "a push": [frame(PUSH_PROMISE, END_HEADERS, 1, Uint8Array.of(0, 0, 0, 2))],
      "DATA before a head": [frame(DATA, END_STREAM, 1, one)],
      "DATA of no request": [ok, frame(DATA, 0, 999, one)],
      "a window that grows too much": [ok, frame(WINDOW_UPDATE, 0, 1, Uint8Array.of(127, 255, 255, 255))],
      "settings that are cut off": [ok, frame(SETTINGS, 0, 0, one)],
      "a reset": [ok, frame(RST_STREAM, 0, 1, Uint8Array.of(0, 0, 0, 8))],
    };
    for (const [what, frames] of Object.entries(wrong)) {
      const answer = answerOf(visit.request()).then(({ status }) => status, () => "error");
      const service = await world.next();
      await service.socket.write(Uint8Array.from([settings, ...frames].flatMap((bytes) => [...bytes])));
      await service.socket.end();
      const outcome = await answer;
      assert.ok([502, "error"].includes(outcome), `${what}: ${outcome}`);
      await service.socket.close();
      assert.equal((await answerOf(visit.request({ ":authority": "none.test" }))).status, 404, what);
    }
  },
  { timeoutMs: 60_000 },
);
