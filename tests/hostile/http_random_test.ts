/**
 * Visitors and a service that do what they like, at random: whatever happens, an answer is that of the request it stands behind.
 *
 * @module
 */
import assert from "node:assert/strict";
import { BodyScanner } from "../../src/http/body.ts";
import { RequestHeadParser } from "../../src/http/request_head.ts";
import { ResponseHeadParser } from "../../src/http/response_head.ts";
import type { RequestHead } from "../../src/http/types.ts";
import type { Plugin } from "../../src/plugins/types.ts";
import { test } from "../harness.ts";
import { bytesOf, parseRequest } from "../http/support.ts";
import { answerOf, visitByHttp2 } from "../ingress/http/_http2.ts";
import { type Stage, stage } from "../ingress/http/_stage.ts";
import { listenSockets, type RawSocket } from "../support/raw_socket.ts";

const ROUNDS = 30;
const REQUESTS = 12;
/** In place of a deed: a host that nobody has. */
const NOBODY = "nobody";
/** What only a visitor could see who was given the answer to somebody else. */
const EVIL = "HTTP/1.1 200 OK\r\nX-Id: evil\r\nContent-Length: 4\r\n\r\nEVIL";

/** What the service does with a request, early or after its body; `END` at the end stands for the end of its connection. */
const DEEDS: Readonly<Record<string, (id: string) => string>> = {
  length: (id) => answer(id, "200 OK", [`Content-Length: ${id.length}`], id),
  chunks: (id) =>
    answer(id, "200 OK", ["Transfer-Encoding: chunked"], `${id.length};a=b\r\n${id}\r\n0\r\nX-T: 1\r\n\r\n`),
  close: (id) => `${answer(id, "200 OK", [], id)}END`,
  "early-length": (id) => answer(id, "200 OK", [`Content-Length: ${id.length}`], id),
  "early-refusal": (id) =>
    answer(id, "413 Content Too Large", ["Content-Length: 0", "Connection: close"], ""),
  extra: (id) => answer(id, "200 OK", [`Content-Length: ${id.length}`], id + EVIL),
  "extra-204": (id) => answer(id, "204 No Content", [], EVIL),
  "extra-304": (id) => answer(id, "304 Not Modified", [`Content-Length: ${EVIL.length}`], EVIL),
  hints: (id) =>
    `${"HTTP/1.1 103 Early Hints\r\n\r\n".repeat(3)}${answer(id, "200 OK", ["Content-Length: 0"], "")}`,
  hintsEvil: (id) =>
    `HTTP/1.1 100 Continue\r\nContent-Length: 4\r\n\r\n${answer(id, "200 OK", ["Content-Length: 0"], "")}`,
  both: (id) => answer(id, "200 OK", ["Content-Length: 3", "Transfer-Encoding: chunked"], `0\r\n\r\n${EVIL}`),
  nothing: () => "END",
  half: (id) => `${answer(id, "200 OK", ["Content-Length: 100"], id)}END`,
};

function answer(id: string, status: string, fields: readonly string[], body: string): string {
  return [`HTTP/1.1 ${status}`, `X-Id: ${id}`, ...fields, "", body].join("\r\n");
}

/** The same numbers for the same seed. */
class Dice {
  #state: number;

  constructor(seed: number) {
    this.#state = seed;
  }

  /** From 0 to `below` − 1. */
  roll(below: number): number {
    this.#state = (Math.imul(this.#state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor(this.#state / 2 ** 32 * below);
  }

  pick<Item>(items: readonly Item[]): Item {
    return items[this.roll(items.length)] as Item;
  }
}

