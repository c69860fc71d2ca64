/**
 * Certificates for the tunnels that speak TLS, made with openssl.
 *
 * @module
 */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { findOnPath, run } from "../../scripts/tools.ts";

/** Files of an authority and of a server that it vouches for. */
export interface Certificates {
  /** The authority, PEM. */
  readonly authority: string;
  /** The server's certificate and its key, PEM. */
  readonly certificate: string;
  readonly key: string;
  /** Both in one PKCS #12 file, and the password of that. */
  readonly bundle: string;
  readonly bundlePassword: string;
  /** The name that the server's certificate is for. */
  readonly serverName: string;
}

const KEY = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];

/**
 * Makes certificates that are good for two days.
 *
 * @param folder A temporary folder.
 * @returns The files; undefined when there is no openssl.
 * @throws {Error} when openssl fails.
 */
export async function makeCertificates(folder: string): Promise<Certificates | undefined> {
  const program = findOnPath("openssl");
  if (program === undefined) return undefined;
  const file = (name: string): string => join(folder, name);
  const openssl = async (...args: string[]): Promise<void> => {
    const { code, output } = await run([program, ...args], { cwd: folder });
    if (code !== 0) throw new Error(`Cannot make certificates: ${output}`);
  };
  const made: Certificates = {
    authority: file("authority.pem"),
    certificate: file("server.pem"),
    key: file("server.key"),
    bundle: file("server.p12"),
    bundlePassword: "bench",
    serverName: "localhost",
  };
  const [authorityKey, request, extensions] = [file("authority.key"), file("server.csr"), file("server.ext")];
  const days = ["-days", "2"];
  writeFileSync(
    extensions,
    `subjectAltName=DNS:${made.serverName},IP:127.0.0.1\nextendedKeyUsage=serverAuth\n`,
  );
  const authority = ["-keyout", authorityKey, "-out", made.authority, "-subj", "/CN=Bench authority"];
  await openssl("req", "-x509", ...KEY, ...days, ...authority);
  await openssl("req", ...KEY, "-keyout", made.key, "-out", request, "-subj", `/CN=${made.serverName}`);
  const issuer = ["-CA", made.authority, "-CAkey", authorityKey, "-CAcreateserial"];
  await openssl(
    "x509",
    "-req",
    "-in",
    request,
    ...issuer,
    ...days,
    "-extfile",
    extensions,
    "-out",
    made.certificate,
  );
  const bundle = ["-out", made.bundle, "-passout", `pass:${made.bundlePassword}`];
  await openssl("pkcs12", "-export", "-inkey", made.key, "-in", made.certificate, ...bundle);
  return made;
}
