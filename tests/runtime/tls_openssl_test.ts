import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { TunnelError } from "../../src/errors.ts";
import { runtime } from "../../src/runtime/mod.ts";
import type { Connection, ConnectTlsOptions, Listener } from "../../src/runtime/types.ts";
import { fingerprintOfCertificate } from "../../src/trust/fingerprint.ts";
import { test } from "../harness.ts";
import { ChildProgram } from "../support/child_program.ts";
import { freePort, missing } from "../support/programs.ts";
import { type Identity, makeCertificates } from "./_certificates.ts";
import { Recorder } from "./_recorder.ts";

const skip = missing("openssl");
const certificates = makeCertificates();
const { ca, strangerCa, server, expired, notYetValid, otherName, client, strangerClient } = certificates;

/** Files for a program, gone afterwards. */
class Folder implements Disposable {
  readonly #path = mkdtempSync(join(tmpdir(), "ferrotunnel-test-"));

  write(name: string, text: string): string {
    const path = join(this.#path, name);
    writeFileSync(path, text);
    return path;
  }

  /** Arguments of openssl that name an identity. */
  identity({ cert, key }: Identity): string[] {
    return ["-cert", this.write("cert.pem", cert), "-key", this.write("key.pem", key)];
  }

  [Symbol.dispose](): void {
    rmSync(this.#path, { recursive: true });
  }
}

/** A listener whose connections say "let in" and end. */
async function listen(tls: Identity & { ca?: string }): Promise<{ listener: Listener; errors: Error[] }> {
  const errors: Error[] = [];
  const listener = await runtime.listen({
    hostname: "127.0.0.1",
    port: 0,
    tls,
    onError: (error) => errors.push(error),
    onConnection: (connection: Connection) => {
      connection.start(new Recorder());
      connection.write(new TextEncoder().encode("let in"));
      connection.closeWrite();
    },
  });
  return { listener, errors };
}

/** What `openssl s_client` prints when it talks to a listener. */
function talk(listener: Listener, args: string[]): Promise<string> {
  const command = ["s_client", "-connect", `127.0.0.1:${listener.address.port}`, "-ign_eof", ...args];
  return new Promise((resolve) => {
    execFile("openssl", command, (_, out, errors) => resolve(out + errors)).stdin?.end();
  });
}

/** Arguments with which openssl speaks one version and no other, old ones too. */
const OLD = ["-cipher", "ALL:@SECLEVEL=0"];
const VERSIONS: readonly (readonly [version: string, args: readonly string[]])[] = [
  ["TLS 1.0", ["-tls1", ...OLD]],
  ["TLS 1.1", ["-tls1_1", ...OLD]],
  ["TLS 1.2", ["-tls1_2"]],
  ["TLS 1.3", ["-tls1_3"]],
];
/** The only one that is spoken. */
const SPOKEN = "TLS 1.3";

interface ClientCase {
  readonly name: string;
  readonly mutual: boolean;
  readonly identity?: Identity;
  readonly right: boolean;
}

const CLIENTS: readonly ClientCase[] = [
  { name: "no certificate where none is demanded", mutual: false, right: true },
  { name: "no certificate where one is demanded", mutual: true, right: false },
  { name: "a certificate of another authority", mutual: true, identity: strangerClient, right: false },
  { name: "an ended certificate", mutual: true, identity: expired, right: false },
  { name: "a certificate that begins later", mutual: true, identity: notYetValid, right: false },
  { name: "the right certificate", mutual: true, identity: client, right: true },
];

for (const [version, args] of VERSIONS) {
  for (const { name, mutual, identity, right } of CLIENTS) {
    const letIn = right && version === SPOKEN;
    const outcome = letIn ? "let in" : "refused";
    test(`TLS with openssl: a client with ${version} and ${name} is ${outcome}`, async () => {
      using folder = new Folder();
      const { listener, errors } = await listen(mutual ? { ...server, ca } : server);
      const own = identity === undefined ? [] : folder.identity(identity);
      const out = await talk(listener, [...args, ...own]);
      assert.equal(out.includes("let in"), letIn, out);
      assert.equal(errors.length, letIn ? 0 : 1);
      // The refusal ends no more than the one connection.
      assert.match(await talk(listener, mutual ? folder.identity(client) : []), /let in/);
      await listener.close();
    }, { skip });
  }
}

interface ServerCase {
  readonly name: string;
  readonly identity: Identity;
  readonly tls: ConnectTlsOptions;
  readonly right: boolean;
}

const pins = [fingerprintOfCertificate(server.cert)];
const SERVERS: readonly ServerCase[] = [
  { name: "the right certificate", identity: server, tls: { ca }, right: true },
  { name: "the pinned key", identity: server, tls: { pins }, right: true },
  { name: "any certificate, unverified,", identity: expired, tls: { skipVerify: true }, right: true },
  { name: "a certificate of another authority", identity: server, tls: { ca: strangerCa }, right: false },
  { name: "an ended certificate", identity: expired, tls: { ca }, right: false },
  { name: "a certificate that begins later", identity: notYetValid, tls: { ca }, right: false },
  { name: "a certificate for another name", identity: otherName, tls: { ca }, right: false },
  { name: "another key than the pinned one", identity: otherName, tls: { pins }, right: false },
];

for (const [version, args] of VERSIONS) {
  for (const { name, identity, tls, right } of SERVERS) {
    const taken = right && version === SPOKEN;
    const outcome = taken ? "taken" : "refused";
    test(`TLS with openssl: a server with ${version} and ${name} is ${outcome}`, async () => {
      using folder = new Folder();
      const port = await freePort();
      const command = [
        "openssl",
        "s_server",
        "-accept",
        String(port),
        "-www",
        ...folder.identity(identity),
        ...args,
      ];
      await using program = new ChildProgram(command);
      await program.line(/^ACCEPT/);
      const dial = runtime.connect({ hostname: "127.0.0.1", port, tls });
      if (!taken) {
        return await assert.rejects(dial, (error: unknown) => {
          return error instanceof TunnelError && error.code === "CONNECTION";
        });
      }
      const connection = await dial;
      const recorder = new Recorder();
      connection.start(recorder);
      connection.write(new TextEncoder().encode("GET / HTTP/1.0\r\n\r\n"));
      await recorder.when(() => recorder.bytes().includes("HTTP/1.0 200"));
      connection.close();
      await recorder.closed();
    }, { skip });
  }
}
