/**
 * Certificates for the program, and the arguments that name them.
 *
 * @module
 */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { type Certificates, makeCertificates } from "../runtime/_certificates.ts";

/** Writes certificates and keys, and makes the arguments that name them. */
export class TlsFiles {
  readonly #folder: string;
  readonly #certificates: Certificates;

  /** @param folder Where the files go. */
  constructor(folder: string) {
    this.#folder = folder;
    this.#certificates = makeCertificates();
  }

  /** The server's identity; with `mutual` it demands one of clients too. */
  server(options: { readonly mutual: boolean }): string[] {
    const { cert, key } = this.#certificates.server;
    const own = ["--tls-cert", this.#write("server.crt", cert), "--tls-key", this.#write("server.key", key)];
    return options.mutual ? [...own, ...this.#authority("ca")] : own;
  }

  /** A client that trusts `ca`, with or without an identity. */
  client(
    options: { readonly ca?: "ca" | "strangerCa"; readonly identity?: "client" | "strangerClient" },
  ): string[] {
    const trust = ["--tls", ...this.#authority(options.ca ?? "ca")];
    if (options.identity === undefined) return trust;
    const { cert, key } = this.#certificates[options.identity];
    return [...trust, "--tls-cert", this.#write("own.crt", cert), "--tls-key", this.#write("own.key", key)];
  }

  #authority(name: "ca" | "strangerCa"): string[] {
    return ["--tls-ca", this.#write(`${name}.crt`, this.#certificates[name])];
  }

  #write(name: string, text: string): string {
    const path = join(this.#folder, name);
    writeFileSync(path, text);
    return path;
  }
}
