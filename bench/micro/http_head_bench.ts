/**
 * The parser of request heads, beside a naive reader that checks nothing: `deno bench bench/micro/`.
 *
 * @module
 */
import { RequestHeadParser } from "../../src/http/request_head.ts";
import { readNaively } from "./naive_head.ts";
import { REQUESTS } from "./requests.ts";

for (const [name, bytes] of Object.entries(REQUESTS)) {
  const group = `request head, ${name}, ${bytes.length} bytes`;
  const parser = new RequestHeadParser();
  Deno.bench({ name: `parser, ${name}`, group, baseline: true, fn: () => void parser.push(bytes) });
  Deno.bench({ name: `naive, ${name}`, group, fn: () => void readNaively(bytes) });
  // As it comes from a visitor who writes a head in two pieces: the parser keeps the first.
  const cut = bytes.length >> 1;
  Deno.bench({
    name: `parser, ${name}, in two pieces`,
    group,
    fn: () => {
      parser.push(bytes, 0, cut);
      parser.push(bytes, cut);
    },
  });
}
