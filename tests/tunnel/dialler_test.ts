import assert from "node:assert/strict";
import { TunnelError } from "../../src/errors.ts";
import { runtime } from "../../src/runtime/mod.ts";
import type {
  Connection,
  ConnectOptions,
  ConnectTlsOptions,
  SocketAddress,
} from "../../src/runtime/types.ts";
import { Dialler, type ReadTlsFiles } from "../../src/tunnel/dialler.ts";
import { test } from "../harness.ts";
import { FakeClock } from "../support/fake_clock.ts";
import { notedLogger } from "../support/noted_logger.ts";

const SERVER = { hostname: "tunnel.example.com", port: 7835 };
const LOCAL = { hostname: "127.0.0.1", port: 7835 };

/** A dialler whose dials go nowhere. */
class Desk {
  readonly clock = new FakeClock();
  readonly log: string[] = [];
  readonly dials: ConnectOptions[] = [];
  /** Text of a `ca` that cannot be used. */
  unusable = "";
  /** A reason for which every dial fails. */
  failure: Error | undefined;
  readonly dialler: Dialler;

  constructor(
    tls: ConnectTlsOptions | undefined,
    options: { readTls?: ReadTlsFiles; servers?: SocketAddress[] } = {},
  ) {
    const { readTls, servers = [SERVER] } = options;
    this.dialler = new Dialler({
      runtime: { ...runtime, connect: (dial) => this.#connect(dial) },
      logger: notedLogger(this.log),
      clock: this.clock,
      timeoutMs: 5_000,
      servers,
      tls,
      readTls,
    });
  }

  /** Dials, a second after the last time. @returns the TLS options of every attempt */
  async dial(): Promise<(ConnectTlsOptions | undefined)[]> {
    this.clock.advance(1_000);
    const count = this.dials.length;
    await this.dialler.dial(SERVER).catch((error) => {
      if (error !== this.failure) throw error;
    });
    return this.dials.slice(count).map(({ tls }) => tls);
  }

  #connect(options: ConnectOptions): Promise<Connection> {
    this.dials.push(options);
    if (options.tls?.ca === this.unusable) {
      return Promise.reject(new TunnelError("CONFIG", "Could not use it"));
    }
    if (this.failure !== undefined) return Promise.reject(this.failure);
    // Nobody looks at the connection.
    return Promise.resolve({} as Connection);
  }
}

test("Dialler dials with the options that it has, without TLS too", async () => {
  const plain = new Desk(undefined);
  await plain.dial();
  assert.deepEqual(plain.dials, [{ ...SERVER, timeoutMs: 5_000 }]);
  const pinned = new Desk({ pins: ["sha256:x"], serverName: "name" });
  assert.deepEqual(await pinned.dial(), [{ pins: ["sha256:x"], serverName: "name" }]);
  assert.deepEqual(pinned.log, []);
});

test("Dialler reads the files before a dial, at most once a second, and leaves trust alone", async () => {
  let ca = "one";
  let reads = 0;
  const desk = new Desk({ ca, pins: ["sha256:x"] }, {
    readTls: () => {
      reads++;
      // What is no file has no say.
      return Promise.resolve({ ca, skipVerify: true, pins: [] });
    },
  });
  assert.deepEqual(await desk.dial(), [{ ca: "one", pins: ["sha256:x"] }]);
  ca = "two";
  assert.deepEqual(await desk.dial(), [{ ca: "two", pins: ["sha256:x"] }]);
  assert.deepEqual(desk.log, ["info The TLS files have changed"]);
  assert.equal(reads, 2);
  ca = "three";
  desk.clock.advance(999);
  await Promise.all([desk.dialler.dial(SERVER), desk.dialler.dial(SERVER)]);
  assert.equal(reads, 2);
  assert.equal(desk.dials.at(-1)?.tls?.ca, "two");
  desk.clock.advance(1);
  await Promise.all([desk.dialler.dial(SERVER), desk.dialler.dial(SERVER)]);
  assert.equal(reads, 3);
  assert.equal(desk.dials.at(-1)?.tls?.ca, "three");
});

test("Dialler goes on with the last usable files when the new ones cannot be read or used, and says it once", async () => {
  let files: { ca: string } | Error = { ca: "one" };
  const desk = new Desk({ ca: "one" }, {
    readTls: () => files instanceof Error ? Promise.reject(files) : Promise.resolve(files),
  });
  desk.unusable = "bad";
  files = new Error("no such file");
  assert.deepEqual(await desk.dial(), [{ ca: "one" }]);
  assert.deepEqual(await desk.dial(), [{ ca: "one" }]);
  const line = "warn The TLS files cannot be used, and the former ones stay: ";
  assert.deepEqual(desk.log.splice(0), [`${line}no such file`]);
  files = { ca: "bad" };
  assert.deepEqual(await desk.dial(), [{ ca: "bad" }, { ca: "one" }]);
  assert.deepEqual(await desk.dial(), [{ ca: "bad" }, { ca: "one" }]);
  assert.deepEqual(desk.log.splice(0), ["info The TLS files have changed", `${line}Could not use it`]);
  files = { ca: "two" };
  assert.deepEqual(await desk.dial(), [{ ca: "two" }]);
  files = { ca: "bad" };
  assert.deepEqual(await desk.dial(), [{ ca: "bad" }, { ca: "two" }]);
});

test("Dialler: files with which a server was only not reached count as usable; the first ones must be usable", async () => {
  let ca = "one";
  const desk = new Desk({ ca }, { readTls: () => Promise.resolve({ ca }) });
  desk.failure = new TunnelError("CONNECTION", "Refused");
  ca = "two";
  assert.deepEqual(await desk.dial(), [{ ca: "two" }]);
  desk.unusable = ca = "bad";
  assert.deepEqual(await desk.dial(), [{ ca: "bad" }, { ca: "two" }]);
  const hopeless = new Desk({ ca: "bad" });
  hopeless.unusable = "bad";
  await assert.rejects(hopeless.dial(), { code: "CONFIG" });
});

test("Dialler verifies every server but on this machine, and says aloud when it does not", () => {
  const skipVerify = { skipVerify: true };
  for (const servers of [[SERVER], [LOCAL, SERVER], [{ hostname: "10.0.0.1", port: 1 }]]) {
    assert.throws(() => new Desk(skipVerify, { servers }), {
      name: "TypeError",
      message: /gives its token to anybody: not for (?:tunnel\.example\.com|10\.0\.0\.1), only for loopback/,
    });
    assert.doesNotThrow(() => new Desk({ skipVerify: false }, { servers }));
    assert.doesNotThrow(() => new Desk(undefined, { servers }));
  }
  const local = new Desk(skipVerify, { servers: [LOCAL, { hostname: "localhost", port: 1 }] });
  local.dialler.warn();
  assert.equal(local.log.length, 1);
  assert.match(local.log[0] ?? "", /^error TLS without verification: /);
  const verified = new Desk({});
  verified.dialler.warn();
  assert.deepEqual(verified.log, []);
});
