/**
 * The certificates of a listener, found by the name that a client asks for.
 *
 * @module
 */
import { X509Certificate } from "node:crypto";
import { createSecureContext, type SecureContext } from "node:tls";
import { TunnelError } from "../errors.ts";
import { checkIdentity } from "./tls.ts";
import type { ListenTlsOptions, TlsIdentity } from "./types.ts";

/** One set of certificates, never changed. */
interface Table {
  readonly first: TlsIdentity;
  readonly firstContext: SecureContext;
  /** By name in lower case; those with a wildcard as `*.example.com`. */
  readonly byName: ReadonlyMap<string, SecureContext>;
}

/**
 * Chooses certificates, and takes others while it is in use.
 *
 * @example
 * ```ts
 * import { ServerNames } from "./_tls_server_names.ts";
 *
 * function serve(cert: string, key: string): void {
 *   const names = new ServerNames({ identities: [{ cert, key }] });
 *   names.contextFor("app.example.com");
 * }
 * ```
 */
export class ServerNames {
  readonly #minVersion: "TLSv1.2" | "TLSv1.3";
  #table: Table;

  /**
   * @param tls With `identities`.
   * @throws {TunnelError} code `CONFIG` when one cannot be used, or there is none
   */
  constructor({ identities = [], minVersion = "TLSv1.3" }: ListenTlsOptions) {
    this.#minVersion = minVersion;
    this.#table = this.#read(identities);
  }

  /**
   * Those of a listener; undefined when it has the one certificate in `cert` and `key`.
   *
   * @throws {TunnelError} code `CONFIG` when one cannot be used
   * @throws {TypeError} when both ways are mixed
   */
  static of(tls: ListenTlsOptions): ServerNames | undefined {
    if (tls.identities === undefined) return undefined;
    if (tls.cert !== undefined || tls.key !== undefined || tls.ca !== undefined) {
      throw new TypeError("A TLS listener with identities takes neither cert and key nor ca");
    }
    return new ServerNames(tls);
  }

  /** For clients that ask for no name. */
  get first(): TlsIdentity {
    return this.#table.first;
  }

  /** What a handshake goes on with. @param name What the client asks for */
  contextFor(name: string | undefined): SecureContext {
    const { byName, firstContext } = this.#table;
    if (name === undefined) return firstContext;
    const wanted = name.toLowerCase();
    const dot = wanted.indexOf(".");
    return byName.get(wanted) ?? (dot < 0 ? undefined : byName.get(`*${wanted.slice(dot)}`)) ?? firstContext;
  }

  /**
   * Takes other certificates.
   *
   * @throws {TunnelError} code `CONFIG` when one cannot be used; then nothing has changed
   * @throws {TypeError} with authorities of clients, which such a listener does not have
   */
  set(identities: readonly TlsIdentity[], { ca }: { readonly ca?: string } = {}): void {
    if (ca !== undefined) throw new TypeError("A TLS listener with identities takes no ca");
    this.#table = this.#read(identities);
  }

  #read(identities: readonly TlsIdentity[]): Table {
    const byName = new Map<string, SecureContext>();
    let firstContext: SecureContext | undefined;
    for (const { cert, key } of identities) {
      checkIdentity({ cert, key });
      const context = createSecureContext({ cert, key, minVersion: this.#minVersion });
      firstContext ??= context;
      for (const name of namesOf(new X509Certificate(cert))) {
        if (!byName.has(name)) byName.set(name, context);
      }
    }
    const [first] = identities;
    if (first === undefined || firstContext === undefined) {
      throw new TunnelError("CONFIG", "Could not use the TLS files: there is no certificate");
    }
    return { first, firstContext, byName };
  }
}

/** The names that a certificate is for, in lower case. Those in its subject count only for people (RFC 6125, 6.4.4). */
function namesOf(certificate: X509Certificate): string[] {
  const names = (certificate.subjectAltName ?? "").split(/,\s*/);
  return names.flatMap((name) => name.startsWith("DNS:") ? [name.slice(4).toLowerCase()] : []);
}
