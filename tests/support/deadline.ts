/**
 * Waiting with a deadline, so that a test that would hang fails and says for what it waited.
 *
 * @module
 */

/** How long a test waits for anything, unless it says otherwise. */
export const DEADLINE_MS = 10_000;
/** How often a condition that no event tells of is looked at. */
const LOOK_EVERY_MS = 3;

/** Waits for `promise`. @throws {Error} that names `what` when it takes longer than `deadlineMs` */
export async function within<T>(promise: Promise<T>, what: string, deadlineMs = DEADLINE_MS): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`Waited ${deadlineMs} ms for ${what}`)), deadlineMs);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** Waits until `condition` holds. @throws {Error} that names `what` when it takes longer than `deadlineMs` */
export async function until(
  condition: () => boolean,
  what: string | (() => string),
  deadlineMs = DEADLINE_MS,
): Promise<void> {
  const giveUpAt = performance.now() + deadlineMs;
  while (!condition()) {
    if (performance.now() > giveUpAt) {
      throw new Error(`Waited ${deadlineMs} ms until ${typeof what === "string" ? what : what()}`);
    }
    await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS));
  }
}

/** Looks in a row that must see the same value: longer than the 200 ms after which TCP probes a window that was closed. */
const LOOKS_THAT_MATCH = 150;

/** Waits until `value` does not change any more, which is when buffers on the way are full. */
export async function untilStill(value: () => number, what: string): Promise<void> {
  let last = NaN;
  let same = 0;
  await until(() => {
    const now = value();
    same = now === last ? same + 1 : 0;
    last = now;
    return same >= LOOKS_THAT_MATCH;
  }, what);
}