/** Answers what comes by a connection, as the paths say: `/ID/DEED`. */
function serve(socket: RawSocket): void {
  const parser = new RequestHeadParser();
  let head: RequestHead | undefined;
  let scanner: BodyScanner | undefined;
  const reply = ({ target }: RequestHead): void => {
    const [, id = "", deed = ""] = target.split("/");
    const text = DEEDS[deed]?.(id) ?? "";
    const ends = text.endsWith("END");
    const bytes = bytesOf(ends ? text.slice(0, -3) : text);
    if (bytes.length > 0) void socket.write(bytes);
    if (ends) void socket.end();
  };
  socket.onData = (chunk) => {
    let at = 0;
    while (at < chunk.length) {
      if (head === undefined) {
        const parsed = parser.push(chunk, at);
        if (parsed === undefined) return;
        head = parsed.head;
        at = parsed.end;
        scanner = new BodyScanner(head.framing, { pieces: "payload", from: "visitor" });
        if (head.target.includes("/early")) reply(head);
      }
      const body = scanner as BodyScanner;
      while (!body.done && at < chunk.length) at = body.scan(chunk, at);
      if (!body.done) return;
      if (!head.target.includes("/early")) reply(head);
      head = undefined;
    }
  };
}

/** A request and the bytes of its head and body. */
interface Asked {
  readonly id: string;
  readonly deed: string;
  readonly method: string;
  readonly text: string;
}

function ask(id: string, dice: Dice): Asked {
  const deed = dice.pick(Object.keys(DEEDS));
  const method = dice.pick(["GET", "HEAD", "POST", "PUT", "OPTIONS"]);
  const fields = ["Host: app.test"];
  let body = "";
  const bytes = dice.pick([0, 1, 5_000, 70_000]);
  const kind = dice.roll(4);
  if (kind === 1) {
    fields.push(`Content-Length: ${bytes}`);
    body = "b".repeat(bytes);
  } else if (kind === 2) {
    fields.push("Transfer-Encoding: chunked");
    body = `${
      bytes === 0 ? "" : `${bytes.toString(16)}\r\n${"b".repeat(bytes)}\r\n`
    }0\r\nX-Trailer: 1\r\n\r\n`;
  } else if (kind === 3) fields.push("Expect: 100-continue", "Content-Length: 3");
  if (kind === 3) body = "abc";
  if (dice.roll(8) === 0) fields.push("Connection: close");
  return { id, deed, method, text: [`${method} /${id}/${deed} HTTP/1.1`, ...fields, "", body].join("\r\n") };
}

/** Reads what came in answer to the requests, one after the other. @returns how many answers were whole */
function check(bytes: Uint8Array, asked: readonly Asked[], what: string): number {
  const parser = new ResponseHeadParser();
  let at = 0;
  let answered = 0;
  for (const { id, deed, method } of asked) {
    if (at === bytes.length) break;
    parser.expect(parseRequest(`${method} / HTTP/1.1\r\nHost: a\r\n\r\n`));
    let parsed = parser.push(bytes, at);
    while (parsed !== undefined && parsed.head.status < 200) parsed = parser.push(bytes, parsed.end);
    if (parsed === undefined) return answered;
    const { head } = parsed;
    at = parsed.end;
    const named = head.headers.get("x-id");
    if (named === undefined) assert.equal(head.status, deed === NOBODY ? 404 : 502, `${what}: ${deed}`);
    else assert.equal(named, id, `${what}: ${deed}`);
    const scanner = new BodyScanner(head.framing, { pieces: "payload", from: "service" });
    while (!scanner.done && at < bytes.length) at = scanner.scan(bytes, at);
    if (!scanner.done) return answered;
    answered++;
    if (!head.keepAlive) break;
  }
  assert.equal(at, bytes.length, `${what}: bytes behind the last answer`);
  return answered;
}

