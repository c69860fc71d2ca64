import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { explainFileError } from "../src/explain_file_error.ts";
import { test } from "./harness.ts";

function thrownBy(attempt: () => void): unknown {
  try {
    attempt();
  } catch (error) {
    return error;
  }
  throw new Error("Nothing was thrown");
}

function coded(code: string): Error {
  return Object.assign(new Error(`${code}: as the system says`), { code });
}

test("explainFileError() of what the runtime really throws", () => {
  assert.equal(explainFileError(thrownBy(() => readFileSync("/no/such/file"))), "there is no such file");
  assert.equal(explainFileError(thrownBy(() => readFileSync("/tmp"))), "it is a directory");
  assert.equal(
    explainFileError(thrownBy(() => writeFileSync("deno.json/file", "")), "write"),
    "a part of its path is no directory",
  );
  // Deno lets nobody write to `/dev/full` without every permission there is.
  assert.equal(explainFileError(coded("ENOSPC"), "write"), "the disk is full");
});

test("explainFileError() says what this user may not do, and passes on what it does not know", () => {
  assert.equal(explainFileError(coded("EACCES")), "this user may not read it");
  assert.equal(explainFileError(coded("EPERM"), "write"), "this user may not write it");
  assert.equal(explainFileError(coded("EROFS"), "write"), "the file system is read-only");
  const notCapable = Object.assign(new Error("Requires write access"), { name: "NotCapable" });
  assert.equal(
    explainFileError(notCapable, "write"),
    "this program was started without the permission to write it",
  );
  assert.equal(
    explainFileError(Object.assign(new Error(), { name: "PermissionDenied" })),
    "this user may not read it",
  );
  assert.equal(explainFileError(coded("EWHAT")), "EWHAT: as the system says");
  assert.equal(explainFileError("text"), "text");
});
