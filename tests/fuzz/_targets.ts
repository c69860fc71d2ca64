/**
 * What is fuzzed: each target is fed with changed bytes and compares several ways to the same answer, so that not only a crash is
 * a finding.
 *
 * @module
 */
import { BODY_TARGETS } from "./_body_targets.ts";
import { HEAD_TARGETS } from "./_head_targets.ts";
import { SESSION_TARGETS } from "./_session_target.ts";
import type { FuzzTarget } from "./_target.ts";
import { WIRE_TARGETS } from "./_wire_targets.ts";

/** All targets. */
export const TARGETS: readonly FuzzTarget[] = [
  ...WIRE_TARGETS,
  ...HEAD_TARGETS,
  ...BODY_TARGETS,
  ...SESSION_TARGETS,
];
