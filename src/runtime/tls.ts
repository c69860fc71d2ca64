/**
 * TLS 1.3 for both runtimes, through `node:tls`, which alone can ask for client certificates on both. What is common to
 * both ways of using it: on Bun `node:tls` has the sockets, on Deno it runs over Deno's own TCP.
 *
 * @module
 */
import { createPrivateKey, X509Certificate } from "node:crypto";
import { isIP } from "node:net";
import { checkServerIdentity } from "node:tls";
import type { ConnectionOptions, TlsOptions as NodeTlsOptions } from "node:tls";
import { describeError, TunnelError } from "../errors.ts";
import { formatAddress } from "../format_address.ts";
import type { ConnectOptions, SocketAddress, TlsOptions } from "./types.ts";

/**
 * What a server is made with.
 *
 * @throws {TypeError} without a certificate and a key.
 * @throws {TunnelError} code `CONFIG` when a file is not valid.
 */
export function serverOptions(tls: TlsOptions): NodeTlsOptions & { allowHalfOpen: boolean } {
  if (tls.cert === undefined || tls.key === undefined) {
    throw new TypeError("A TLS listener needs a certificate and its key");
  }
  const demandsCertificate = tls.ca !== undefined;
  return {
    ...checkedFiles(tls),
    minVersion: "TLSv1.3",
    requestCert: demandsCertificate,
    rejectUnauthorized: demandsCertificate,
    allowHalfOpen: true,
  };
}

/**
 * What a client is made with. The server's certificate is always verified.
 *
 * @throws {TypeError} with a certificate without key, or the other way round.
 * @throws {TunnelError} code `CONFIG` when a file is not valid.
 */
export function clientOptions(target: ConnectOptions): ConnectionOptions & { allowHalfOpen: boolean } {
  const tls = target.tls ?? {};
  const serverName = tls.serverName ?? target.hostname;
  return {
    ...checkedFiles(tls),
    minVersion: "TLSv1.3",
    rejectUnauthorized: true,
    // Understood, though missing in the types of a client.
    allowHalfOpen: true,
    // A server name that is an address may not be sent.
    servername: isIP(serverName) === 0 ? serverName : "",
    checkServerIdentity: (_, certificate) => checkServerIdentity(serverName, certificate),
  };
}

/** That a client was not let in; for the log. */
export function handshakeError(peer: SocketAddress, cause: Error): TunnelError {
  return new TunnelError(
    "CONNECTION",
    `Refused a TLS handshake from ${formatAddress(peer)}: ${describeError(cause)}`,
    { cause },
  );
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
