/**
 * Says what is wrong with a file.
 *
 * @module
 */

const REASONS: Readonly<Record<string, string>> = {
  ENOENT: "there is no such file",
  EISDIR: "it is a directory",
  ENOTDIR: "a part of its path is no directory",
  EACCES: "this user may not do that",
  EPERM: "this user may not do that",
  EROFS: "the file system is read-only",
  ENOSPC: "the disk is full",
  EDQUOT: "the quota of this user is used up",
  EMFILE: "too many open files; raise the limit of the process",
};

/** Deno's names for what has no code there. */
const CODES: Readonly<Record<string, string>> = {
  NotFound: "ENOENT",
  IsADirectory: "EISDIR",
  NotADirectory: "ENOTDIR",
  PermissionDenied: "EACCES",
};

/** The system's name of an error, such as "ENOENT". */
export function fileErrorCode(error: unknown): string | undefined {
  return error instanceof Error && "code" in error ? String(error.code) : undefined;
}

/**
 * Says in a few words why a file cannot be read or written; the runtimes' own texts differ.
 *
 * @param error What the attempt threw.
 * @param doing What was attempted.
 */
export function explainFileError(error: unknown, doing: "read" | "write" = "read"): string {
  const name = error instanceof Error ? error.name : "";
  if (name === "NotCapable") return `this program was started without the permission to ${doing} it`;
  const code = fileErrorCode(error) ?? CODES[name] ?? "";
  if (code === "EACCES" || code === "EPERM") return `this user may not ${doing} it`;
  return REASONS[code] ?? (error instanceof Error ? error.message : String(error));
}
