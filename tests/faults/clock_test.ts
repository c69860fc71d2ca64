/**
 * A wall clock that jumps under programs that run: libfaketime tells them another time than the machine's.
 *
 * @module
 */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { findBun, findDeno } from "../../scripts/tools.ts";
import { Stage } from "../e2e/_stage.ts";
import { runtimeName, test } from "../harness.ts";
import { LONG } from "../support/long.ts";
import type { ChildProgram } from "../support/child_program.ts";
import { within } from "../support/deadline.ts";
import { freePort } from "../support/programs.ts";
import { connectSocket } from "../support/raw_socket.ts";
import { startClientProcess, startServerProcess } from "../support/tunnel_process.ts";
import { assertServed, echoOn, LOOPBACK, refusedHandshake, untilServed, wrapped } from "./_programs.ts";

const HOUR_S = 3_600;
/** What a log may lag behind the clock that the test reads. */
const TOLERANCE_S = 300;
const LIMITS = LONG ? "{}" : "limits: { heartbeatIntervalMs: 200, deadAfterMs: 1000 }";
/** Longer than a silent peer is taken for alive. */
const SETTLE_MS = LONG ? 35_000 : 2_000;
const OPTIONS = { timeoutMs: LONG ? 300_000 : 60_000 };

/** Where the library is, if it is installed. */
function findLibrary(): string | undefined {
  const name = join("faketime", "libfaketimeMT.so.1");
  const roots = ["/usr/lib", "/usr/lib64", "/usr/local/lib"];
  const folders = roots.filter((root) => existsSync(root)).flatMap((root) => [
    root,
    ...readdirSync(root).filter((entry) => entry.endsWith("-linux-gnu")).map((entry) => join(root, entry)),
  ]);
  return folders.map((folder) => join(folder, name)).find((path) => existsSync(path));
}

/** A clock for programs, told to them by a file. */
class FakedClock {
  readonly #path: string;
  readonly #library: string;
  offsetS = 0;

  constructor(folder: string, library: string) {
    this.#path = join(folder, "clock");
    this.#library = library;
    this.set(0);
  }

  /** Variables of a shell that starts a program by this clock; its monotonic clock stays the machine's. */
  get exports(): string {
    return `export LD_PRELOAD=${this.#library} FAKETIME_TIMESTAMP_FILE=${this.#path} FAKETIME_NO_CACHE=1 ` +
      "DONT_FAKE_MONOTONIC=1 FAKETIME_DONT_FAKE_MONOTONIC=1";
  }

  /** Whoever reads it sees the old offset or the new one. */
  set(offsetS: number): void {
    this.offsetS = offsetS;
    writeFileSync(`${this.#path}.new`, `${offsetS < 0 ? "-" : "+"}${Math.abs(offsetS)}\n`);
    renameSync(`${this.#path}.new`, this.#path);
  }
}

const library = findLibrary();

/** Why the clock cannot be faked here, or undefined when it can: tried with a program that says what time it is. */
function noFakedClock(): string | undefined {
  if (library === undefined) return "needs libfaketime";
  const folder = mkdtempSync(join(tmpdir(), "ferrotunnel-clock-"));
  try {
    const clock = new FakedClock(folder, library);
    clock.set(HOUR_S);
    const run = runtimeName === "deno" ? [findDeno(), "eval"] : [findBun(), "-e"];
    const tell = "console.log(Date.now())";
    const told = execFileSync("sh", ["-c", `${clock.exports}; exec "$@"`, "sh", ...run, tell], {
      encoding: "utf8",
      stdio: ["ignore", "pipe", "ignore"],
    });
    return isAt(Number(told), HOUR_S) ? undefined : `libfaketime does not reach ${runtimeName}`;
  } catch {
    return `libfaketime does not work with ${runtimeName}`;
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function isAt(timeMs: number, offsetS: number): boolean {
  return Math.abs(timeMs - Date.now() - offsetS * 1_000) < TOLERANCE_S * 1_000;
}

/** Asserts that a program's next line of the log has the time of the clock: that it has jumped indeed. */
async function assertJumped(
  program: ChildProgram,
  clock: FakedClock,
  options: { pattern: RegExp; after: number },
): Promise<void> {
  const { input } = await program.line(options.pattern, { after: options.after });
  const { "@timestamp": timestamp } = JSON.parse(input) as { "@timestamp": string };
  assert.ok(isAt(Date.parse(timestamp), clock.offsetS), `${timestamp} at an offset of ${clock.offsetS} s`);
}

test(
  "P9: programs whose wall clock jumps an hour forwards, then backwards, keep session, visitors and waits",
  async () => {
    assert.ok(library !== undefined);
    await using stage = new Stage();
    const localPort = await freePort();
    await using _ = await echoOn(localPort);
    const clock = new FakedClock(stage.folder, library);
    const config = join(stage.folder, "limits.yaml");
    writeFileSync(config, `${LIMITS}\n`);
    const faked = {
      ...wrapped(`${clock.exports}; exec "$@"`),
      args: ["--config", config, "--log-format", "json"],
    };
    const port = await freePort();
    const first = await stage.run(startServerProcess({ ...faked, port }));
    const client = await stage.run(
      startClientProcess({ ...faked, serverPort: port, localPort, remotePort: await freePort() }),
    );
    const visitor = await connectSocket({ hostname: LOOPBACK, port: client.publicPort });
    for (const offsetS of [HOUR_S, -HOUR_S]) {
      const after = first.program.lines.length;
      clock.set(offsetS);
      // What is shown is that nothing happens meanwhile: heartbeats go on, and no deadline passes.
      await new Promise((resolve) => setTimeout(resolve, SETTLE_MS));
      const { bytesReceived } = visitor;
      await visitor.write(Uint8Array.of(1));
      await within(visitor.read(1), "the open visitor to be served");
      assert.equal(visitor.bytesReceived, bytesReceived + 1);
      await assertServed(client.publicPort, `after a jump to ${offsetS} s`);
      await refusedHandshake(port);
      await assertJumped(first.program, clock, { pattern: /Refused handshake/, after });
    }
    for (const { program } of [first, client]) {
      assert.doesNotMatch(program.output(), /disconnected|Disconnected|trying again|answered no heartbeat/);
    }
    await visitor.close();
    // Waits between dials go by the other clock too.
    const after = client.program.lines.length;
    await first.program.kill();
    await client.program.line(/trying again in/, { after });
    clock.set(HOUR_S);
    await stage.run(startServerProcess({ ...faked, port }));
    await assertJumped(client.program, clock, { pattern: /Connected to/, after });
    await untilServed(client.publicPort, 10_000);
  },
  { ...OPTIONS, skip: noFakedClock() },
);
