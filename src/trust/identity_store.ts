/**
 * The key and certificate that a server has made for itself, kept from one start to the next.
 *
 * @module
 */
import { createPrivateKey, generateKeyPairSync, type KeyObject, X509Certificate } from "node:crypto";
import { stat } from "node:fs/promises";
import { join } from "node:path";
import process from "node:process";
import { describeError, TunnelError } from "../errors.ts";
import { explainFileError } from "../explain_file_error.ts";
import { createFile, makeDirectory, readIfThere, replaceFile } from "./_files.ts";
import { makeCertificate } from "./certificate.ts";
import { fingerprintOfKey } from "./fingerprint.ts";

/** Name of the file with the private key, readable for its owner only. */
export const KEY_FILE = "tls-key.pem";
/** Name of the file with the certificate. */
export const CERTIFICATE_FILE = "tls-cert.pem";

/** A certificate that ends sooner is renewed, with the same key, when the server starts. */
const RENEW_BEFORE_DAYS = 365;
const DAY_MS = 86_400_000;

/** A server's own key and certificate. */
export interface OwnIdentity {
  /** The certificate, PEM. */
  readonly cert: string;
  /** Its private key, PEM. */
  readonly key: string;
  /** What clients pin. */
  readonly fingerprint: string;
  /** Whether the key is new. */
  readonly created: boolean;
  /** Who else can read the key, in words, if anybody can. */
  readonly warning?: string;
}

/** Options of {@linkcode openIdentity}. */
export interface OpenIdentityOptions {
  /** The state directory; made when it is not there. */
  readonly directory: string;
  /** Milliseconds since the epoch, by the wall clock. @default Date.now() */
  readonly now?: number;
}

/**
 * Reads the identity that is kept in a directory, and makes it when there is none. Several programs may do so at once: all
 * get the same key. A certificate that ends, or is not for the key, is replaced; the key never is.
 *
 * @param options Where it is kept.
 * @returns It.
 * @throws {TunnelError} code `CONFIG` when it cannot be read or kept, or the key is damaged.
 *
 * @example
 * ```ts
 * import { openIdentity } from "./identity_store.ts";
 *
 * async function show(directory: string): Promise<void> {
 *   console.log((await openIdentity({ directory })).fingerprint); // sha256:…, the same every time
 * }
 * ```
 */
export async function openIdentity(options: OpenIdentityOptions): Promise<OwnIdentity> {
  const { directory, now = Date.now() } = options;
  const path = join(directory, KEY_FILE);
  try {
    const kept = await readIfThere(path);
    const { key, created } = kept === undefined ? await createKey(directory) : { key: kept, created: false };
    const privateKey = parseKey(key, path);
    const cert = await openCertificate(directory, { privateKey, now });
    const warning = created ? undefined : await exposure(path);
    const fingerprint = fingerprintOfKey(privateKey);
    return { cert, key, fingerprint, created, ...(warning === undefined ? {} : { warning }) };
  } catch (error) {
    if (error instanceof TunnelError) throw error;
    throw new TunnelError(
      "CONFIG",
      `Cannot keep the server's TLS key in ${directory}: ${
        explainFileError(error, "write")
      }; give another directory (--state-dir), or files (--tls-cert, --tls-key)`,
      { cause: error },
    );
  }
}

/**
 * The fingerprint of the identity that is kept in a directory. Makes none.
 *
 * @param directory The state directory.
 * @returns It, or undefined when there is no key.
 * @throws {TunnelError} code `CONFIG` when it cannot be read or is damaged.
 */
export async function readFingerprint(directory: string): Promise<string | undefined> {
  const path = join(directory, KEY_FILE);
  let key: string | undefined;
  try {
    key = await readIfThere(path);
  } catch (error) {
    throw new TunnelError("CONFIG", `Cannot read ${path}: ${explainFileError(error)}`, { cause: error });
  }
  return key === undefined ? undefined : fingerprintOfKey(parseKey(key, path));
}

async function createKey(directory: string): Promise<{ key: string; created: boolean }> {
  await makeDirectory(directory);
  const path = join(directory, KEY_FILE);
  const text = generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey
    .export({ type: "pkcs8", format: "pem" }).toString();
  if (await createFile(path, { text, mode: 0o600 })) return { key: text, created: true };
  const other = await readIfThere(path);
  if (other === undefined) throw new Error("it comes and goes");
  return { key: other, created: false };
}

function parseKey(key: string, path: string): KeyObject {
  let reason: string;
  try {
    const parsed = createPrivateKey(key);
    const { namedCurve } = parsed.asymmetricKeyDetails ?? {};
    if (parsed.asymmetricKeyType === "ec" && (namedCurve === "prime256v1" || namedCurve === "P-256")) {
      return parsed;
    }
    reason = "Expected an ECDSA key on P-256";
  } catch (error) {
    reason = describeError(error);
  }
  throw new TunnelError(
    "CONFIG",
    `${path}: Not the key that was kept here: ${reason}; put back a copy of it, or remove it to have a new one made, ` +
      "whose fingerprint every client must then be given",
  );
}

async function openCertificate(
  directory: string,
  { privateKey, now }: { privateKey: KeyObject; now: number },
): Promise<string> {
  const path = join(directory, CERTIFICATE_FILE);
  const kept = await readIfThere(path);
  if (kept !== undefined && isFit(kept, { privateKey, now })) return kept;
  const text = makeCertificate({ key: privateKey, now });
  await replaceFile(path, { text, mode: 0o644 });
  return text;
}

function isFit(cert: string, { privateKey, now }: { privateKey: KeyObject; now: number }): boolean {
  try {
    const parsed = new X509Certificate(cert);
    const endsInMs = Date.parse(parsed.validTo) - now;
    const begun = Date.parse(parsed.validFrom) <= now;
    return begun && endsInMs > RENEW_BEFORE_DAYS * DAY_MS && parsed.checkPrivateKey(privateKey);
  } catch {
    return false;
  }
}

/** A copy from a backup may have lost what kept others out. */
async function exposure(path: string): Promise<string | undefined> {
  // There, these bits say nothing.
  if (process.platform === "win32") return undefined;
  const { mode } = await stat(path);
  if ((mode & 0o077) === 0) return undefined;
  return `Others on this machine may use ${path} (mode ${(mode & 0o777).toString(8)}); make it 600`;
}
