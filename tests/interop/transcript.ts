/**
 * Recorded conversations with the Rust program: whole frames, in the order in which they passed a proxy.
 *
 * @module
 */
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { decodeControl, encodeControl } from "../../src/wire/control.ts";
import { FRAME_CONTROL } from "../../src/wire/frame.ts";
import type { ControlMessage } from "../../src/wire/messages.ts";

const FOLDER = fileURLToPath(new URL("transcripts/", import.meta.url));

/** Who sent a frame, and its bytes; or the beginning of what visitors do next. */
export type Entry =
  | { readonly from: "rust" | "ours"; readonly frame: Uint8Array }
  | { readonly step: string };

/** A recorded conversation. */
export interface Transcript {
  /** The scenario's name. */
  readonly scenario: string;
  /** What the Rust program calls itself. */
  readonly rust: string;
  readonly entries: readonly Entry[];
}

/** Cuts what arrives into whole frames. */
export class FrameCutter {
  #bytes = new Uint8Array(0);

  /** Bytes of a frame that has begun. */
  get pendingBytes(): number {
    return this.#bytes.length;
  }

  /** @returns the frames that are complete now */
  push(chunk: Uint8Array): Uint8Array[] {
    const all = new Uint8Array(this.#bytes.length + chunk.length);
    all.set(this.#bytes);
    all.set(chunk, this.#bytes.length);
    const frames: Uint8Array[] = [];
    let at = 0;
    while (all.length - at >= 4) {
      const length = 4 + new DataView(all.buffer).getUint32(at);
      if (all.length - at < length) break;
      frames.push(all.slice(at, at + length));
      at += length;
    }
    this.#bytes = all.slice(at);
    return frames;
  }
}

/** The control message in a frame, or undefined when it is another frame. */
export function messageIn(frame: Uint8Array): ControlMessage | undefined {
  return frame[4] === FRAME_CONTROL ? decodeControl(frame.subarray(5)) : undefined;
}

/**
 * A frame of ours with what differs each time made the same: the session id that our server draws, the instance that our
 * client draws, and the time in our client's heartbeats. An answer to a heartbeat is left as it is.
 */
export function normalised(frame: Uint8Array): Uint8Array {
  const message = messageIn(frame);
  switch (message?.type) {
    case "handshake_ack":
      return encodeControl({ ...message, sessionId: new Uint8Array(16) });
    case "handshake": {
      const capabilities = message.capabilities.map((name) =>
        name.replace(/(?<=;id=)[0-9a-f]{32}$/, "0".repeat(32))
      );
      return encodeControl({ ...message, capabilities });
    }
    case "heartbeat":
      return encodeControl({ ...message, timestamp: 1_700_000_000_000n });
    default:
      return frame;
  }
}

/** Bytes as hexadecimal digits. */
export function toHex(bytes: Uint8Array): string {
  return [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

function fromHex(text: string): Uint8Array {
  return Uint8Array.from(text.match(/../g) ?? [], (digits) => parseInt(digits, 16));
}

/** Writes a transcript, one entry a line. */
export function saveTranscript({ scenario, rust, entries }: Transcript): void {
  mkdirSync(FOLDER, { recursive: true });
  const lines = entries.map((entry) =>
    JSON.stringify("step" in entry ? { step: entry.step } : { [entry.from]: toHex(entry.frame) })
  );
  const head = `"scenario": ${JSON.stringify(scenario)},\n  "rust": ${JSON.stringify(rust)}`;
  writeFileSync(
    join(FOLDER, `${scenario}.json`),
    `{\n  ${head},\n  "entries": [\n    ${lines.join(",\n    ")}\n  ]\n}\n`,
  );
}

/** Names of all transcripts. */
export function transcriptNames(): string[] {
  return readdirSync(FOLDER).filter((name) => name.endsWith(".json")).map((name) => name.slice(0, -5)).sort();
}

/** Reads one. */
export function loadTranscript(name: string): Transcript {
  const { scenario, rust, entries } = JSON.parse(readFileSync(join(FOLDER, `${name}.json`), "utf8")) as {
    scenario: string;
    rust: string;
    entries: { step?: string; rust?: string; ours?: string }[];
  };
  return {
    scenario,
    rust,
    entries: entries.map((entry) => {
      if (entry.step !== undefined) return { step: entry.step };
      const from = entry.ours === undefined ? "rust" : "ours";
      return { from, frame: fromHex(entry[from] ?? "") };
    }),
  };
}
