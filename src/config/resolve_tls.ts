/**
 * Whether a checked configuration speaks TLS, and how its client trusts a server.
 *
 * @module
 */
import type { ConnectTlsOptions } from "../runtime/types.ts";
import type { TlsFiles } from "../tunnel/options.ts";
import { compact } from "./compact.ts";
import type { ClientConfig, ServerConfig } from "./schema.ts";

/** Whether a server speaks TLS: when it is told to, and when it is given a certificate and not told otherwise. */
export function serverSpeaksTls(tls: ServerConfig["tls"]): boolean {
  return tls?.enabled ?? tls?.cert !== undefined;
}

/** Whether a client speaks TLS: when it is told to, and when it is given pins, which mean nothing else. */
export function clientSpeaksTls(tls: ClientConfig["tls"]): boolean {
  return tls?.enabled ?? tls?.pins !== undefined;
}

/**
 * Makes what a client dials with.
 *
 * @param tls What the configuration says.
 * @param files What its files hold.
 */
export function resolveClientTls(tls: ClientConfig["tls"], files: TlsFiles): ConnectTlsOptions {
  const { serverName, pins, skipVerify } = tls ?? {};
  return { ...files, ...compact({ serverName, pins }), ...(skipVerify === true ? { skipVerify } : {}) };
}

/** Whether a configuration names any TLS file that may change. */
export function namesTlsFiles(tls: { readonly [Name in keyof TlsFiles]?: string | undefined }): boolean {
  return tls.cert !== undefined || tls.key !== undefined || tls.ca !== undefined;
}
