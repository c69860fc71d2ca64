/**
 * The head of a request read as one would at first: decoded, split at line ends and colons, and believed. What the real parser
 * checks comes on top of this.
 *
 * @module
 */

/** What the naive reader finds. */
export interface NaiveHead {
  readonly method: string;
  readonly target: string;
  readonly version: string;
  /** As they came, in their order. */
  readonly fields: readonly (readonly [name: string, value: string])[];
}

const decoder = new TextDecoder("latin1");

/**
 * Reads a whole head.
 *
 * @param bytes A head up to the empty line at its end, with or without bytes behind.
 * @returns Undefined when the empty line is not there.
 */
export function readNaively(bytes: Uint8Array): NaiveHead | undefined {
  const text = decoder.decode(bytes);
  const end = text.indexOf("\r\n\r\n");
  if (end === -1) return undefined;
  const [line = "", ...lines] = text.slice(0, end).split("\r\n");
  const [method = "", target = "", version = ""] = line.split(" ");
  const fields = lines.map((field): readonly [string, string] => {
    const colon = field.indexOf(":");
    return [field.slice(0, colon), field.slice(colon + 1).trim()];
  });
  return { method, target, version: version.replace("HTTP/", ""), fields };
}
