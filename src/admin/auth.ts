/**
 * The bearer token of the admin endpoint.
 *
 * @module
 */
import { createHash, timingSafeEqual } from "node:crypto";

/**
 * Makes the check of the `Authorization` field. Digests are compared instead of the tokens, so that neither content nor
 * length shows in the time it takes.
 *
 * @param token The token that is right.
 * @returns Tells whether a field's value carries the token.
 * @throws {RangeError} when the token is empty.
 */
export function createBearerCheck(token: string): (authorization: string | undefined) => boolean {
  if (token === "") throw new RangeError("Cannot check for an empty token");
  const expected = sha256(token);
  return (authorization) => {
    const presented = /^Bearer +(.+)$/i.exec(authorization ?? "")?.[1];
    // A missing token is compared as well: it is as wrong as any other, and takes as long.
    return timingSafeEqual(sha256(presented ?? ""), expected);
  };
}

function sha256(text: string): Uint8Array {
  return createHash("sha256").update(text).digest();
}
