import assert from "node:assert/strict";
import { connect, type ConnectionOptions } from "node:tls";
import { TunnelError } from "../../src/errors.ts";
import { runtime } from "../../src/runtime/mod.ts";
import type { Connection, Listener, ListenTlsOptions } from "../../src/runtime/types.ts";
import { test } from "../harness.ts";
import { selfSigned } from "../support/identities.ts";
import { startEcho } from "./_links.ts";
import { pattern, Recorder } from "./_recorder.ts";

const first = selfSigned("first.example", "Both.Example");
const second = selfSigned("*.second.example", "both.example");
const exact = selfSigned("very.second.example");

interface Accepting {
  readonly listener: Listener;
  /** Server sides of what was accepted. */
  readonly accepted: Connection[];
}

/** A listener that echoes. */
async function listen(tls: ListenTlsOptions): Promise<Accepting> {
  const accepted: Connection[] = [];
  const listener = await runtime.listen({
    hostname: "127.0.0.1",
    port: 0,
    tls,
    onConnection: (connection) => {
      accepted.push(connection);
      startEcho(connection);
    },
  });
  return { listener, accepted };
}

interface Handshake {
  /** Common name of the certificate. */
  readonly name: string;
  readonly alpn: string | undefined;
  readonly version: string | null;
}

/** A handshake, and whether a byte comes back; the connection is closed. */
async function shakeHands({ address }: Listener, options: ConnectionOptions = {}): Promise<Handshake> {
  const socket = connect({
    host: address.hostname,
    port: address.port,
    rejectUnauthorized: false,
    minVersion: "TLSv1.2",
    ...options,
  });
  return await new Promise((resolve, reject) => {
    let found: Handshake | undefined;
    socket.once("secureConnect", () => {
      const { CN } = socket.getPeerCertificate().subject;
      found = {
        name: String(CN),
        alpn: socket.alpnProtocol || undefined,
        version: socket.getProtocol(),
      };
      socket.write("x");
    });
    socket.once("data", () => socket.end());
    socket.on("error", reject);
    socket.once("close", () => {
      if (found === undefined) reject(new Error("closed before the handshake was over"));
      else resolve(found);
    });
  });
}

test("TLS by name: the certificate for the very name counts, then the wildcard's, then the first", async () => {
  const { listener, accepted } = await listen({ identities: [first, second, exact] });
  const names: [asked: string | undefined, got: string][] = [
    ["first.example", "first.example"],
    ["FIRST.Example", "first.example"],
    ["a.second.example", "*.second.example"],
    ["very.second.example", "very.second.example"],
    ["b.very.second.example", "first.example"],
    ["second.example", "first.example"],
    ["both.example", "first.example"],
    ["unknown.example", "first.example"],
    ["localhost", "first.example"],
    [undefined, "first.example"],
  ];
  for (const [asked, got] of names) {
    const { name } = await shakeHands(listener, { servername: asked ?? "" });
    assert.equal(name, got, `asked for ${asked}`);
  }
  assert.deepEqual(
    accepted.map(({ serverName }) => serverName?.toLowerCase()),
    names.map(([asked]) => asked?.toLowerCase()),
  );
  await listener.close();
});

test("TLS by name: other certificates hold from the next handshake on, connections live on", async () => {
  const { listener } = await listen({ identities: [first] });
  const before = await runtime.connect({
    ...listener.address,
    tls: { ca: first.cert, serverName: "first.example" },
  });
  const recorder = new Recorder();
  before.start(recorder);
  listener.setIdentities?.([second, exact]);
  assert.equal(
    (await shakeHands(listener, { servername: "very.second.example" })).name,
    "very.second.example",
  );
  assert.equal((await shakeHands(listener, { servername: "first.example" })).name, "*.second.example");
  assert.equal((await shakeHands(listener)).name, "*.second.example", "without a name");
  const unusable = { cert: second.cert, key: first.key };
  assert.throws(() => listener.setIdentities?.([first, unusable]), (error: unknown) => {
    assert.ok(error instanceof TunnelError);
    assert.equal(error.code, "CONFIG");
    return true;
  });
  assert.equal(
    (await shakeHands(listener)).name,
    "*.second.example",
    "after certificates that cannot be used",
  );
  await recorder.send(before, pattern(10));
  await recorder.when(() => recorder.receivedBytes === 10);
  before.closeWrite();
  assert.equal(await recorder.closed(), undefined);
  await listener.close();
});

test("TLS by name: versions from minVersion on are spoken, older ones refused", async () => {
  const since12 = await listen({ identities: [first], minVersion: "TLSv1.2" });
  const since13 = await listen({ identities: [first] });
  assert.equal((await shakeHands(since12.listener)).version, "TLSv1.3");
  assert.equal((await shakeHands(since12.listener, { maxVersion: "TLSv1.2" })).version, "TLSv1.2");
  assert.equal((await shakeHands(since13.listener)).version, "TLSv1.3");
  await assert.rejects(shakeHands(since13.listener, { maxVersion: "TLSv1.2" }));
  await assert.rejects(shakeHands(since12.listener, { minVersion: "TLSv1", maxVersion: "TLSv1.1" }));
  since12.listener.setIdentities?.([second]);
  assert.equal(
    (await shakeHands(since12.listener, { maxVersion: "TLSv1.2" })).version,
    "TLSv1.2",
    "after a swap",
  );
  since13.listener.setIdentities?.([second]);
  await assert.rejects(shakeHands(since13.listener, { maxVersion: "TLSv1.2" }), "after a swap");
  await since12.listener.close();
  await since13.listener.close();
});

test("TLS by name: the protocol is agreed on, and a client that knows none of ours is refused", async () => {
  const { listener, accepted } = await listen({ identities: [first], alpn: ["h2", "http/1.1"] });
  const agreed = async (...ALPNProtocols: string[]): Promise<string | undefined> =>
    (await shakeHands(listener, { ALPNProtocols })).alpn;
  assert.equal(await agreed("http/1.1", "h2"), "h2", "the server's order counts");
  assert.equal(await agreed("other", "http/1.1"), "http/1.1");
  assert.equal((await shakeHands(listener)).alpn, undefined);
  assert.deepEqual(accepted.map(({ alpn }) => alpn), ["h2", "http/1.1", undefined]);
  await assert.rejects(agreed("other"));
  assert.equal(accepted.length, 3);
  await listener.close();
});

test("TLS by name: certificates that cannot be used, or none, are refused at once", async () => {
  for (const identities of [[], [first, { cert: "", key: "" }], [{ cert: first.cert, key: second.key }]]) {
    await assert.rejects(listen({ identities }), (error: unknown) => {
      assert.ok(error instanceof TunnelError, String(error));
      assert.equal(error.code, "CONFIG");
      return true;
    });
  }
  await assert.rejects(listen({ identities: [first], ca: first.cert }), TypeError);
  await assert.rejects(listen({ identities: [first], ...second }), TypeError);
  const { listener } = await listen({ identities: [first] });
  assert.throws(() => listener.setIdentities?.([second], { ca: first.cert }), TypeError);
  await listener.close();
});
