/**
 * What a TLS handshake was about.
 *
 * @module
 */
import type { TLSSocket } from "node:tls";
import { fingerprintOfCertificate } from "../trust/fingerprint.ts";

/** The protocol that was agreed on; undefined for none, for which the runtimes have `false` and `null`. */
export function agreedProtocol(socket: TLSSocket): string | undefined {
  return textOrNothing(socket.alpnProtocol);
}

/** The name that the client has asked for, of a server's socket. */
export function askedName(socket: TLSSocket): string | undefined {
  return textOrNothing("servername" in socket ? socket.servername : undefined);
}

/**
 * Fingerprint of the public key in the certificate that the other side has shown; undefined when it has shown none, or one
 * that this runtime cannot read.
 */
export function peerFingerprint(socket: TLSSocket): string | undefined {
  try {
    const { raw } = socket.getPeerCertificate() ?? {};
    return raw === undefined ? undefined : fingerprintOfCertificate(raw);
  } catch {
    return undefined;
  }
}

function textOrNothing(value: unknown): string | undefined {
  return typeof value === "string" && value !== "" ? value : undefined;
}
