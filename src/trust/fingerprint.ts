/**
 * Fingerprints of public keys, and pins: fingerprints that somebody has decided to trust. Pure.
 *
 * A fingerprint is of the key, not of a certificate, so that it stays when the certificate is renewed: SHA-256 over the
 * SubjectPublicKeyInfo (RFC 7469, 2.4), written `sha256:` and base64url without padding.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { createHash, createPrivateKey, createPublicKey, type KeyObject, X509Certificate } from "node:crypto";

/** What a pin looks like. */
export const PIN_EXPECTED =
  '"sha256:" and the 43 characters that the server or `ferrotunnel fingerprint` shows';

const DIGEST_BYTES = 32;
const PREFIX = "sha256:";

/**
 * The fingerprint of a key.
 *
 * @param key A public key, or a private one, which has a public one.
 */
export function fingerprintOfKey(key: KeyObject): string {
  const publicKey = key.type === "private" ? createPublicKey(key) : key;
  const spki = publicKey.export({ type: "spki", format: "der" });
  return PREFIX + createHash("sha256").update(spki).digest("base64url");
}

/**
 * The fingerprint of a certificate's key.
 *
 * @param certificate PEM text, of whose certificates the first counts, or DER.
 * @throws what the runtime throws for something else.
 */
export function fingerprintOfCertificate(certificate: string | Uint8Array): string {
  return fingerprintOfKey(new X509Certificate(certificate).publicKey);
}

/**
 * The fingerprint of the first certificate or the private key in a file.
 *
 * @param pem PEM text.
 * @returns It, or undefined when there is neither.
 * @throws what the runtime throws for a damaged one.
 */
export function fingerprintOfPem(pem: string): string | undefined {
  if (/-----BEGIN (?:TRUSTED |X509 )?CERTIFICATE-----/.test(pem)) return fingerprintOfCertificate(pem);
  return /-----BEGIN [A-Z ]*PRIVATE KEY-----/.test(pem) ? fingerprintOfKey(createPrivateKey(pem)) : undefined;
}

/**
 * Reads a pin. Beside the form that is shown, hexadecimal digits and other ways to write base64 are understood, because
 * other tools print them.
 *
 * @param text What somebody wrote, with or without `sha256:`.
 * @returns The same as {@linkcode fingerprintOfKey} writes it, or undefined when it is no pin.
 *
 * @example
 * ```ts
 * import { parsePin } from "./fingerprint.ts";
 *
 * console.log(parsePin("sha256:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=")); // the same with - and _
 * console.log(parsePin("sha256:short")); // undefined
 * ```
 */
export function parsePin(text: string): string | undefined {
  const digest = text.replace(/^sha256:/i, "");
  const hex = digest.replaceAll(":", "");
  if (/^[0-9a-f]{64}$/i.test(hex)) return PREFIX + Buffer.from(hex, "hex").toString("base64url");
  if (!/^[A-Za-z0-9+/_-]{43}=?$/.test(digest)) return undefined;
  const bytes = Buffer.from(digest, "base64");
  return bytes.length === DIGEST_BYTES ? PREFIX + bytes.toString("base64url") : undefined;
}
