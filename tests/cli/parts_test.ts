import assert from "node:assert/strict";
import { errorLines, EXIT, exitCodeOf, UsageError } from "../../src/cli/exit.ts";
import { configureLogging } from "../../src/cli/logging.ts";
import { Output } from "../../src/cli/output.ts";
import { SecretLine } from "../../src/cli/prompt.ts";
import { ServiceBoard } from "../../src/cli/service_board.ts";
import { StopSignals } from "../../src/cli/stop_signals.ts";
import { TunnelError, type TunnelErrorCode } from "../../src/errors.ts";
import { loggerOrDefault } from "../../src/log.ts";
import type { Runtime, Signal } from "../../src/runtime/types.ts";
import { test } from "../harness.ts";

test("exitCodeOf() tells wrong calls, refusals and failures apart", () => {
  const codes: [unknown, number][] = [
    [new UsageError("x"), EXIT.usage],
    [new Error("x"), EXIT.failed],
    ["x", EXIT.failed],
  ];
  const tunnel: [TunnelErrorCode, number][] = [
    ["CONFIG", EXIT.usage],
    ["BIND", EXIT.failed],
    ["CONNECTION", EXIT.failed],
    ["AUTHENTICATION", EXIT.refused],
    ["VERSION", EXIT.refused],
  ];
  for (const [error, code] of codes) assert.equal(exitCodeOf(error), code);
  for (const [name, code] of tunnel) assert.equal(exitCodeOf(new TunnelError(name, "x")), code, name);
});

test("errorLines() is one line for an error, without control characters, and one for each problem", () => {
  const error = new Error("Cannot bind\n\u001b[2J", { cause: new Error("in use") });
  assert.deepEqual(errorLines(error), ["error: Cannot bind \\u001b[2J: in use"]);
  assert.deepEqual(errorLines(new TunnelError("CONFIG", "a.yaml:1:1: x\na.yaml:2:1: y")), [
    "a.yaml:1:1: x",
    "a.yaml:2:1: y",
  ]);
});

test("SecretLine edits what is typed and knows the end", () => {
  const line = new SecretLine();
  assert.equal(line.type("secreT\u007ft"), "open");
  assert.equal(line.type("\u001b[D\u001b[3~\u001bOA!"), "open");
  assert.equal(line.type("\r"), "done");
  assert.equal(line.text, "secret!");
  const other = new SecretLine();
  assert.equal(other.type("wrong\u0015right\u0004"), "done");
  assert.equal(other.text, "right");
  assert.equal(new SecretLine().type("abc\u0003"), "aborted");
});

test("Output writes in order, also when the descriptor takes a part", async () => {
  const written: string[] = [];
  const output = new Output((bytes) => {
    const part = bytes.subarray(0, 3);
    written.push(new TextDecoder().decode(part));
    return Promise.resolve(part.length);
  });
  output.line("hello");
  output.line("world");
  await output.flush(10_000);
  assert.equal(written.join(""), "hello\nworld\n");
});

test("Output drops what does not fit while it is blocked, and says so afterwards", async () => {
  const gate = Promise.withResolvers<void>();
  let written = "";
  const output = new Output(async (bytes) => {
    await gate.promise;
    written += new TextDecoder().decode(bytes);
    return bytes.length;
  });
  const line = "x".repeat(1023);
  for (let index = 0; index < 1024; index++) output.line(line);
  output.line("one too many");
  output.line("two too many");
  gate.resolve();
  await output.flush(10_000);
  const lines = written.trimEnd().split("\n");
  assert.equal(lines.length, 1025);
  assert.equal(lines.at(-1), "2 lines were dropped because this output was blocked or full");
});

test("Output survives a full disk, and says afterwards how much is missing", async () => {
  let full = true;
  let written = "";
  const output = new Output((bytes) => {
    if (full) return Promise.reject(new Error("ENOSPC"));
    written += new TextDecoder().decode(bytes);
    return Promise.resolve(bytes.length);
  });
  output.line("a");
  output.line("b");
  await output.flush(10_000);
  output.line("c");
  await output.flush(10_000);
  full = false;
  output.line("d");
  await output.flush(10_000);
  assert.equal(written, "d\n3 lines were dropped because this output was blocked or full\n");
});

test("Output.flush() gives up on a descriptor that stays blocked", async () => {
  const output = new Output(() => new Promise(() => {}));
  output.line("a");
  await output.flush(1);
});

