import assert from "node:assert/strict";
import { FileReload, RELOAD_CHECK_MS } from "../../src/app/file_reload.ts";
import { describeError } from "../../src/errors.ts";
import { test } from "../harness.ts";
import { FakeClock } from "../support/fake_clock.ts";
import { notedLogger } from "../support/noted_logger.ts";

/** Files that a test writes, and what came of them. */
class Desk {
  readonly clock = new FakeClock();
  readonly taken: string[] = [];
  readonly log: string[] = [];
  /** What the files hold; an error when they cannot be read. */
  content: string | Error = "one";
  reads = 0;
  readonly reload: FileReload<string>;

  constructor() {
    this.reload = new FileReload({
      what: "list",
      content: "one",
      read: () => {
        this.reads++;
        return this.content instanceof Error ? Promise.reject(this.content) : Promise.resolve(this.content);
      },
      take: (content) => {
        if (content.startsWith("bad")) throw new Error(`cannot use ${content}`);
        this.taken.push(content);
      },
      logger: notedLogger(this.log),
      clock: this.clock,
    });
  }

  /** Lets the time of the next look come, and the look end. */
  async tick(): Promise<void> {
    this.clock.advance(RELOAD_CHECK_MS);
    // A look is a handful of promises, and nothing else that waits.
    for (let turn = 0; turn < 20; turn++) await Promise.resolve();
    assert.equal(this.clock.pending, 1);
  }
}

test("FileReload takes what has changed, once", async () => {
  const desk = new Desk();
  await desk.tick();
  assert.equal(desk.reads, 1);
  assert.deepEqual(desk.taken, []);
  desk.content = "two";
  await desk.tick();
  await desk.tick();
  assert.deepEqual(desk.taken, ["two"]);
  desk.content = "one";
  await desk.tick();
  assert.deepEqual(desk.taken, ["two", "one"]);
  assert.deepEqual(desk.log, Array(2).fill("info The list have changed, and are in use"));
  desk.reload.close();
});

test("FileReload looks not before its time, and at once when it is asked", async () => {
  const desk = new Desk();
  desk.content = "two";
  desk.clock.advance(RELOAD_CHECK_MS - 1);
  assert.equal(desk.reads, 0);
  await desk.reload.now();
  assert.deepEqual(desk.taken, ["two"]);
  await Promise.all([desk.reload.now(), desk.reload.now()]);
  assert.deepEqual(desk.taken, ["two"]);
  assert.equal(desk.reads, 3);
  desk.reload.close();
});

for (const [how, bad] of [["read", new Error("no such file")], ["used", "bad"]] as const) {
  test(`FileReload keeps what it has while the files cannot be ${how}, and says so the second time`, async () => {
    const desk = new Desk();
    const reason = bad instanceof Error ? describeError(bad) : "cannot use bad";
    const line = `error The list cannot be used, and the former ones stay: ${reason}`;
    desk.content = bad;
    await desk.tick();
    assert.deepEqual(desk.log, [], "one file of two may be newer than the other");
    for (let tick = 0; tick < 3; tick++) await desk.tick();
    assert.deepEqual(desk.log, [line]);
    assert.deepEqual(desk.taken, []);
    desk.content = "two";
    await desk.tick();
    assert.deepEqual(desk.taken, ["two"]);
    desk.content = bad;
    await desk.reload.now();
    assert.deepEqual(desk.log.filter((text) => text === line), [line, line], "asked for, it is said at once");
    await desk.reload.now();
    assert.equal(desk.log.filter((text) => text === line).length, 3, "and every time");
    desk.reload.close();
  });
}

test("FileReload.close() leaves no timer, and nothing is taken after it", async () => {
  const desk = new Desk();
  desk.content = "two";
  const look = desk.reload.now();
  desk.reload.close();
  await look;
  assert.equal(desk.clock.pending, 0);
  assert.deepEqual(desk.taken, []);
});
