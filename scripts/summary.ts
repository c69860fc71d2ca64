/**
 * Reads the outputs of the test runners.
 *
 * @module
 */

/** What a run of tests came to. */
export interface Tally {
  /** Tests that passed. */
  readonly passed: number;
  /** Tests that failed. */
  readonly failed: number;
  /** Tests that did not run. */
  readonly skipped: number;
  /** Names of the skipped tests, with their reasons. */
  readonly skips: readonly string[];
}

/** The runner whose output is read. */
export type Runner = "deno" | "bun";

/**
 * Reads a runner's output, without colours. A runner that reports success is believed only with its summary; one that
 * reports failure without a failed test, because it crashed or was killed, counts as one failure.
 *
 * @param runner Which one.
 * @param result Its exit code and output.
 * @returns The counts.
 */
export function tallyOf(runner: Runner, result: { code: number; output: string }): Tally {
  const tally = runner === "deno" ? readDeno(result.output) : readBun(result.output);
  if (tally === undefined) return { passed: 0, failed: 1, skipped: 0, skips: [] };
  if (result.code !== 0 && tally.failed === 0) return { ...tally, failed: 1 };
  return tally;
}

/**
 * Adds up counts.
 *
 * @param tallies What to add.
 * @returns The sums, and each skip once.
 */
export function sumOf(tallies: readonly Tally[]): Tally {
  const sum = (pick: (tally: Tally) => number): number =>
    tallies.reduce((total, tally) => total + pick(tally), 0);
  return {
    passed: sum((tally) => tally.passed),
    failed: sum((tally) => tally.failed),
    skipped: sum((tally) => tally.skipped),
    skips: [...new Set(tallies.flatMap((tally) => tally.skips))],
  };
}

/** The closing line. */
export function closingLine({ passed, failed, skipped }: Tally): string {
  return `${passed} passed, ${failed} failed, ${skipped} skipped`;
}

/** `ok | 28 passed (3 steps) | 0 failed | 2 ignored (788ms)` */
function readDeno(output: string): Tally | undefined {
  const summary = /^(?:ok|FAILED) \| (\d+) passed(?: \([^)]*\))? \| (\d+) failed(?: \([^)]*\))?(.*)$/gm;
  const match = [...output.matchAll(summary)].at(-1);
  if (match === undefined) return undefined;
  return {
    passed: Number(match[1]),
    failed: Number(match[2]),
    skipped: Number(/\| (\d+) ignored/.exec(match[3] ?? "")?.[1] ?? 0),
    skips: [...output.matchAll(/^(.+?) \.\.\. ignored/gm)].map((skip) => skip[1] ?? ""),
  };
}

/** ` 28 pass`, ` 2 skip`, ` 0 fail`, each in a line of its own; a number that is nought may be left out. */
function readBun(output: string): Tally | undefined {
  if (!/^Ran \d+ tests? across \d+ files?\./m.test(output)) return undefined;
  const count = (word: string): number => {
    const matches = [...output.matchAll(new RegExp(`^ *(\\d+) ${word}$`, "gm"))];
    return Number(matches.at(-1)?.[1] ?? 0);
  };
  return {
    passed: count("pass"),
    failed: count("fail") + count("errors?"),
    skipped: count("skip"),
    skips: [...output.matchAll(/^\(skip\) (.+?)(?: \[[\d.]+m?s\])?$/gm)].map((skip) => skip[1] ?? ""),
  };
}
