import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { formatCapabilities, parseCapabilities } from "../../src/wire/capabilities.ts";
import { encodeControl } from "../../src/wire/control.ts";
import { GO_AWAY_CODES } from "../../src/wire/frame.ts";
import * as messages from "../../src/wire/messages.ts";
import { test } from "../harness.ts";
import { encodeFrame } from "./support.ts";
import { CONTROL_VECTORS, FRAME_VECTORS, fromHex, toHex } from "./vectors.ts";

const text = await readFile(new URL("../../docs/protocol.md", import.meta.url), "utf8");

/** The fenced blocks whose info string begins with `word`: the rest of the info string, and the lines. */
function blocks(word: string): { info: string; lines: string[] }[] {
  const found = [...text.matchAll(/^```(.+)\n([\s\S]*?)^```$/gm)].map(([, info, content]) => ({
    info: info!,
    lines: content!.trimEnd().split("\n"),
  }));
  return found.filter(({ info }) => info.split(" ")[0] === word)
    .map(({ info, lines }) => ({ info: info.slice(word.length).trim(), lines }));
}

test("Every vector in the protocol document is what the program produces, for every kind of frame", () => {
  const shown = new Set<string>();
  for (const { info: name, lines } of blocks("vector")) {
    const documented = toHex(fromHex(lines.map((line) => line.replace(/#.*/, "")).join(" ")));
    const control = CONTROL_VECTORS.find((vector) => vector.name === name);
    const other = FRAME_VECTORS.find((vector) => vector.name === name);
    if (control !== undefined) {
      shown.add(control.message.type);
      assert.equal(documented, toHex(encodeControl(control.message)), name);
    } else {
      assert(other !== undefined, `No vector is called ${name}`);
      shown.add(other.frame.type);
      assert.equal(documented, toHex(encodeFrame(other.frame)), name);
    }
  }
  const kinds = [
    ...CONTROL_VECTORS.map(({ message }) => message.type),
    ...FRAME_VECTORS.map(({ frame }) => frame.type),
  ];
  assert.deepEqual([...shown].sort(), [...new Set(kinds)].sort());
});

test("The enums in the protocol document are those of the program, in the same order", () => {
  const enums: Record<string, readonly string[]> = {
    HandshakeStatus: messages.HANDSHAKE_STATUSES,
    RegisterStatus: messages.REGISTER_STATUSES,
    Protocol: messages.PROTOCOLS,
    Priority: messages.PRIORITIES,
    StreamStatus: messages.STREAM_STATUSES,
    CloseReason: messages.CLOSE_KINDS,
    ErrorCode: messages.ERROR_CODES,
  };
  for (const [name, variants] of Object.entries(enums)) {
    const list = new RegExp(`^- ${name}: ([\\w,\\s]+?)\\n(?=-|\\n)`, "m").exec(text)?.[1] ?? "";
    const documented = list.split(",").map((variant) => variant.trim().toLowerCase());
    assert.deepEqual(documented, variants.map((variant) => variant.replaceAll("_", "")), name);
  }
});

test("The capabilities in the protocol document are what the program names and understands", () => {
  const [block, ...more] = blocks("capabilities");
  assert(block !== undefined && more.length === 0);
  const capabilities = parseCapabilities(block.lines);
  assert.deepEqual(capabilities, {
    window: 262144,
    services: true,
    instance: "00112233445566778899aabbccddeeff",
    group: { member: 1, of: 4 },
    direct: { pool: 8 },
    withdraw: true,
    key: { id: "00112233445566778899aabbccddeeff" },
  });
  assert.deepEqual(formatCapabilities(capabilities), block.lines);
});

test("The protocol document has a row for every code of a go-away", () => {
  const section = text.slice(text.indexOf("### Going away"), text.indexOf("### Liveness"));
  const rows = section.match(/^\| \d/gm) ?? [];
  assert.deepEqual(rows, GO_AWAY_CODES.map((_, code) => `| ${code}`));
});
