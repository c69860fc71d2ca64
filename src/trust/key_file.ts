/**
 * The file with a client's private key.
 *
 * @module
 */
import { TunnelError } from "../errors.ts";
import { explainFileError } from "../explain_file_error.ts";
import { createFile, readIfThere } from "./_files.ts";
import { generatePrivateKey, parsePrivateKey, type PublicKey } from "./client_key.ts";

/** Only its owner may read it. */
const MODE = 0o600;

/**
 * Makes a key and keeps it in a file that only its owner can read. One that is there stays as it is.
 *
 * @param path The file.
 * @returns The public key, and whether the file is new.
 * @throws {TunnelError} code `CONFIG` when the file cannot be written or read, or holds something else.
 */
export async function openKeyFile(
  path: string,
): Promise<{ readonly publicKey: PublicKey; readonly created: boolean }> {
  let created: boolean;
  let text: string | undefined;
  try {
    created = (await readIfThere(path)) === undefined &&
      await createFile(path, { text: generatePrivateKey(), mode: MODE });
    text = await readIfThere(path);
  } catch (error) {
    throw new TunnelError("CONFIG", `${path}: Cannot keep a key there: ${explainFileError(error)}`);
  }
  const key = text === undefined ? undefined : parsePrivateKey(text);
  if (key === undefined) throw new TunnelError("CONFIG", `${path}: Holds something else than an Ed25519 key`);
  return { publicKey: key.publicKey, created };
}
