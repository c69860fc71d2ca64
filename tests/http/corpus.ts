/**
 * Requests to begin with, and what is done to them, for tests that look for what nobody has thought of.
 *
 * @module
 */
import process from "node:process";
import { request } from "./support.ts";

/** Whole requests, most with a body. */
export const CORPUS: readonly string[] = [
  request("GET / HTTP/1.1"),
  request("GET /a/b?c=d&e HTTP/1.1", [
    "User-Agent: x/1.0 (y; z)",
    "Accept: */*",
    "Accept-Encoding: gzip, br",
  ]),
  request("GET /k HTTP/1.0", ["Connection: keep-alive"]),
  request("HEAD /h HTTP/1.1", ["Connection: close"]),
  request("OPTIONS * HTTP/1.1"),
  request("GET http://a.test/abs?q HTTP/1.1"),
  request("POST /l HTTP/1.1", ["Content-Length: 5", "Content-Type: text/plain"]) + "hello",
  request("PUT /zero HTTP/1.1", ["Content-Length: 0"]),
  request("POST /c HTTP/1.1", ["Transfer-Encoding: chunked"]) + "5\r\nhello\r\n6\r\n, you!\r\n0\r\n\r\n",
  request("POST /x HTTP/1.1", ["transfer-encoding: Chunked"]) + "3;a=b\r\nabc\r\n0;z\r\nX-T: v\r\n\r\n",
  request("POST /e HTTP/1.1", ["Expect: 100-continue", "Content-Length: 2"]) + "ok",
  request("GET /ws HTTP/1.1", ["Connection: Upgrade", "Upgrade: h2c", "HTTP2-Settings: AA"]),
  request("DELETE /d HTTP/1.1", ["X-Empty:", "X-Tab:\ta\tb\t", "x-high: \xe4\xff", "Cookie: a=b; c=d"]),
  `\r\n${request("PATCH /p HTTP/1.1", ["Host: A.Test.:8080", "Connection: x, keep-alive", "X: y"])}`,
];

/** What is put in here and there. */
export const PARTS: readonly string[] = [
  ..."\r\n|\r|\n|\0| |\t|:|,|;|0|\xff|\x7f|\x16| HTTP/1.1\r\n|\r\n\r\n|\r\n |HTTP/1.0|HTTP/2.0".split("|"),
  "Content-Length: 3\r\n",
  "Content-Length: +3\r\n",
  "Transfer-Encoding: chunked\r\n",
  "Transfer-Encoding : chunked\r\n",
  "Host: b.test\r\n",
  "Connection: close\r\n",
  "Expect: 100-continue\r\n",
  "GET / HTTP/1.1\r\n",
  "http://b.test",
  "chunked, ",
  "0\r\n\r\n",
  "#",
  "\\",
  "@",
];

/** A source of numbers that can be repeated: xorshift of 32 bits. */
export class Dice {
  #state: number;

  /** @param seed Not 0. */
  constructor(seed: number) {
    this.#state = seed | 0;
  }

  /** A number from 0 to `below` - 1. */
  roll(below: number): number {
    this.#state ^= this.#state << 13;
    this.#state ^= this.#state >>> 17;
    this.#state ^= this.#state << 5;
    return (this.#state >>> 0) % below;
  }

  /** One of them. */
  pick<Item>(items: readonly Item[]): Item {
    return items[this.roll(items.length)]!;
  }
}

/** A message of the corpus with one to three changes. @param corpus What to change. @default the requests */
export function mutated(dice: Dice, corpus: readonly string[] = CORPUS): string {
  let text = dice.pick(corpus);
  for (let changes = 1 + dice.roll(3); changes > 0; changes--) {
    const at = dice.roll(text.length + 1);
    const size = dice.roll(4);
    switch (dice.roll(5)) {
      case 0:
        text = text.slice(0, at) + dice.pick(PARTS) + text.slice(at);
        break;
      case 1:
        text = text.slice(0, at) + text.slice(at + size);
        break;
      case 2:
        text = text.slice(0, at) + String.fromCharCode(dice.roll(256)) + text.slice(at + 1);
        break;
      case 3:
        text = text.slice(0, at) + dice.pick(PARTS) + text.slice(at + size);
        break;
      default: {
        const line = text.split("\r\n");
        const index = dice.roll(line.length);
        line.splice(index, 0, line[dice.roll(line.length)] ?? "");
        text = line.join("\r\n");
      }
    }
  }
  return text;
}

/** `ordinary`, or as many times as many as the environment variable FERROTUNNEL_TEST_RUNS says. */
export function runs(ordinary: number): number {
  return Math.ceil(ordinary * Number(process.env["FERROTUNNEL_TEST_RUNS"] ?? 1));
}
