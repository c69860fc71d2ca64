/**
 * Golden vectors of a client that proves to have a key, and of one that takes a service back: whole frames in hexadecimal. The key
 * is that of RFC 8032, 7.1, test 1.
 *
 * @module
 */
import type { Handshake, HandshakeAck } from "../../src/wire/messages.ts";
import type { ControlVector } from "./vectors.ts";

/** The client's first message. */
export const KEY_HELLO: Handshake = {
  type: "handshake",
  token: "",
  tunnelId: "home",
  minVersion: 1,
  maxVersion: 1,
  capabilities: ["basic", "tcp", "ferrotunnel.key/1;id=21fe31dfa154a261626bf854046fd227"],
};

/** The server's question. */
export const KEY_CHALLENGE: HandshakeAck = {
  type: "handshake_ack",
  sessionId: new Uint8Array(16),
  status: "invalid_token",
  version: 0,
  capabilities: ["basic", "tcp", "ferrotunnel.key/1;nonce=00112233445566778899aabbccddeeff"],
};

/** The client's answer, without TLS. */
export const KEY_PROOF: Handshake = {
  type: "handshake",
  token: "ST97Pz0HHjgDcMpVP30-vnEYl9IyCClUQ-7rEZfO6HtQau6GlSAU4ZW0VWVM4Hfjed6VFJ3FmQVUeFLlAyULCA",
  tunnelId: undefined,
  minVersion: 1,
  maxVersion: 1,
  capabilities: ["basic", "tcp", "ferrotunnel.key/1;tls=none"],
};

/** What is signed, in hexadecimal. */
export const KEY_SIGNED = "666572726f74756e6e656c2e6b65792f3100" +
  "73dabac1e7f8f64eba091a55d855fc9ba48de13775378f43bd14ff4b2d45ec86" +
  "8beb3137dab0cd5d927f8a1ef44a972d9f054a36b500669865fe38101d66b796" +
  "6e6f6e65";

/** The private key. */
export const KEY_PEM = `-----BEGIN PRIVATE KEY-----
MC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g
-----END PRIVATE KEY-----
`;

/** See the module's text. */
export const KEY_VECTORS: readonly ControlVector[] = [
  {
    name: "handshake_key",
    message: KEY_HELLO,
    hex: "0000004c0000000104686f6d650101030562617369630374637035666572726f74756e6e656c2e6b65792f31" +
      "3b69643d3231666533316466613135346132363136323662663835343034366664323237",
  },
  {
    name: "handshake_ack_key",
    message: KEY_CHALLENGE,
    hex: "00000059000110000000000000000000000000000000000100030562617369630374637038666572726f7475" +
      "6e6e656c2e6b65792f313b6e6f6e63653d3030313132323333343435353636373738383939616162626363646465656666",
  },
  {
    name: "handshake_proof",
    message: KEY_PROOF,
    hex: "0000008200005653543937507a3048486a6744634d70565033302d766e45596c39497943436c55512d377245" +
      "5a664f36487451617536476c534155345a57305657564d3448666a65643656464a33466d51565565464c6c4179554c434100" +
      "010103056261736963037463701a666572726f74756e6e656c2e6b65792f313b746c733d6e6f6e65",
  },
  {
    name: "register_withdraw",
    message: {
      type: "register",
      serviceName: "ssh",
      protocol: "tcp",
      metadata: new Map([["withdraw", ""]]),
    },
    hex: "00000012000203737368050108776974686472617700",
  },
];
