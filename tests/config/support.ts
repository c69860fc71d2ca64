/**
 * What the tests of the configuration share.
 *
 * @module
 */
import assert from "node:assert/strict";
import { ConfigError, loadConfig, type LoadedConfig, type Role } from "../../src/config/mod.ts";

/** What a test gives beside the file. */
export interface Given {
  readonly file?: string;
  readonly environment?: Record<string, string>;
  readonly flags?: Record<string, string | true>;
}

/** Loads a configuration; its file is called `server.yaml` or `client.yaml`. */
export function load<R extends Role>(role: R, given: Given): LoadedConfig<R> {
  return loadConfig(role, {
    ...(given.file === undefined ? {} : { file: { path: `${role}.yaml`, text: given.file } }),
    environment: (name) => given.environment?.[name],
    flags: new Map(Object.entries(given.flags ?? {})),
    machineName: "box.lan",
  });
}

/** The lines that loading a wrong configuration prints. */
export function problemLines(role: Role, given: Given): string[] {
  try {
    load(role, given);
  } catch (error) {
    assert.ok(error instanceof ConfigError, String(error));
    assert.equal(error.code, "CONFIG");
    return error.message.split("\n");
  }
  return [];
}
