/**
 * What a runtime throws → errors with a stable code and a message that says what to do.
 *
 * @module
 */
import { describeError, TunnelError } from "../errors.ts";
import { formatAddress } from "../format_address.ts";
import type { SocketAddress } from "./types.ts";

const CONNECT_HINTS: Readonly<Record<string, string>> = {
  ECONNREFUSED: "connection refused; is it running there?",
  ECONNRESET: "the connection was reset; is this the right port, and does it speak what is spoken here?",
  ENOTFOUND: "the name does not resolve; check its spelling and the name server",
  EAI_AGAIN: "the name server does not answer; check the network",
  ENETUNREACH: "network unreachable; check the network",
  EHOSTUNREACH: "host unreachable; check the network",
  ETIMEDOUT: "no answer; check the address and the firewall",
  EADDRNOTAVAIL: "no local address or port left to connect from",
  EMFILE: "too many open files; raise the limit of the process",
  ENFILE: "too many open files on this machine",
  EACCES: "permission denied",
  EPERM: "permission denied by the system",
};

const LISTEN_HINTS: Readonly<Record<string, string>> = {
  EADDRINUSE: "address already in use; stop the other program or choose another port",
  EADDRNOTAVAIL: "this machine does not have that address; choose one of its own, or 0.0.0.0",
  EACCES: "permission denied; choose a port of 1024 or above, or grant the right to bind",
  EPERM: "permission denied by the system",
  EMFILE: "too many open files; raise the limit of the process",
  ENOTFOUND: "the name does not resolve; give an address of this machine",
};

const LOST_HINTS: Readonly<Record<string, string>> = {
  ECONNRESET: "reset by the peer",
  EPIPE: "the peer no longer takes data",
  ETIMEDOUT: "the peer no longer answers",
};

/** Why a connection could not be made. */
export function connectError(address: SocketAddress, error: unknown): TunnelError {
  return new TunnelError(
    "CONNECTION",
    `Could not connect to ${formatAddress(address)}: ${reason(error, CONNECT_HINTS)}`,
    {
      cause: error,
    },
  );
}

/** That a connection could not be made in time. */
export function connectTimeout(address: SocketAddress, timeoutMs: number): TunnelError {
  return new TunnelError(
    "TIMEOUT",
    `Could not connect to ${
      formatAddress(address)
    }: no answer within ${timeoutMs} ms; check the address and the firewall`,
  );
}

/** Why an address could not be bound. */
export function listenError(address: SocketAddress, error: unknown): TunnelError {
  return new TunnelError(
    "BIND",
    `Could not listen on ${formatAddress(address)}: ${reason(error, LISTEN_HINTS)}`,
    {
      cause: error,
    },
  );
}

/** Why an established connection was lost. */
export function lostError(remote: SocketAddress, error: unknown): TunnelError {
  const why = error === undefined ? "closed without a proper end" : reason(error, LOST_HINTS);
  return new TunnelError("CONNECTION", `Lost the connection with ${formatAddress(remote)}: ${why}`, {
    cause: error,
  });
}

/** What was thrown, as an Error. */
export function toError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error), { cause: error });
}

/** The system's name of an error, such as "ECONNREFUSED". */
export function errorCode(error: unknown): string | undefined {
  if (typeof error !== "object" || error === null || !("code" in error)) return undefined;
  return typeof error.code === "string" ? error.code : undefined;
}

function reason(error: unknown, hints: Readonly<Record<string, string>>): string {
  const code = errorCode(error);
  const hint = code === undefined ? undefined : hints[code];
  return hint ?? (describeError(error) || code || "unknown reason");
}
