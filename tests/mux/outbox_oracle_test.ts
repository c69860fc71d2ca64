import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import fc from "fast-check";
import { MAX_COPIED_PAYLOAD_BYTES, Outbox } from "../../src/mux/outbox.ts";
import { PRIORITIES, type Priority } from "../../src/wire/messages.ts";
import { test } from "../harness.ts";
import { type AnyOutbox, FakeSender } from "./fake_sender.ts";
import { SlowOutbox } from "./slow_outbox.ts";
import { runs } from "./support.ts";

const SENDERS = 6;

type Action =
  | { readonly type: "send"; readonly sender: number; readonly bytes: number }
  | { readonly type: "end"; readonly sender: number }
  | { readonly type: "close"; readonly sender: number }
  | { readonly type: "grant"; readonly sender: number; readonly bytes: number }
  | { readonly type: "control"; readonly bytes: number }
  | { readonly type: "credit" }
  | { readonly type: "next" }
  | { readonly type: "written" };

const size = fc.oneof(
  fc.integer({ min: 1, max: 300 }),
  fc.constantFrom(MAX_COPIED_PAYLOAD_BYTES - 1, MAX_COPIED_PAYLOAD_BYTES, MAX_COPIED_PAYLOAD_BYTES + 1),
  fc.integer({ min: 1, max: 70_000 }),
);
const sender = fc.nat(SENDERS - 1);
const of = <T extends string>(type: T): fc.Arbitrary<T> => fc.constant(type);

const action: fc.Arbitrary<Action> = fc.oneof(
  { weight: 8, arbitrary: fc.record({ type: of("send"), sender, bytes: size }) },
  {
    weight: 1,
    arbitrary: fc.oneof(fc.record({ type: of("end"), sender }), fc.record({ type: of("close"), sender })),
  },
  { weight: 3, arbitrary: fc.record({ type: of("grant"), sender, bytes: size }) },
  { weight: 1, arbitrary: fc.record({ type: of("control"), bytes: fc.integer({ min: 6, max: 100_000 }) }) },
  { weight: 2, arbitrary: fc.record({ type: of("credit") }) },
  { weight: 10, arbitrary: fc.oneof(fc.record({ type: of("next") }), fc.record({ type: of("written") })) },
);

interface SenderPlan {
  readonly priority: Priority;
  readonly headroom: boolean;
  readonly creditBytes: number;
  readonly knowsHalfClose: boolean;
  /** Sends so much again when a chunk is done, a few times. */
  readonly again: number;
}

const plan: fc.Arbitrary<SenderPlan> = fc.record({
  priority: fc.constantFrom(...PRIORITIES),
  headroom: fc.boolean(),
  creditBytes: fc.oneof(fc.constant(Infinity), fc.constant(0), size),
  knowsHalfClose: fc.boolean(),
  again: fc.oneof(fc.constant(0), size),
});

/** Runs a schedule and returns what each action answered: a write as text, or a boolean. */
function play(outbox: AnyOutbox, plans: readonly SenderPlan[], actions: readonly Action[]): string[] {
  const answers: string[] = [];
  const senders = plans.map((each, index) => {
    const made = new FakeSender(outbox, { ...each, id: index + 1 });
    let left = 20;
    made.whenDone = () => {
      if (left-- > 0) made.send(each.again);
      if (left % 5 === 0) outbox.windowUpdate(made.id, left + 1);
    };
    return made;
  });
  let writing = false;
  const write = (): void => {
    if (writing) return;
    const bytes = outbox.next();
    writing = bytes !== undefined;
    answers.push(bytes === undefined ? "nothing" : Buffer.from(bytes).toString("latin1"));
  };
  const finish = (): void => {
    if (writing) outbox.written();
    writing = false;
  };
  for (const each of actions) {
    switch (each.type) {
      case "next":
        write();
        break;
      case "written":
        finish();
        break;
      case "credit":
        outbox.windowUpdate(3, 700);
        break;
      case "control":
        answers.push(String(outbox.control(new Uint8Array(each.bytes).fill(each.bytes))));
        break;
      case "send":
        senders[each.sender]?.send(each.bytes);
        break;
      case "grant":
        senders[each.sender]?.grant(each.bytes);
        break;
      case "end":
        senders[each.sender]?.end();
        break;
      case "close":
        senders[each.sender]?.close();
    }
  }
  for (let i = 0; i < 500; i++) {
    finish();
    write();
    if (!writing) return [...answers, ...senders.map((each) => `${each.id}: ${each.frames.join()}`)];
  }
  assert.fail("The outbox never runs dry");
}

test("Outbox does what its oracle does, on random schedules", () => {
  fc.assert(
    fc.property(
      fc.array(plan, { minLength: SENDERS, maxLength: SENDERS }),
      fc.array(action, { maxLength: 60, size: "max" }),
      fc.constantFrom(16 * 1024, 20_000, 64 * 1024),
      (plans, actions, frameBytes) => {
        const expected = play(new SlowOutbox(() => frameBytes), plans, actions);
        const found = play(new Outbox(() => frameBytes), plans, actions);
        assert.equal(found.length, expected.length);
        found.forEach((answer, index) => assert(answer === expected[index], `difference in answer ${index}`));
      },
    ),
    { numRuns: runs(60) },
  );
});
