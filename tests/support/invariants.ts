/**
 * What must hold after every hostile test, as checks that an arena makes by itself, and how a test says that exactly one
 * session was ended and why.
 *
 * @module
 */
import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import { inspect } from "node:util";
import type { Logger } from "../../src/log.ts";
import type { Counters } from "../../src/observe/counters.ts";
import type { TunnelServer } from "../../src/tunnel/server.ts";
import { until } from "./deadline.ts";
import type { Puppet } from "./puppet.ts";
import type { RawSocket } from "./raw_socket.ts";

/** Descriptors that a runtime may open for itself meanwhile. */
const OWN_DESCRIPTORS = 4;

/** Time within which everything must be back at the baseline. */
const BASELINE_WITHIN_MS = 10_000;

/** What a server holds. */
export type Holdings = Readonly<Record<"clients" | "streams" | "bufferedBytes" | "unauthenticated", number>>;

/** What a server holds now. */
export function holdingsOf(server: TunnelServer): Holdings {
  const { clients, unauthenticated } = server.status();
  return {
    clients: clients.length,
    streams: clients.reduce((sum, client) => sum + client.streams, 0),
    // What all sessions count together, those included that are over.
    bufferedBytes: server.environment.memory.usedBytes,
    unauthenticated,
  };
}

/** Asserts that the server comes back to what it held before. */
export async function assertBaseline(server: TunnelServer, baseline: Holdings): Promise<void> {
  await until(
    () => inspect(holdingsOf(server)) === inspect(baseline),
    () => `the server is back at ${inspect(baseline)}; it is at ${inspect(holdingsOf(server))}`,
    BASELINE_WITHIN_MS,
  );
}

/** Descriptors of this process, where that can be told. */
export function openDescriptors(): number | undefined {
  try {
    return readdirSync("/proc/self/fd").length;
  } catch {
    return undefined; // Another system; or Deno, which demands every permission for it and watches resources itself.
  }
}

/** Asserts that no descriptors are left over. */
export async function assertDescriptors(before: number | undefined): Promise<void> {
  if (before === undefined) return;
  await until(
    () => (openDescriptors() ?? 0) <= before + OWN_DESCRIPTORS,
    () => `no more than ${before} descriptors are open; ${openDescriptors()} are`,
    BASELINE_WITHIN_MS,
  );
}

/** Asserts that what is sent comes back. */
export async function assertEcho(socket: RawSocket, when: string): Promise<void> {
  const sent = crypto.getRandomValues(new Uint8Array(4096));
  await socket.write(sent);
  const back = await socket.read(sent.length);
  assert.deepEqual(back, sent, `the canary's bytes, ${when}`);
}

/**
 * Lets a puppet send `bytes`, after which the other side must end this session, because of `rule` and nothing else. That no
 * other session was harmed is for the arena to check.
 */
export async function assertKilled(
  counters: Counters,
  puppet: Puppet,
  { bytes, rule }: { readonly bytes: Uint8Array; readonly rule: string },
): Promise<void> {
  const before = counters.get("protocol_errors", rule);
  const all = counters.get("protocol_errors");
  await puppet.sendBytes(bytes);
  await puppet.over();
  assert.deepEqual(
    { ofRule: counters.get("protocol_errors", rule) - before, all: counters.get("protocol_errors") - all },
    { ofRule: 1, all: 1 },
    `protocol errors, of rule ${rule} and in all`,
  );
  await puppet.close();
}

/** Keeps every record of a logger. */
export class LogCollector {
  readonly logger: Logger;
  readonly #records: unknown[][] = [];

  constructor() {
    const keep = (...record: unknown[]): void => void this.#records.push(record);
    const fake = {
      trace: keep,
      debug: keep,
      info: keep,
      warn: keep,
      warning: keep,
      error: keep,
      fatal: keep,
      getChild: () => fake,
      with: () => fake,
    };
    this.logger = fake as unknown as Logger;
  }

  /** Records so far. */
  get count(): number {
    return this.#records.length;
  }

  /** Asserts that no record has `secret` in its message or its values. */
  assertSilentAbout(secret: string): void {
    for (const record of this.#records) {
      const text = inspect(record, { depth: 8, maxStringLength: null });
      assert.ok(!text.includes(secret), `A log record has a secret: ${text}`);
    }
  }
}
