/**
 * Certificates for tests, made anew by the `openssl` program.
 *
 * @module
 */
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** A certificate and its key, PEM. */
export interface Identity {
  readonly cert: string;
  readonly key: string;
}

/** What the TLS tests need. Everything is signed by `ca` but `strangerCa`. */
export interface Certificates {
  readonly ca: string;
  /** Signed nothing that is used here. */
  readonly strangerCa: string;
  /** For localhost, 127.0.0.1 and ::1. */
  readonly server: Identity;
  /** For the name other.example. */
  readonly otherName: Identity;
  /** For localhost, 127.0.0.1 and ::1; ended yesterday. */
  readonly expired: Identity;
  /** For localhost, 127.0.0.1 and ::1; begins at the end of the century. */
  readonly notYetValid: Identity;
  readonly client: Identity;
  /** A client's, signed by the stranger. */
  readonly strangerClient: Identity;
}

/** Makes them in a temporary directory, which is gone when this returns. */
export function makeCertificates(): Certificates {
  const directory = mkdtempSync(join(tmpdir(), "ferrotunnel-test-"));
  const path = (name: string): string => join(directory, name);
  const openssl = (...args: string[]): void => {
    execFileSync("openssl", args, { cwd: directory, stdio: ["ignore", "ignore", "pipe"] });
  };
  const request = (name: string, ...more: string[]): void =>
    openssl(
      ...["req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"],
      ...["-subj", `/CN=${name}`, "-keyout", `${name}.key`, ...more],
    );
  const authority = (name: string): void => request(name, "-x509", "-days", "2", "-out", `${name}.crt`);
  const identity = (name: string, options: { names: string; ca: string; days?: number }): Identity => {
    request(name, "-out", `${name}.csr`);
    writeFileSync(path(`${name}.ext`), `subjectAltName=${options.names}\nbasicConstraints=CA:FALSE\n`);
    openssl(
      ...["x509", "-req", "-in", `${name}.csr`, "-CA", `${options.ca}.crt`, "-CAkey", `${options.ca}.key`],
      ...["-CAcreateserial", "-extfile", `${name}.ext`, "-out", `${name}.crt`],
      ...["-days", String(options.days ?? 2)],
    );
    return { cert: read(`${name}.crt`), key: read(`${name}.key`) };
  };
  // What `openssl x509` cannot do in every version: a certificate that begins later.
  const later = (name: string, names: string): Identity => {
    request(name, "-out", `${name}.csr`);
    writeFileSync(path(`${name}.ext`), `subjectAltName=${names}\nbasicConstraints=CA:FALSE\n`);
    writeFileSync(path("index"), "");
    writeFileSync(path("serial"), "01\n");
    writeFileSync(
      path("ca.conf"),
      "[ca]\ndefault_ca=own\n[own]\ndatabase=index\nserial=serial\nnew_certs_dir=.\ndefault_md=sha256\npolicy=any\n" +
        "[any]\ncommonName=supplied\n",
    );
    openssl(
      ...["ca", "-batch", "-notext", "-config", "ca.conf", "-cert", "ca.crt", "-keyfile", "ca.key"],
      ...["-in", `${name}.csr`, "-out", `${name}.crt`, "-extfile", `${name}.ext`],
      ...["-startdate", "20990101000000Z", "-enddate", "20990201000000Z"],
    );
    return { cert: read(`${name}.crt`), key: read(`${name}.key`) };
  };
  const read = (name: string): string => readFileSync(path(name), "utf8");
  try {
    authority("ca");
    authority("stranger");
    const local = "DNS:localhost,IP:127.0.0.1,IP:::1";
    return {
      ca: read("ca.crt"),
      strangerCa: read("stranger.crt"),
      server: identity("server", { names: local, ca: "ca" }),
      otherName: identity("other", { names: "DNS:other.example", ca: "ca" }),
      expired: identity("expired", {
        names: local,
        ca: "ca",
        days: -1,
      }),
      notYetValid: later("later", local),
      client: identity("client", { names: "DNS:client.example", ca: "ca" }),
      strangerClient: identity("stranger-client", { names: "DNS:client.example", ca: "stranger" }),
    };
  } finally {
    rmSync(directory, { recursive: true });
  }
}
