/**
 * What is recorded with the Rust program, and played again without it.
 *
 * @module
 */
import assert from "node:assert/strict";
import type { RawSocket } from "../support/raw_socket.ts";
import { type Pairing, PAIRINGS } from "./bed.ts";
import { Digest, say } from "./service.ts";

/** A wrong token. */
export const WRONG_TOKEN = "wrong-horse";
/** The tunnel id that every recorded client asks for. */
export const TUNNEL_ID = "interop";

/** What visitors do, one step after the other; every step ends when its visitors have seen all they are to see. */
export type Steps = Readonly<Record<string, (connect: () => Promise<RawSocket>) => Promise<void>>>;

/** A scenario. */
export interface Scenario {
  /** Name of its file. */
  readonly name: string;
  readonly pairing: Pairing;
  readonly token?: string;
  /** Whether another client has the tunnel id already. */
  readonly taken?: boolean;
  /** Whether nobody listens where the service should be. */
  readonly serviceDown?: boolean;
  readonly steps: Steps;
}

const decoder = new TextDecoder();
const EVERY_BYTE = Uint8Array.from({ length: 256 }, (_, byte) => byte);

async function ask(visitor: RawSocket, question: string, answer: string): Promise<void> {
  await say(visitor, question);
  assert.equal(decoder.decode(await visitor.read(answer.length)), answer);
}

async function assertEnd(visitor: RawSocket, rest = ""): Promise<void> {
  assert.equal(decoder.decode(await visitor.readToEnd()), rest);
}

/** Visits that end in every way in which they can end cleanly. */
const VISITS: Steps = {
  "the service ends first": async (connect) => {
    const visitor = await connect();
    const hello = new TextEncoder().encode("hello");
    await say(visitor, "put 5\nhello");
    await assertEnd(visitor, new Digest().update(hello).line());
    await visitor.end();
  },
  "the visitor ends first": async (connect) => {
    const visitor = await connect();
    await ask(visitor, "hold\n", "held\n");
    await visitor.end();
    await assertEnd(visitor);
  },
  "the answer comes after the visitor's end": async (connect) => {
    const visitor = await connect();
    await say(visitor, "put\nabc");
    await visitor.end();
    await assertEnd(visitor, new Digest().update(new TextEncoder().encode("abc")).line());
  },
  "every byte, both ways": async (connect) => {
    const visitor = await connect();
    await visitor.write(Uint8Array.of(...new TextEncoder().encode("echo\n"), ...EVERY_BYTE));
    assert.deepEqual(await visitor.read(256), EVERY_BYTE);
    await visitor.end();
    await assertEnd(visitor);
  },
  "two visitors at once": async (connect) => {
    const first = await connect();
    await ask(first, "hold\n", "held\n");
    const second = await connect();
    await ask(second, "hold\n", "held\n");
    await first.end();
    await assertEnd(first);
    await second.end();
    await assertEnd(second);
  },
  "nothing is said": async (connect) => {
    const visitor = await connect();
    await visitor.end();
    await assertEnd(visitor);
  },
};

/** The Rust client does not say that its service is away; ours does. */
const VISIT_TO_NOBODY: Readonly<Record<Pairing, Steps>> = {
  "Rust client, our server": {
    "a visitor gives up": async (connect) => {
      const visitor = await connect();
      await say(visitor, "hold\n");
      await visitor.end();
    },
  },
  "our client, Rust server": {
    "a visitor is sent away": async (connect) => {
      const visitor = await connect();
      await assertEnd(visitor);
      await visitor.end();
    },
  },
};

function scenariosOf(pairing: Pairing): Scenario[] {
  const prefix = pairing === "Rust client, our server" ? "rust_client" : "rust_server";
  return [
    { name: `${prefix}_visits`, pairing, steps: VISITS },
    { name: `${prefix}_service_down`, pairing, serviceDown: true, steps: VISIT_TO_NOBODY[pairing] },
    { name: `${prefix}_wrong_token`, pairing, token: WRONG_TOKEN, steps: {} },
    { name: `${prefix}_tunnel_id_taken`, pairing, taken: true, steps: {} },
  ];
}

/** All of them. */
export const SCENARIOS: readonly Scenario[] = PAIRINGS.flatMap(scenariosOf);
