/**
 * One face for the test runners of Deno and Bun. Assertions come from `node:assert/strict`.
 *
 * @module
 */

/** Options of {@linkcode test}. */
export interface TestOptions {
  /** Why the test cannot run here; undefined when it can. Printed by the runner as part of the name. */
  readonly skip?: string | undefined;
  /** Deadline in milliseconds; a hang is a failure. @default 60000 */
  readonly timeoutMs?: number;
}

interface BunTest {
  test: ((name: string, run: () => void | Promise<void>, timeoutMs: number) => void) & {
    skip(name: string, run: () => void): void;
  };
}

/** "deno" or "bun": the runtime that runs this test. */
export const runtimeName: "deno" | "bun" = "Deno" in globalThis ? "deno" : "bun";

const bunTest = runtimeName === "bun" ? (await import("bun" + ":test")) as BunTest : undefined;

/**
 * Registers a test with the runner of this runtime.
 *
 * @param name What is tested and what must happen.
 * @param run The test.
 * @param options Skip reason and deadline.
 */
export function test(name: string, run: () => void | Promise<void>, options: TestOptions = {}): void {
  const timeoutMs = options.timeoutMs ?? 60_000;
  if (bunTest !== undefined) {
    if (options.skip !== undefined) bunTest.test.skip(`${name} (${options.skip})`, () => {});
    else bunTest.test(name, run, timeoutMs);
    return;
  }
  const skipped = options.skip === undefined ? name : `${name} (${options.skip})`;
  Deno.test({
    name: skipped,
    ignore: options.skip !== undefined,
    sanitizeOps: true,
    sanitizeResources: true,
    fn: () => withDeadline(run, timeoutMs),
  });
}

async function withDeadline(run: () => void | Promise<void>, timeoutMs: number): Promise<void> {
  let id: ReturnType<typeof setTimeout> | undefined;
  const deadline = new Promise<never>((_, reject) => {
    id = setTimeout(() => reject(new Error(`Test took longer than ${timeoutMs} ms`)), timeoutMs);
  });
  try {
    await Promise.race([Promise.resolve(run()), deadline]);
  } finally {
    clearTimeout(id);
  }
}
