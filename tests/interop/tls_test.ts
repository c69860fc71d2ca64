import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "../harness.ts";
import { until } from "../support/deadline.ts";
import { missing } from "../support/programs.ts";
import { type Certificates, type Identity, makeCertificates } from "../runtime/_certificates.ts";
import { Bed, clientsAre, connected } from "./bed.ts";
import { RUST_CLIENT_IN, type TlsFiles, withoutRust } from "./rust_program.ts";
import { lineOfBlocks, say, writeBlocks } from "./service.ts";

/**
 * With TLS the Rust program may keep the last bytes of a busy line until it writes again: the next heartbeat makes it, see
 * docs/interop.md. A test need not wait for the ordinary one.
 */
const FREQUENT_HEARTBEATS = { heartbeatIntervalMs: 250 };

const skip = withoutRust ?? missing("openssl");
let made: Certificates | undefined;

/** Once for all tests. */
function certificates(): Certificates {
  return made ??= makeCertificates();
}

/** Writes PEM files for the Rust program, which are removed at the end. */
function files(bed: Bed, pems: { readonly ca?: string; readonly identity?: Identity }): TlsFiles {
  const folder = mkdtempSync(join(tmpdir(), "ferrotunnel-interop-"));
  bed.later(() => Promise.resolve(rmSync(folder, { recursive: true })));
  const write = (name: string, text: string): string => {
    const path = join(folder, name);
    writeFileSync(path, text, { mode: 0o600 });
    return path;
  };
  const { ca, identity } = pems;
  return {
    ...identity === undefined
      ? {}
      : { cert: write("cert.pem", identity.cert), key: write("key.pem", identity.key) },
    ...ca === undefined ? {} : { ca: write("ca.pem", ca) },
  };
}

async function assertServed(bed: Bed, visitors: { readonly port: number }): Promise<void> {
  const visitor = await bed.visitor(visitors);
  await say(visitor, "put\n");
  await writeBlocks(visitor, 32);
  await visitor.end();
  assert.equal(new TextDecoder().decode(await visitor.readToEnd()), lineOfBlocks(32));
}

for (const mutual of [false, true]) {
  const kind = mutual ? "mutual TLS" : "TLS";

  test(`A Rust client on our server over ${kind}`, async () => {
    await using bed = new Bed();
    const { ca, server: identity, client } = certificates();
    const service = await bed.service();
    const ours = await bed.ourServer({ tls: { ...identity, ...mutual ? { ca } : {} } });
    await bed.rustClient({
      serverPort: ours.port,
      localPort: service.address.port,
      tls: files(bed, { ca, ...mutual ? { identity: client } : {} }),
    });
    await assertServed(bed, ours.visitors);
  }, { skip });

  test(`A client of ours on the Rust server over ${kind}`, async () => {
    await using bed = new Bed();
    const { ca, server: identity, client } = certificates();
    const service = await bed.service();
    const { port, visitorsPort } = await bed.rustServer({
      tls: files(bed, { identity, ...mutual ? { ca } : {} }),
    });
    const ours = bed.ourClient(port, service.address, {
      tls: { ca, serverName: "localhost", ...mutual ? client : {} },
      limits: FREQUENT_HEARTBEATS,
    });
    await connected(ours);
    await assertServed(bed, { port: visitorsPort });
  }, { skip });
}

test("A Rust client refuses our server when another authority has signed its certificate", async () => {
  await using bed = new Bed();
  const { strangerCa, server: identity } = certificates();
  const service = await bed.service();
  const ours = await bed.ourServer({ tls: identity });
  const rust = bed.launchRustClient({
    serverPort: ours.port,
    localPort: service.address.port,
    tls: files(bed, { ca: strangerCa }),
  });
  await rust.line(/invalid peer certificate/);
  await clientsAre(ours.server, 0);
}, { skip });

test(
  "A client of ours refuses the Rust server when another authority has signed its certificate",
  async () => {
    await using bed = new Bed();
    const { strangerCa, server: identity } = certificates();
    const service = await bed.service();
    const { port } = await bed.rustServer({ tls: files(bed, { identity }) });
    const ours = bed.ourClient(port, service.address, { tls: { ca: strangerCa, serverName: "localhost" } });
    await until(
      () => ours.events.some(({ type }) => type === "disconnected"),
      "the client has given up a dial",
    );
    assert.equal(ours.client.connected, false);
    assert.equal(ours.client.counters.get("sessions_opened"), 0);
  },
  { skip },
);

for (const who of ["without a certificate", "with a certificate of another authority"] as const) {
  test(`Our server refuses a Rust client ${who}`, async () => {
    await using bed = new Bed();
    const { ca, server: identity, strangerClient } = certificates();
    const service = await bed.service();
    const ours = await bed.ourServer({ tls: { ...identity, ca } });
    const rust = bed.launchRustClient({
      serverPort: ours.port,
      localPort: service.address.port,
      tls: files(bed, { ca, ...who === "without a certificate" ? {} : { identity: strangerClient } }),
    });
    await rust.line(/Connection lost or failed/);
    assert.doesNotMatch(rust.output(), RUST_CLIENT_IN);
    assert.equal(ours.server.counters.get("sessions_opened"), 0);
  }, { skip });

  test(`The Rust server refuses a client of ours ${who}`, async () => {
    await using bed = new Bed();
    const { ca, server: identity, strangerClient } = certificates();
    const service = await bed.service();
    const { port } = await bed.rustServer({ tls: files(bed, { identity, ca }) });
    const ours = bed.ourClient(port, service.address, {
      tls: { ca, serverName: "localhost", ...who === "without a certificate" ? {} : strangerClient },
    });
    await until(() => ours.events.some(({ type }) => type === "disconnected"), "the client was refused");
    assert.equal(ours.client.counters.get("sessions_opened"), 0);
  }, { skip });
}
