/**
 * Header fields that are the server's alone.
 *
 * @module
 */

/** What decides where a message goes and where it ends, in lower case: neither a rule nor a plugin may say it. */
export const RESERVED_FIELDS: ReadonlySet<string> = new Set([
  "connection",
  "content-length",
  "expect",
  "host",
  "keep-alive",
  "proxy-connection",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
]);
