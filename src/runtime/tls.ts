/**
 * TLS for both runtimes, through `node:tls`, which alone can ask for client certificates on both. What is common to
 * both ways of using it: on Bun `node:tls` has the sockets, on Deno it runs over Deno's own TCP.
 *
 * @module
 */
import { createPrivateKey, X509Certificate } from "node:crypto";
import { isIP } from "node:net";
import { checkServerIdentity } from "node:tls";
import type { ConnectionOptions, TlsOptions as NodeTlsOptions, TLSSocket } from "node:tls";
import { describeError, TunnelError } from "../errors.ts";
import { formatAddress } from "../format_address.ts";
import { parsePin, PIN_EXPECTED } from "../trust/fingerprint.ts";
import { peerFingerprint } from "./_tls_facts.ts";
import type {
  ConnectOptions,
  ConnectTlsOptions,
  ListenTlsOptions,
  SocketAddress,
  TlsIdentity,
  TlsOptions,
} from "./types.ts";

/**
 * What a server is made with.
 *
 * @throws {TypeError} without a certificate and a key.
 * @throws {TunnelError} code `CONFIG` when a file is not valid.
 */
export function serverOptions(tls: ListenTlsOptions): NodeTlsOptions & { allowHalfOpen: boolean } {
  if (tls.cert === undefined || tls.key === undefined) {
    throw new TypeError("A TLS listener needs a certificate and its key");
  }
  const demandsCertificate = tls.ca !== undefined;
  return {
    ...checkedFiles(tls),
    ...protocolOptions(tls),
    requestCert: demandsCertificate,
    rejectUnauthorized: demandsCertificate,
    allowHalfOpen: true,
  };
}

/**
 * What a listener with one certificate was told, after a change of its files.
 *
 * @param tls What it was told.
 * @param identities The new certificate.
 * @param options The new authorities of clients, if they are new.
 * @throws {TypeError} for authorities where there were none, or not one certificate.
 */
export function changedFiles(
  tls: ListenTlsOptions,
  identities: readonly TlsIdentity[],
  { ca }: { readonly ca?: string } = {},
): ListenTlsOptions {
  const [identity, ...others] = identities;
  if (identity === undefined || others.length > 0) {
    throw new TypeError("A TLS listener with cert and key takes exactly one identity in their place");
  }
  // Whoever is connected without a certificate would stay.
  if (ca !== undefined && tls.ca === undefined) {
    throw new TypeError("A TLS listener that demands no client certificates cannot begin to");
  }
  const { cert, key } = identity;
  return { ...tls, cert, key, ...(ca === undefined ? {} : { ca }) };
}

/** What a listener speaks. */
export function protocolOptions(tls: ListenTlsOptions): Pick<NodeTlsOptions, "minVersion" | "ALPNProtocols"> {
  return {
    minVersion: tls.minVersion ?? "TLSv1.3",
    ...(tls.alpn === undefined ? {} : { ALPNProtocols: [...tls.alpn] }),
  };
}

/**
 * What a client is made with. Unless the runtime verifies the server's certificate, {@linkcode whyUntrusted} must judge it.
 *
 * @throws {TypeError} with a certificate without key, or the other way round; for pins or options that cannot be used.
 * @throws {TunnelError} code `CONFIG` when a file is not valid.
 */
export function clientOptions(target: ConnectOptions): ConnectionOptions & { allowHalfOpen: boolean } {
  const tls = target.tls ?? {};
  const serverName = tls.serverName ?? target.hostname;
  assertTrust(tls);
  const verifies = verifiesCertificate(tls);
  return {
    ...checkedFiles(tls),
    minVersion: "TLSv1.3",
    rejectUnauthorized: verifies,
    // Understood, though missing in the types of a client.
    allowHalfOpen: true,
    // A server name that is an address may not be sent.
    servername: isIP(serverName) === 0 ? serverName : "",
    checkServerIdentity: (_, certificate) =>
      verifies ? checkServerIdentity(serverName, certificate) : undefined,
  };
}

/**
 * Judges the server, once the handshake is over and before anything is sent. By then the server has proved that it has the
 * private key of the certificate that it showed, however that is judged: TLS 1.3 demands it (RFC 8446, 4.4.3).
 *
 * @param socket The client's socket.
 * @param tls What the client was told.
 * @returns Why the server is not trusted, or undefined when it is.
 */
export function whyUntrusted(socket: TLSSocket, tls: ConnectTlsOptions): Error | undefined {
  if (tls.skipVerify === true) return undefined;
  // Node's contract says so; a runtime that forgets to verify must not go unnoticed.
  if (verifiesCertificate(tls) && !socket.authorized) {
    return new Error("the server's certificate was not verified");
  }
  if (tls.pins === undefined) return undefined;
  const fingerprint = peerFingerprint(socket);
  if (fingerprint !== undefined && tls.pins.some((pin) => parsePin(pin) === fingerprint)) return undefined;
  return new Error(
    `the server's key, ${fingerprint ?? "none"}, is not a pinned one; ` +
      "either the server has a new key, or this is not the server",
  );
}

/** Whether who signed the server's certificate counts, its name and its dates. */
function verifiesCertificate({ ca, pins, skipVerify }: ConnectTlsOptions): boolean {
  return skipVerify !== true && (pins === undefined || ca !== undefined);
}

function assertTrust({ ca, pins, serverName, skipVerify }: ConnectTlsOptions): void {
  if (skipVerify === true && (ca !== undefined || pins !== undefined || serverName !== undefined)) {
    throw new TypeError("A TLS client that verifies nothing takes neither ca nor pins nor serverName");
  }
  if (pins?.length === 0) throw new TypeError("A TLS client with pins needs at least one");
  const wrong = pins?.find((pin) => parsePin(pin) === undefined);
  if (wrong !== undefined) throw new TypeError(`A pin is ${PIN_EXPECTED}, not ${JSON.stringify(wrong)}`);
}

/** That a client was not let in; for the log. */
export function handshakeError(peer: SocketAddress, cause: Error): TunnelError {
  return new TunnelError(
    "CONNECTION",
    `Refused a TLS handshake from ${formatAddress(peer)}: ${describeError(cause)}`,
    { cause },
  );
}

/** Whether a file is what it should be. @throws {TunnelError} code `CONFIG` when it is not */
export function checkIdentity({ cert, key }: TlsIdentity): void {
  checkedFiles({ cert, key });
}

/** The files that are there, checked: a runtime would complain about a bad one only at the first handshake. */
function checkedFiles(tls: TlsOptions): Pick<TlsOptions, "cert" | "key" | "ca"> {
  const { cert, key, ca } = tls;
  if ((cert === undefined) !== (key === undefined)) {
    throw new TypeError("A TLS certificate and its key must be given together");
  }
  try {
    if (ca !== undefined) new X509Certificate(ca);
    if (
      cert !== undefined && key !== undefined &&
      !new X509Certificate(cert).checkPrivateKey(createPrivateKey(key))
    ) {
      throw new Error("the key does not belong to the certificate");
    }
  } catch (error) {
    throw new TunnelError("CONFIG", `Could not use the TLS files: ${describeError(error)}`, { cause: error });
  }
  return {
    ...(cert === undefined ? {} : { cert }),
    ...(key === undefined ? {} : { key }),
    ...(ca === undefined ? {} : { ca }),
  };
}
