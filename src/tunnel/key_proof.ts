/**
 * How a client proves that it has a key: it signs what both sides have said so far, and whom it has reached by TLS.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { createHash, randomBytes } from "node:crypto";
import {
  generatePrivateKey,
  isSigned,
  parsePrivateKey,
  type PrivateKey,
  type PublicKey,
} from "../trust/client_key.ts";
import { formatCapabilities, type KeyTerms, parseCapabilities } from "../wire/capabilities.ts";
import { encodeControl } from "../wire/control.ts";
import type { ControlMessage, Handshake, HandshakeAck } from "../wire/messages.ts";
import type { Grant } from "./grant.ts";
import type { Grants } from "./grants.ts";

/** What stands in front of everything that is signed, so that no signature is good for anything else. */
const CONTEXT = "ferrotunnel.key/1\0";
/** Of a connection without TLS. */
const NO_TLS = "none";

/** What is signed. */
export interface SignedParts {
  /** The client's first message. */
  readonly hello: Handshake;
  /** The server's answer, with its nonce. */
  readonly challenge: HandshakeAck;
  /** See {@linkcode KeyTerms}. */
  readonly tls: string;
}

/** The bytes that are signed: nothing of them is chosen by one side alone. */
export function signedBytes({ hello, challenge, tls }: SignedParts): Uint8Array {
  const digest = (message: ControlMessage): Uint8Array =>
    createHash("sha256").update(encodeControl(message)).digest();
  return Buffer.concat([Buffer.from(CONTEXT), digest(hello), digest(challenge), Buffer.from(tls)]);
}

/** What a client says of the server that it has reached: the beginning of its key's fingerprint, in hexadecimal. */
export function tlsBinding(fingerprint: string | undefined): string {
  if (fingerprint === undefined) return NO_TLS;
  const digest = Buffer.from(fingerprint.slice(fingerprint.indexOf(":") + 1), "base64url");
  return digest.subarray(0, 16).toString("hex");
}

/** Options of {@linkcode answerChallenge}. */
export interface AnswerOptions {
  readonly key: PrivateKey | undefined;
  /** What the client has said. */
  readonly hello: Handshake;
  /** What the server has answered. */
  readonly answer: ControlMessage;
  /** Fingerprint of the server's key; undefined without TLS. */
  readonly fingerprint: string | undefined;
}

/**
 * The client's answer to a challenge.
 *
 * @returns the proof, or undefined when there is no key or the server asks for none
 * @throws {ProtocolError} for an answer with malformed capabilities
 */
export function answerChallenge({ key, hello, answer, fingerprint }: AnswerOptions): Handshake | undefined {
  if (key === undefined || answer.type !== "handshake_ack" || answer.status !== "invalid_token") {
    return undefined;
  }
  const terms = parseCapabilities(answer.capabilities).key;
  if (terms === undefined || !("nonce" in terms)) return undefined;
  const tls = tlsBinding(fingerprint);
  const signature = key.sign(signedBytes({ hello, challenge: answer, tls }));
  return {
    type: "handshake",
    token: Buffer.from(signature).toString("base64url"),
    tunnelId: undefined,
    minVersion: hello.minVersion,
    maxVersion: hello.maxVersion,
    capabilities: formatCapabilities({ window: undefined, services: false, key: { tls } }),
  };
}

/** Nobody has its private half: what is checked for an unknown key, so that it takes as long. */
let nobody: PublicKey | undefined;

/** A server's question to one client, good for one answer. */
export class KeyChallenge {
  /** What the client has said. */
  readonly hello: Handshake;
  /** The question. */
  readonly message: HandshakeAck;
  readonly #id: string;

  /** @param hello The client's message. @param id The key that it says it has. */
  constructor(hello: Handshake, id: string) {
    const key: KeyTerms = { nonce: randomBytes(16).toString("hex") };
    this.hello = hello;
    this.#id = id;
    this.message = {
      type: "handshake_ack",
      sessionId: new Uint8Array(16),
      status: "invalid_token",
      version: 0,
      capabilities: formatCapabilities({ window: undefined, services: false, key }),
    };
  }

  /**
   * Checks the answer.
   *
   * @param proof What the client has answered.
   * @param options The keys, and the fingerprint of the server's own; undefined without TLS.
   * @returns what the key permits, or undefined when it is none, or not the client's
   */
  check(
    proof: Handshake,
    options: { readonly grants: Grants; readonly fingerprint: string | undefined },
  ): Grant | undefined {
    const { fingerprint, grants } = options;
    const found = grants.ofKey(this.#id);
    const terms = parseCapabilities(proof.capabilities).key;
    const tls = terms !== undefined && "tls" in terms ? terms.tls : NO_TLS;
    nobody ??= parsePrivateKey(generatePrivateKey())?.publicKey;
    const key = found?.key ?? nobody;
    const signature = Buffer.from(proof.token, "base64url");
    const parts = { hello: this.hello, challenge: this.message, tls };
    const signed = key !== undefined && isSigned(signedBytes(parts), signature, key);
    // Whoever stands between client and server with a certificate of their own cannot pass the proof on. A server without TLS may
    // have something in front that speaks it, of which it knows nothing.
    const bound = fingerprint === undefined || tls === tlsBinding(fingerprint);
    return signed && bound ? found?.grant : undefined;
  }
}