/** One connection with several requests, cut at random. */
async function visit(at: Stage, dice: Dice, what: string): Promise<number> {
  const asked = Array.from({ length: REQUESTS }, (_, index) => ask(`${what}-${index}`, dice));
  const last = asked.at(-1) as Asked;
  const visitor = await at.visit();
  const bytes = bytesOf(
    asked.map(({ text }) => text).join("") +
      `GET /${last.id}/length HTTP/1.1\r\nHost: none.test\r\nConnection: close\r\n\r\n`,
  );
  const came: Uint8Array[] = [];
  visitor.socket.onData = (chunk) => void came.push(chunk.slice());
  let sent = 0;
  while (sent < bytes.length) {
    const end = Math.min(bytes.length, sent + dice.pick([1, 7, 100, 3_000, 50_000, 200_000]));
    await visitor.socket.write(bytes.subarray(sent, end)).catch(() => {});
    sent = end;
  }
  await visitor.socket.ended;
  await visitor.socket.close();
  const text = new Uint8Array(came.reduce((sum, { length }) => sum + length, 0));
  let to = 0;
  for (const piece of came) {
    text.set(piece, to);
    to += piece.length;
  }
  assert.ok(!new TextDecoder().decode(text).includes("X-Id: evil"), `${what}: somebody else's answer`);
  const closing: Asked = { id: "none", deed: NOBODY, method: "GET", text: "" };
  return check(text, [...asked, closing], what);
}

/** Looks at every message, and leads some bodies through streams that change nothing. */
const LOOKS_ON: Plugin = {
  name: "looks on",
  onRequest: ({ target }) =>
    Promise.resolve(target.length % 2 === 0 ? undefined : { body: new TransformStream() }),
  onResponse: (_, { target }) => target.length % 3 === 0 ? { body: new TransformStream() } : undefined,
};

for (const [kind, plugins] of [["alone", []], ["with a plugin", [LOOKS_ON]]] as const) {
  test(`W12, W21, W25: whatever visitors and a service do, no answer is taken for that of another request, ${kind}`, async () => {
    const service = await listenSockets({ onSocket: serve });
    try {
      const local = { hostname: "127.0.0.1", port: service.address.port };
      await using at = await stage({ service: { local }, plugins });
      const dice = new Dice(4_711);
      let answered = 0;
      for (let round = 0; round < ROUNDS; round++) answered += await visit(at, dice, `round${round}`);
      assert.ok(answered > ROUNDS * 2, `${answered} answers`);
    } finally {
      await service.close();
    }
  });
}

test("W12, W21, W25: nor by HTTP/2, where a request fails by itself", async () => {
  const service = await listenSockets({ onSocket: serve });
  try {
    const local = { hostname: "127.0.0.1", port: service.address.port };
    await using at = await stage({ service: { local }, plugins: [LOOKS_ON] });
    await using visit = visitByHttp2(at.port);
    const dice = new Dice(4_712);
    let whole = 0;
    const one = async (id: string): Promise<void> => {
      const deed = dice.pick(Object.keys(DEEDS));
      const method = dice.pick(["GET", "HEAD", "POST", "PUT", "OPTIONS"]);
      const body = dice.roll(2) === 0 ? undefined : "b".repeat(dice.pick([0, 1, 5_000, 70_000]));
      const length = body !== undefined && dice.roll(2) === 0
        ? { "content-length": String(body.length) }
        : {};
      const stream = visit.request({ ":method": method, ":path": `/${id}/${deed}`, ...length }, {
        endStream: body === undefined,
      });
      const answered = answerOf(stream);
      if (body !== undefined) stream.end(body);
      const answer = await answered.catch(() => undefined);
      if (deed === "half" && method !== "HEAD") assert.equal(answer, undefined, `${id}: ${deed}`);
      if (answer === undefined) return;
      const { status, headers } = answer;
      if (headers["x-id"] === undefined) assert.equal(status, 502, `${id}: ${deed}`);
      else assert.equal(headers["x-id"], id, deed);
      assert.ok(!answer.body.includes("EVIL"), `${id}: ${deed}`);
      whole++;
    };
    for (let round = 0; round < ROUNDS; round++) {
      await Promise.all(Array.from({ length: REQUESTS }, (_, index) => one(`h${round}-${index}`)));
    }
    assert.ok(whole > ROUNDS * 2, `${whole} answers`);
  } finally {
    await service.close();
  }
});
