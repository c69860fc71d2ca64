/**
 * Certificates of visitors' hosts for tests, made anew by the `openssl` program.
 *
 * @module
 */
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TlsIdentity } from "../../src/runtime/types.ts";

/** A certificate that signs itself. @param names Of hosts, `*.` allowed; the first is its common name too */
export function selfSigned(...names: readonly string[]): TlsIdentity {
  const directory = mkdtempSync(join(tmpdir(), "ferrotunnel-test-"));
  const [cert, key] = [join(directory, "cert"), join(directory, "key")];
  try {
    execFileSync("openssl", [
      ...["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"],
      ...["-subj", `/CN=${names[0]}`, "-addext", `subjectAltName=${names.map((name) => `DNS:${name}`)}`],
      ...["-keyout", key, "-out", cert],
    ], { stdio: ["ignore", "ignore", "pipe"] });
    return { cert: readFileSync(cert, "utf8"), key: readFileSync(key, "utf8") };
  } finally {
    rmSync(directory, { recursive: true });
  }
}
