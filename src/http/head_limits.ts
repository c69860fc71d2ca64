/**
 * Bounds of the heads of messages.
 *
 * @module
 */

/** Bounds of a head, of requests and of responses. */
export interface HeadLimits {
  /** Bytes of a whole head, with the empty line at its end. @default 32768 */
  readonly maxHeadBytes: number;
  /** Fields of a head. @default 100 */
  readonly maxFields: number;
  /** Bytes of a request's target as it came. @default 8192 */
  readonly maxTargetBytes: number;
}

/** Bounds that hold where nothing else is said. */
export const DEFAULT_HEAD_LIMITS: HeadLimits = {
  maxHeadBytes: 32 * 1024,
  maxFields: 100,
  maxTargetBytes: 8 * 1024,
};
