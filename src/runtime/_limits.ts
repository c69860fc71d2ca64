/**
 * Deadlines and limits that the runtimes have in common.
 *
 * @module
 */

/** How long a connection may take to be made when the caller does not say. */
export const DEFAULT_CONNECT_TIMEOUT_MS = 10_000;
/** How long a TLS handshake may take on the server's side. */
export const TLS_HANDSHAKE_TIMEOUT_MS = 10_000;
/** TLS handshakes that may be going on at once on one listener without `admit`; connections beyond are closed. */
export const MAX_TLS_HANDSHAKES = 100;
/** How long a web server that stops lets its requests go on. An open event stream would hold it for ever. */
export const HTTP_STOP_GRACE_MS = 1_000;
