import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { generatePrivateKey, parsePrivateKey, parsePublicKey } from "../../src/trust/client_key.ts";
import { Grants } from "../../src/tunnel/grants.ts";
import { answerChallenge, KeyChallenge, signedBytes, tlsBinding } from "../../src/tunnel/key_proof.ts";
import type { Handshake } from "../../src/wire/messages.ts";
import { test } from "../harness.ts";
import { KEY_CHALLENGE, KEY_HELLO, KEY_PEM, KEY_PROOF, KEY_SIGNED } from "../wire/vectors_key.ts";
import { FakeClock } from "./fake_clock.ts";

function privateKey(pem = KEY_PEM): NonNullable<ReturnType<typeof parsePrivateKey>> {
  const key = parsePrivateKey(pem);
  assert.ok(key !== undefined);
  return key;
}

const KEY = privateKey();
const OTHER = privateKey(generatePrivateKey());
const FINGERPRINT = "sha256:47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU";

function grants(): Grants {
  return new Grants({
    clock: new FakeClock(),
    tokens: [],
    keys: [{ name: "home", publicKey: KEY.publicKey.text }, {
      name: "other",
      publicKey: OTHER.publicKey.text,
    }],
  });
}

function helloOf(key: typeof KEY): Handshake {
  return { ...KEY_HELLO, capabilities: ["basic", "tcp", `ferrotunnel.key/1;id=${key.publicKey.id}`] };
}

function proofFor(challenge: KeyChallenge, key = KEY, fingerprint?: string): Handshake {
  const { hello, message: answer } = challenge;
  const proof = answerChallenge({ key, hello, answer, fingerprint });
  assert.ok(proof !== undefined);
  return proof;
}

test("A key is that of RFC 8032, and what is signed is what the vectors say", () => {
  assert.equal(KEY.publicKey.text, "ed25519:11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo");
  assert.deepEqual(parsePublicKey(KEY.publicKey.text).id, "21fe31dfa154a261626bf854046fd227");
  const parts = { hello: KEY_HELLO, challenge: KEY_CHALLENGE, tls: "none" };
  assert.equal(Buffer.from(signedBytes(parts)).toString("hex"), KEY_SIGNED);
  const proof = answerChallenge({
    key: KEY,
    hello: KEY_HELLO,
    answer: KEY_CHALLENGE,
    fingerprint: undefined,
  });
  assert.deepEqual(proof, KEY_PROOF);
});

test("A proof is good for its own challenge, and names the key that was proved", () => {
  const known = grants();
  for (const [key, name] of [[KEY, "home"], [OTHER, "other"]] as const) {
    const challenge = new KeyChallenge(helloOf(key), key.publicKey.id);
    const proof = proofFor(challenge, key);
    assert.equal(challenge.check(proof, { grants: known, fingerprint: undefined })?.name, name);
  }
});

test("H11: a replayed proof, one for another nonce, of another key, cut short or changed is refused", () => {
  const known = grants();
  const id = KEY.publicKey.id;
  const first = new KeyChallenge(KEY_HELLO, id);
  const good = proofFor(first);
  const check = (challenge: KeyChallenge, proof: Handshake): unknown =>
    challenge.check(proof, { grants: known, fingerprint: undefined });
  assert.ok(check(first, good) !== undefined);
  const wrong: [string, KeyChallenge, Handshake][] = [
    ["replayed", new KeyChallenge(KEY_HELLO, id), good],
    ["another key's", first, proofFor(first, OTHER)],
    ["for another name", new KeyChallenge(helloOf(OTHER), OTHER.publicKey.id), good],
    ["of an unknown key", new KeyChallenge(KEY_HELLO, "0".repeat(32)), good],
    ["truncated", first, { ...good, token: good.token.slice(0, -2) }],
    ["too long", first, { ...good, token: `${good.token}AAAA` }],
    ["missing", first, { ...good, token: "" }],
    ["no base64", first, { ...good, token: "!".repeat(86) }],
    ["changed", first, { ...good, token: `A${good.token.slice(1)}` }],
    ["bound to a server that was not seen", first, {
      ...good,
      capabilities: [`ferrotunnel.key/1;tls=${"0".repeat(32)}`],
    }],
  ];
  for (const [name, challenge, proof] of wrong) assert.equal(check(challenge, proof), undefined, name);
  // Whatever the client said at first is signed.
  const hello = { ...KEY_HELLO, tunnelId: "elsewhere" };
  const relabelled = Object.assign(new KeyChallenge(hello, id), { message: first.message });
  assert.equal(check(relabelled, good), undefined);
  const nonces = new Set(
    Array.from({ length: 100 }, () => new KeyChallenge(KEY_HELLO, id).message.capabilities[2]),
  );
  assert.equal(nonces.size, 100);
});

test("With TLS a proof is good only for the server's own key; a server without TLS does not know what stands before it", () => {
  const known = grants();
  const challenge = new KeyChallenge(KEY_HELLO, KEY.publicKey.id);
  const through = proofFor(challenge, KEY, FINGERPRINT);
  const elsewhere = proofFor(challenge, KEY, FINGERPRINT.replace("47", "74"));
  const plain = proofFor(challenge);
  const check = (proof: Handshake, fingerprint?: string): boolean =>
    challenge.check(proof, { grants: known, fingerprint }) !== undefined;
  assert.deepEqual([through, elsewhere, plain].map((proof) => check(proof, FINGERPRINT)), [
    true,
    false,
    false,
  ]);
  assert.deepEqual([through, elsewhere, plain].map((proof) => check(proof)), [true, true, true]);
  assert.equal(tlsBinding(FINGERPRINT).length, 32);
});

test("A client answers only a server that asks, and only when it has a key", () => {
  const ask = { key: KEY, hello: KEY_HELLO, answer: KEY_CHALLENGE, fingerprint: undefined };
  assert.equal(answerChallenge({ ...ask, key: undefined }), undefined);
  assert.equal(answerChallenge({ ...ask, answer: { ...KEY_CHALLENGE, capabilities: [] } }), undefined);
  assert.equal(answerChallenge({ ...ask, answer: { ...KEY_CHALLENGE, status: "rate_limited" } }), undefined);
  assert.equal(answerChallenge({ ...ask, answer: KEY_HELLO }), undefined);
});

test("What is no key is refused without being repeated", () => {
  const wrong = ["", "ed25519:", "ed25519:short", `rsa:${"A".repeat(43)}`, `ed25519:${"A".repeat(44)}`];
  for (const text of wrong) assert.throws(() => parsePublicKey(text), TypeError, text);
  assert.equal(parsePrivateKey("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"), undefined);
  assert.equal(parsePrivateKey("secret"), undefined);
});
