/**
 * Keys with which clients prove who they are, in place of a token: Ed25519 (RFC 8032).
 *
 * @module
 */
import { Buffer } from "node:buffer";
import {
  createHash,
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  sign,
  verify,
} from "node:crypto";

const PREFIX = "ed25519:";
/** What a public key looks like, in words. */
export const PUBLIC_KEY_EXPECTED = '"ed25519:" and the 43 characters that `ferrotunnel key` prints';
/** What a public key looks like. */
export const PUBLIC_KEY_PATTERN = /^ed25519:[A-Za-z0-9_-]{43}$/;
/** Bytes of a signature. */
export const SIGNATURE_BYTES = 64;

/** What stands in front of the 32 bytes of an Ed25519 key in a SubjectPublicKeyInfo (RFC 8410, 4). */
const SPKI_HEADER = Buffer.from("302a300506032b6570032100", "hex");

/** A public key. */
export interface PublicKey {
  /** `ed25519:` and base64url without padding, of the 32 bytes. */
  readonly text: string;
  /** Names it on the wire: the first 16 bytes of the key's SHA-256, in hexadecimal. */
  readonly id: string;
  readonly key: KeyObject;
}

/** A private key. */
export interface PrivateKey {
  /** Its public one. */
  readonly publicKey: PublicKey;
  /** Signs a message. @returns 64 bytes */
  sign(message: Uint8Array): Uint8Array;
}

/**
 * Reads a public key.
 *
 * @param text `ed25519:` and 43 characters.
 * @throws {TypeError} for anything else
 */
export function parsePublicKey(text: string): PublicKey {
  if (!PUBLIC_KEY_PATTERN.test(text)) throw new TypeError(`Expected ${PUBLIC_KEY_EXPECTED}`);
  const raw = Buffer.from(text.slice(PREFIX.length), "base64url");
  return publicKeyOf(raw);
}

/**
 * Reads a private key.
 *
 * @param pem PKCS #8, PEM.
 * @returns It, or undefined when the text is none for Ed25519.
 */
export function parsePrivateKey(pem: string): PrivateKey | undefined {
  let key: KeyObject;
  try {
    key = createPrivateKey(pem);
  } catch {
    return undefined; // Whatever is wrong with it, no part of it may get into a message.
  }
  if (key.asymmetricKeyType !== "ed25519") return undefined;
  const spki = createPublicKey(key).export({ type: "spki", format: "der" });
  return {
    publicKey: publicKeyOf(spki.subarray(SPKI_HEADER.length)),
    sign: (message) => sign(null, message, key),
  };
}

/** Makes a key. @returns PKCS #8, PEM */
export function generatePrivateKey(): string {
  return generateKeyPairSync("ed25519").privateKey.export({ type: "pkcs8", format: "pem" }).toString();
}

/** Whether the owner of the key has signed the message. */
export function isSigned(message: Uint8Array, signature: Uint8Array, { key }: PublicKey): boolean {
  return signature.length === SIGNATURE_BYTES && verify(null, message, key, signature);
}

function publicKeyOf(raw: Uint8Array): PublicKey {
  return {
    text: PREFIX + Buffer.from(raw).toString("base64url"),
    id: createHash("sha256").update(raw).digest("hex").slice(0, 32),
    key: createPublicKey({ key: Buffer.concat([SPKI_HEADER, raw]), format: "der", type: "spki" }),
  };
}
