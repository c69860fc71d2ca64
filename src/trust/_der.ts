/**
 * Writes DER (ITU-T X.690), as much of it as a certificate needs.
 *
 * @module
 */

/** Bytes of one value, with its tag and length. */
export type Der = Uint8Array;

/** Tags of the values that are made here. */
const TAG = {
  boolean: 0x01,
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
  objectIdentifier: 0x06,
  utf8String: 0x0c,
  utcTime: 0x17,
  generalizedTime: 0x18,
  sequence: 0x30,
  set: 0x31,
} as const;

/** A tag, the length and the content. */
export function tagged(tag: number, ...parts: readonly Uint8Array[]): Der {
  const length = parts.reduce((sum, part) => sum + part.length, 0);
  return concatenate([Uint8Array.of(tag, ...lengthOctets(length)), ...parts]);
}

/** `SEQUENCE` of values. */
export function sequence(...values: readonly Der[]): Der {
  return tagged(TAG.sequence, ...values);
}

/** `SET` of one value; more would have to be sorted. */
export function setOf(value: Der): Der {
  return tagged(TAG.set, value);
}

/** `BOOLEAN` true. False is the default wherever it is used here, and defaults are left out. */
export function yes(): Der {
  return tagged(TAG.boolean, Uint8Array.of(0xff));
}

/** A non-negative `INTEGER`. @param bytes Its value, most significant byte first */
export function integer(bytes: Uint8Array): Der {
  const first = bytes.findIndex((byte) => byte !== 0);
  const digits = first < 0 ? Uint8Array.of(0) : bytes.subarray(first);
  // A first bit of one would make it negative.
  const sign = (digits[0] ?? 0) >= 0x80 ? [Uint8Array.of(0)] : [];
  return tagged(TAG.integer, ...sign, digits);
}

/** `BIT STRING`. @param unusedBits How many bits at its end do not count */
export function bitString(bytes: Uint8Array, unusedBits = 0): Der {
  return tagged(TAG.bitString, Uint8Array.of(unusedBits), bytes);
}

/** `OCTET STRING`. */
export function octetString(bytes: Uint8Array): Der {
  return tagged(TAG.octetString, bytes);
}

/** `OBJECT IDENTIFIER`. @param dotted Such as "2.5.4.3" */
export function objectIdentifier(dotted: string): Der {
  const [first = 0, second = 0, ...others] = dotted.split(".").map(Number);
  return tagged(TAG.objectIdentifier, Uint8Array.from([first * 40 + second, ...others].flatMap(base128)));
}

/** `UTF8String`. */
export function utf8String(text: string): Der {
  return tagged(TAG.utf8String, new TextEncoder().encode(text));
}

/** The time as RFC 5280 (4.1.2.5) wants it: `UTCTime` up to 2049, then `GeneralizedTime`; whole seconds. */
export function time(at: Date): Der {
  const digits = `${at.toISOString().slice(0, 19).replaceAll(/[-T:]/g, "")}Z`;
  return at.getUTCFullYear() < 2050
    ? tagged(TAG.utcTime, new TextEncoder().encode(digits.slice(2)))
    : tagged(TAG.generalizedTime, new TextEncoder().encode(digits));
}

function lengthOctets(length: number): number[] {
  if (length < 0x80) return [length];
  const digits: number[] = [];
  for (let rest = length; rest > 0; rest >>>= 8) digits.unshift(rest & 0xff);
  return [0x80 | digits.length, ...digits];
}

function base128(value: number): number[] {
  const digits = [value & 0x7f];
  for (let rest = value >>> 7; rest > 0; rest >>>= 7) digits.unshift(0x80 | (rest & 0x7f));
  return digits;
}

function concatenate(parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