test("configureLogging() escapes control characters and line ends in every format", () => {
  const evil = "a\u001b[31mb\n2026-01-01 INFO forged\u009b\u2028c";
  for (const format of ["text", "json"] as const) {
    const lines: string[] = [];
    const logger = configureLogging({
      level: "info",
      format,
      color: false,
      writeLine: (line) => lines.push(line),
    });
    logger.info("Client {id}: {error}", {
      id: evil,
      error: new Error(evil, { cause: new Error("why") }),
    });
    logger.debug("not logged");
    assert.equal(lines.length, 1);
    const [line = ""] = lines;
    for (const character of ["\u001b", "\n", "\u009b", "\u2028"]) assert.ok(!line.includes(character), line);
    if (format === "json") {
      const parsed = JSON.parse(line);
      assert.equal(parsed.values.id, evil);
      assert.equal(parsed.message, `Client ${evil}: ${evil}: why`);
      assert.equal(parsed.logger, "ferrotunnel");
    } else {
      assert.match(line, /^\d{4}-\d\d-\d\dT[\d:.]+Z INFO {4}Client a\\u001b\[31mb\\u000a/);
    }
  }
});

test("configureLogging() colours text only when told", () => {
  for (const color of [true, false]) {
    const lines: string[] = [];
    configureLogging({ level: "info", format: "text", color, writeLine: (line) => lines.push(line) });
    loggerOrDefault().info("hello");
    assert.equal(lines[0]?.includes("\u001b["), color);
  }
});

test("ServiceBoard prints a service once, and again when its address changed", () => {
  const lines: string[] = [];
  const local = (port: number): { hostname: string; port: number } => ({ hostname: "127.0.0.1", port });
  const board = new ServiceBoard([
    { name: "ssh", kind: "tcp", local: local(22) },
    { name: "database", kind: "tcp", local: local(5432) },
  ], (line) => lines.push(line));
  board.take({ type: "service_ready", service: "ssh", publicUrl: "tcp://host:2222" });
  board.take({ type: "disconnected", reason: "x", retryInMs: 1 });
  board.take({ type: "service_ready", service: "ssh", publicUrl: "tcp://host:2222" });
  board.take({ type: "service_ready", service: "ssh", publicUrl: "tcp://host:\u001b[2J" });
  board.take({ type: "service_ready", service: "database", publicUrl: undefined });
  assert.deepEqual(lines, [
    "ssh       127.0.0.1:22   → tcp://host:2222",
    "ssh       127.0.0.1:22   → tcp://host:\\u001b[2J",
    "database  127.0.0.1:5432 → the server's shared port",
  ]);
});

/** A runtime of which only signals and the exit are used. */
function signalRuntime(): {
  runtime: Runtime;
  send: (signal: Signal) => void;
  exits: number[];
  count: () => number;
} {
  const handlers = new Map<Signal, () => void>();
  const exits: number[] = [];
  const partial: Pick<Runtime, "onSignal" | "exit"> = {
    onSignal: (signal, handler) => {
      handlers.set(signal, handler);
      return () => handlers.delete(signal);
    },
    exit: (code) => {
      exits.push(code);
      throw new Error("exit");
    },
  };
  return {
    // The code under test uses nothing else.
    runtime: partial as Runtime,
    send: (signal) => handlers.get(signal)?.(),
    exits,
    count: () => handlers.size,
  };
}

test("StopSignals stops on the first signal and exits on the second", async () => {
  const { runtime, send, exits, count } = signalRuntime();
  const stopped = Promise.withResolvers<void>();
  const asked = Promise.withResolvers<void>();
  const running = {
    stop: () => {
      asked.resolve();
      return stopped.promise;
    },
  };
  const signals = new StopSignals({ runtime, logger: loggerOrDefault() });
  // It counts although nobody waits yet.
  send("SIGTERM");
  const ended = signals.wait(running);
  await asked.promise;
  assert.throws(() => send("SIGINT"), /exit/);
  assert.deepEqual(exits, [EXIT.interrupted]);
  stopped.resolve();
  await ended;
  signals.close();
  assert.equal(count(), 0);
});

test("StopSignals.wait() passes on why the program ended by itself", async () => {
  const { runtime } = signalRuntime();
  const signals = new StopSignals({ runtime, logger: loggerOrDefault() });
  const closed = Promise.reject(new TunnelError("AUTHENTICATION", "no"));
  await assert.rejects(signals.wait({ stop: () => Promise.resolve(), closed }), { code: "AUTHENTICATION" });
});
