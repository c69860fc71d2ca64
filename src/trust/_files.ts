/**
 * Files that are there completely or not at all.
 *
 * @module
 */
import { randomBytes } from "node:crypto";
import { link, mkdir, open, readFile, rename, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileErrorCode } from "../explain_file_error.ts";

/** The text of a file; undefined when there is none. */
export async function readIfThere(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    if (fileErrorCode(error) === "ENOENT") return undefined;
    throw error;
  }
}

/** Makes a directory for this user alone, and those above it; one that is there stays as it is. */
export async function makeDirectory(path: string): Promise<void> {
  await mkdir(path, { recursive: true, mode: 0o700 });
}

/**
 * Writes a file that must not be there yet. Of several that try at once, one succeeds.
 *
 * @returns Whether it was this one.
 */
export async function createFile(path: string, options: { text: string; mode: number }): Promise<boolean> {
  return await throughTemporary(path, options, async (temporary) => {
    try {
      await link(temporary, path);
      return true;
    } catch (error) {
      const code = fileErrorCode(error);
      if (code === "EEXIST") return false;
      if (code !== "EPERM" && code !== "ENOTSUP" && code !== "EOPNOTSUPP" && code !== "ENOSYS") throw error;
    }
    // A file system without links. Of two that come here at once, the later one counts for both after a restart.
    await rename(temporary, path);
    return true;
  });
}

/** Writes a file in place of the one that is there, if any. */
export async function replaceFile(path: string, options: { text: string; mode: number }): Promise<void> {
  await throughTemporary(path, options, (temporary) => rename(temporary, path));
}

async function throughTemporary<Result>(
  path: string,
  { text, mode }: { text: string; mode: number },
  place: (temporary: string) => Promise<Result>,
): Promise<Result> {
  const temporary = join(dirname(path), `.${randomBytes(8).toString("hex")}.tmp`);
  try {
    const file = await open(temporary, "wx", mode);
    try {
      await file.writeFile(text);
      // Else a power cut could leave the name without the text.
      await file.sync();
    } finally {
      await file.close();
    }
    return await place(temporary);
  } finally {
    await rm(temporary, { force: true });
  }
}
