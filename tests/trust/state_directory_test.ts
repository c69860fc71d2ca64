import assert from "node:assert/strict";
import { defaultStateDirectory } from "../../src/trust/state_directory.ts";
import { test } from "../harness.ts";

const CASES: [string, Record<string, string>, number | undefined, string | undefined][] = [
  ["a user's home", { HOME: "/people/ada" }, 1000, "/people/ada/.local/state/ferrotunnel"],
  ["a user's own choice", { HOME: "/people/ada", XDG_STATE_HOME: "/s" }, 1000, "/s/ferrotunnel"],
  [
    "a relative choice, which counts as none",
    { HOME: "/people/ada", XDG_STATE_HOME: "s" },
    1000,
    "/people/ada/.local/state/ferrotunnel",
  ],
  [
    "an empty choice",
    { HOME: "/people/ada", XDG_STATE_HOME: "" },
    1000,
    "/people/ada/.local/state/ferrotunnel",
  ],
  ["root", { HOME: "/root", XDG_STATE_HOME: "/s" }, 0, "/var/lib/ferrotunnel"],
  ["a user that is not known", { HOME: "/people/ada" }, undefined, "/people/ada/.local/state/ferrotunnel"],
  [
    "a service of systemd",
    { STATE_DIRECTORY: "/var/lib/private/ft:/other", HOME: "/" },
    61_000,
    "/var/lib/private/ft",
  ],
  ["nobody's home", {}, 1000, undefined],
];

for (const [name, environment, userId, expected] of CASES) {
  test(`defaultStateDirectory() for ${name}`, () => {
    const read = (variable: string): string | undefined => environment[variable];
    assert.equal(defaultStateDirectory({ environment: read, userId }), expected);
  });
}
