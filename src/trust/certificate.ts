/**
 * Certificates that a server signs for itself. Nobody trusts them for who signed them: clients know the key.
 *
 * Written by hand, because it is one fixed form of sixty lines; libraries for every form bring half a megabyte.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { createPublicKey, type KeyObject, randomBytes, sign } from "node:crypto";
import {
  bitString,
  type Der,
  integer,
  objectIdentifier,
  octetString,
  sequence,
  setOf,
  tagged,
  time,
  utf8String,
  yes,
} from "./_der.ts";

const OID = {
  ecdsaWithSha256: "1.2.840.10045.4.3.2",
  commonName: "2.5.4.3",
  keyUsage: "2.5.29.15",
  subjectAltName: "2.5.29.17",
  basicConstraints: "2.5.29.19",
  extendedKeyUsage: "2.5.29.37",
  serverAuth: "1.3.6.1.5.5.7.3.1",
} as const;

/** The name in a certificate of our own. It says nothing about the machine, and is not looked at by clients that pin. */
export const OWN_NAME = "ferrotunnel";
/** Ten years, and the leap days in them. */
export const VALID_DAYS = 3652;

const DAY_MS = 86_400_000;
const SERIAL_BYTES = 16;

/** Options of {@linkcode makeCertificate}. */
export interface CertificateOptions {
  /** An ECDSA key on P-256. */
  readonly key: KeyObject;
  /** Milliseconds since the epoch, by the wall clock. */
  readonly now: number;
  /** Days from now until it ends. @default VALID_DAYS */
  readonly validDays?: number;
}

/**
 * Makes a certificate for TLS servers, of X.509 version 3 (RFC 5280), signed by its own key.
 *
 * @param options Key and time.
 * @returns It, PEM.
 *
 * @example
 * ```ts
 * import { generateKeyPairSync } from "node:crypto";
 * import { makeCertificate } from "./certificate.ts";
 *
 * const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
 * console.log(makeCertificate({ key: privateKey, now: Date.now() })); // -----BEGIN CERTIFICATE----- …
 * ```
 */
export function makeCertificate({ key, now, validDays = VALID_DAYS }: CertificateOptions): string {
  const algorithm = sequence(objectIdentifier(OID.ecdsaWithSha256));
  const name = sequence(setOf(sequence(objectIdentifier(OID.commonName), utf8String(OWN_NAME))));
  const serial = randomBytes(SERIAL_BYTES);
  // From yesterday, for clients whose clock is behind.
  const validity = sequence(time(new Date(now - DAY_MS)), time(new Date(now + validDays * DAY_MS)));
  const content = sequence(
    tagged(0xa0, integer(Uint8Array.of(2))),
    integer(serial),
    algorithm,
    name,
    validity,
    name,
    createPublicKey(key).export({ type: "spki", format: "der" }),
    tagged(0xa3, extensions()),
  );
  return pem(sequence(content, algorithm, bitString(sign("sha256", content, key))));
}

function extensions(): Der {
  const digitalSignature = bitString(Uint8Array.of(0x80), 7);
  const dnsName = tagged(0x82, new TextEncoder().encode(OWN_NAME));
  return sequence(
    // Not an authority.
    extension(OID.basicConstraints, sequence(), { critical: true }),
    extension(OID.keyUsage, digitalSignature, { critical: true }),
    extension(OID.extendedKeyUsage, sequence(objectIdentifier(OID.serverAuth))),
    extension(OID.subjectAltName, sequence(dnsName)),
  );
}

function extension(identifier: string, value: Der, { critical = false } = {}): Der {
  return sequence(objectIdentifier(identifier), ...(critical ? [yes()] : []), octetString(value));
}

function pem(der: Der): string {
  const lines = Buffer.from(der).toString("base64").match(/.{1,64}/g) ?? [];
  return `-----BEGIN CERTIFICATE-----\n${lines.join("\n")}\n-----END CERTIFICATE-----\n`;
}
