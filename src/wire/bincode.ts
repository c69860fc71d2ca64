/**
 * The part of bincode 2 (its `standard` configuration) that the control messages are made of: what its reader and its
 * writer share.
 *
 * @module
 */

/** A string or byte string: its name in messages of errors, and the most bytes it may have. */
export interface FieldLimit {
  /** For messages of errors. */
  readonly name: string;
  /** Most bytes of the content. In a list, of one entry; in a list of pairs, of both strings together. */
  readonly maxBytes: number;
}

/** A list or a map. */
export interface ListLimit extends FieldLimit {
  /** Most entries. */
  readonly maxEntries: number;
}

/** First byte of a varint whose value follows in two bytes. A byte under this is the value itself. */
export const VARINT_U16 = 251;
/** First byte of a varint whose value follows in four bytes. */
export const VARINT_U32 = 252;
/** First byte of a varint whose value follows in eight bytes. */
export const VARINT_U64 = 253;
/** First byte of a varint whose value follows in sixteen bytes. No field is that wide. */
export const VARINT_U128 = 254;
