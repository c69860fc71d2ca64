import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { execFileSync } from "node:child_process";
import { createPrivateKey, generateKeyPairSync } from "node:crypto";
import {
  fingerprintOfCertificate,
  fingerprintOfKey,
  fingerprintOfPem,
  parsePin,
} from "../../src/trust/fingerprint.ts";
import { makeCertificate } from "../../src/trust/certificate.ts";
import { test } from "../harness.ts";
import { missing } from "../support/programs.ts";

const EMPTY_HEX = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
const EMPTY = "sha256:47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU";

test("parsePin() understands base64url, base64 and hexadecimal, and writes base64url", () => {
  const ways = [
    EMPTY,
    EMPTY.slice("sha256:".length),
    "SHA256:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU",
    "sha256:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=",
    `sha256:${EMPTY_HEX}`,
    EMPTY_HEX.toUpperCase(),
    `sha256:${(EMPTY_HEX.match(/../g) ?? []).join(":")}`,
  ];
  for (const way of ways) assert.equal(parsePin(way), EMPTY, way);
});

test("parsePin() refuses what is too short or too long by one character, and other text", () => {
  const digits = EMPTY.slice("sha256:".length);
  const wrong = [
    "",
    "sha256:",
    `sha256:${digits.slice(1)}`,
    `sha256:${digits}A`,
    `sha256:${digits}==`,
    `sha1:${digits}`,
    `sha256:${digits.slice(1)}!`,
    `sha256:${EMPTY_HEX.slice(1)}`,
    `sha256:${EMPTY_HEX}0`,
    ` ${EMPTY}`,
    `${EMPTY}\n`,
  ];
  for (const text of wrong) assert.equal(parsePin(text), undefined, JSON.stringify(text));
});

test("A fingerprint is the same from the private key, the public key, the certificate and either PEM", () => {
  const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const cert = makeCertificate({ key: privateKey, now: Date.now() });
  const fingerprint = fingerprintOfKey(publicKey);
  assert.match(fingerprint, /^sha256:[A-Za-z0-9_-]{43}$/);
  assert.equal(parsePin(fingerprint), fingerprint);
  assert.equal(fingerprintOfKey(privateKey), fingerprint);
  assert.equal(fingerprintOfCertificate(cert), fingerprint);
  assert.equal(fingerprintOfPem(cert), fingerprint);
  const pem = privateKey.export({ type: "pkcs8", format: "pem" }).toString();
  assert.equal(fingerprintOfPem(pem), fingerprint);
  assert.equal(fingerprintOfKey(createPrivateKey(pem)), fingerprint);
  assert.equal(fingerprintOfPem("nothing of the kind"), undefined);
  assert.throws(() => fingerprintOfPem("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"));
});

test("A fingerprint is what openssl computes", () => {
  const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const cert = makeCertificate({ key: privateKey, now: Date.now() });
  const publicKey = execFileSync("openssl", ["x509", "-noout", "-pubkey"], { input: cert });
  const spki = execFileSync("openssl", ["pkey", "-pubin", "-outform", "der"], { input: publicKey });
  const digest = execFileSync("openssl", ["dgst", "-sha256", "-binary"], { input: spki });
  assert.equal(fingerprintOfCertificate(cert), `sha256:${Buffer.from(digest).toString("base64url")}`);
}, { skip: missing("openssl") });
