import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { generateKeyPairSync, type KeyObject, X509Certificate } from "node:crypto";
import { integer, objectIdentifier, octetString, sequence, time } from "../../src/trust/_der.ts";
import { makeCertificate, OWN_NAME, VALID_DAYS } from "../../src/trust/certificate.ts";
import { test } from "../harness.ts";
import { missing } from "../support/programs.ts";

const DAY_MS = 86_400_000;
const NOW = Date.UTC(2026, 10, 25, 3, 0, 0);

function newKey(): KeyObject {
  return generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey;
}

test("makeCertificate() makes one for its key that is valid from yesterday for ten years", () => {
  const key = newKey();
  const certificate = new X509Certificate(makeCertificate({ key, now: NOW }));
  assert.ok(certificate.checkPrivateKey(key));
  assert.ok(!certificate.checkPrivateKey(newKey()));
  assert.ok(certificate.verify(certificate.publicKey), "its own signature");
  assert.equal(certificate.subject, `CN=${OWN_NAME}`);
  assert.equal(certificate.issuer, certificate.subject);
  assert.equal(certificate.ca, false);
  assert.equal(certificate.subjectAltName, `DNS:${OWN_NAME}`);
  assert.equal(Date.parse(certificate.validFrom), NOW - DAY_MS);
  assert.equal(Date.parse(certificate.validTo), NOW + VALID_DAYS * DAY_MS);
});

test("makeCertificate() gives every certificate a serial number of its own", () => {
  const key = newKey();
  const serials = [1, 2, 3].map(() => new X509Certificate(makeCertificate({ key, now: NOW })).serialNumber);
  assert.equal(new Set(serials).size, 3);
});

test(
  "openssl reads a certificate of ours, in this half of the century and in the next, and verifies it",
  () => {
    for (const [now, begins] of [[NOW, "Nov 24"], [Date.UTC(2055, 0, 2), "Jan  1"]] as const) {
      const input = makeCertificate({ key: newKey(), now });
      const text = execFileSync("openssl", ["x509", "-noout", "-text"], { input }).toString();
      assert.match(text, /Version: 3 \(0x2\)/);
      assert.match(text, new RegExp(`Not Before: ${begins} \\d\\d:\\d\\d:\\d\\d 20(?:26|55) GMT`));
      assert.match(text, /Public-Key: \(256 bit\)/);
      assert.match(text, /X509v3 Basic Constraints: critical\s+CA:FALSE/);
      assert.match(text, /X509v3 Key Usage: critical\s+Digital Signature\n/);
      assert.match(text, /X509v3 Extended Key Usage:\s+TLS Web Server Authentication/);
      assert.match(text, /X509v3 Subject Alternative Name:\s+DNS:ferrotunnel/);
      assert.doesNotMatch(text, /Serial Number: 0|Serial Number:\s+-/);
      const parsed = execFileSync("openssl", ["asn1parse"], { input }).toString();
      assert.match(parsed, now === NOW ? /UTCTIME/ : /GENERALIZEDTIME/);
    }
  },
  { skip: missing("openssl") },
);

test("DER: lengths take one octet up to 127, and as many as they need beyond", () => {
  const length = (size: number): number[] => [...octetString(new Uint8Array(size)).subarray(1, -size)];
  assert.deepEqual(length(127), [127]);
  assert.deepEqual(length(128), [0x81, 128]);
  assert.deepEqual(length(255), [0x81, 255]);
  assert.deepEqual(length(256), [0x82, 1, 0]);
  assert.deepEqual(length(65_536), [0x83, 1, 0, 0]);
  assert.deepEqual([...sequence()], [0x30, 0]);
});

test("DER: integers are as short as can be and never negative", () => {
  const digits = (...bytes: number[]): number[] => [...integer(Uint8Array.from(bytes)).subarray(2)];
  assert.deepEqual(digits(0), [0]);
  assert.deepEqual(digits(0, 0, 0), [0]);
  assert.deepEqual(digits(0x7f), [0x7f]);
  assert.deepEqual(digits(0x80), [0, 0x80]);
  assert.deepEqual(digits(0, 0, 0x81, 2), [0, 0x81, 2]);
});

test("DER: object identifiers, and times before and from 2050", () => {
  assert.deepEqual([...objectIdentifier("1.2.840.10045.4.3.2")], [6, 8, 42, 134, 72, 206, 61, 4, 3, 2]);
  const text = (at: number): string => new TextDecoder().decode(time(new Date(at)).subarray(2));
  assert.equal(text(Date.UTC(2049, 11, 31, 23, 59, 59)), "491231235959Z");
  assert.equal(text(Date.UTC(2050, 0, 1)), "20500101000000Z");
  assert.equal(time(new Date(Date.UTC(2049, 0))).at(0), 0x17);
  assert.equal(time(new Date(Date.UTC(2050, 0))).at(0), 0x18);
});
