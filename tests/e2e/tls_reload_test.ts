import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fingerprintOfCertificate } from "../../src/trust/fingerprint.ts";
import { type Certificates, makeCertificates } from "../runtime/_certificates.ts";
import { test } from "../harness.ts";
import { selfSigned } from "../support/identities.ts";
import { missing } from "../support/programs.ts";
import {
  launchClientProcess,
  MIXES,
  nameOf,
  startClientProcess,
  startServerProcess,
} from "../support/tunnel_process.ts";
import { ask, checkUpload } from "./_service.ts";
import { Stage, startTunnel } from "./_stage.ts";
import { MIB, Pattern, TRANSFER_DEADLINE_MS } from "./_traffic.ts";

const DEADLINE_MS = 120_000;
const skip = missing("openssl");

/** Files in a folder, replaced as a whole. */
function writer(folder: string): (name: string, text: string) => string {
  return (name, text) => {
    const path = join(folder, name);
    writeFileSync(`${path}.new`, text);
    renameSync(`${path}.new`, path);
    return path;
  };
}

for (const mix of MIXES) {
  test(
    `A server takes a new certificate while it carries visitors, and keeps it when the next one is bad (${
      nameOf(mix)
    })`,
    async () => {
      await using stage = new Stage();
      const service = await stage.service();
      const write = writer(stage.folder);
      const [first, second] = [selfSigned("localhost"), selfSigned("localhost")];
      const pinOf = ({ cert }: { cert: string }): string[] => ["--pin", fingerprintOfCertificate(cert)];
      const files = [
        ...["--tls-cert", write("server.crt", first.cert)],
        ...["--tls-key", write("server.key", first.key)],
      ];
      const { server: { program, port: serverPort }, port } = await startTunnel(stage, mix, {
        localPort: service.port,
        serverArgs: files,
        clientArgs: pinOf(first),
      });

      // Half of an upload, and an echo that waits.
      const pattern = new Pattern(16 * MIB);
      const chunks = [...pattern.chunks()];
      const upload = await ask(port, "take", pattern);
      for (const chunk of chunks.slice(0, chunks.length / 2)) await upload.write(chunk);
      const visitor = await ask(port, "echo");
      const echo = async (text: string): Promise<void> => {
        await visitor.write(Buffer.from(text));
        assert.equal(Buffer.from(await visitor.read(text.length)).toString(), text);
      };
      await echo("before");

      write("server.crt", second.cert);
      write("server.key", second.key);
      program.signal("SIGHUP");
      await program.line(/The TLS files have changed, and are in use/);
      const options = { runtime: mix.client, serverPort, localPort: service.port };
      const newcomer = await stage.run(
        startClientProcess({ ...options, args: pinOf(second), name: "newcomer" }),
      );
      await using late = launchClientProcess({ ...options, args: pinOf(first), name: "late" });
      await late.line(/is not a pinned one/);

      const before = program.lines.length;
      write("server.crt", "-----BEGIN CERTIFICATE-----\nnonsense\n-----END CERTIFICATE-----\n");
      program.signal("SIGHUP");
      await program.line(/Could not use the TLS files: ./, { after: before });
      const another = await stage.run(
        startClientProcess({ ...options, args: pinOf(second), name: "another" }),
      );
      await checkUpload(another.publicPort, new Pattern(MIB));
      await checkUpload(newcomer.publicPort, new Pattern(MIB));

      await echo("after");
      for (const chunk of chunks.slice(chunks.length / 2)) await upload.write(chunk);
      await upload.end();
      const answer = Buffer.from(await upload.readToEnd(TRANSFER_DEADLINE_MS)).toString();
      assert.equal(answer, `${pattern.sizeBytes} ${pattern.digest()}`);
      for (const socket of [upload, visitor]) await socket.close();
      assert.equal(
        (program.output().match(/Client \S+ (?:left|was lost)/g) ?? []).length,
        0,
        program.output(),
      );
    },
    { skip, timeoutMs: DEADLINE_MS },
  );

  test(`A client reads its TLS files again when it dials again (${nameOf(mix)})`, async () => {
    await using stage = new Stage();
    const service = await stage.service();
    const write = writer(stage.folder);
    const [first, second]: [Certificates, Certificates] = [makeCertificates(), makeCertificates()];
    const serverArgs = ({ server, ca }: Certificates): string[] => [
      ...["--tls-cert", write("server.crt", server.cert), "--tls-key", write("server.key", server.key)],
      ...["--tls-ca", write("clients.crt", ca)],
    ];
    const clientFiles = ({ ca, client }: Certificates): string[] => [
      ...["--tls", "--tls-ca", write("ca.crt", ca)],
      ...["--tls-cert", write("own.crt", client.cert), "--tls-key", write("own.key", client.key)],
    ];
    const { server, client, port } = await startTunnel(stage, mix, {
      localPort: service.port,
      serverArgs: serverArgs(first),
      clientArgs: clientFiles(first),
    });
    await checkUpload(port, new Pattern(MIB));
    const before = client.program.lines.length;
    server.program.signal("SIGTERM");
    await server.program.end();
    // Another authority signs both sides from now on.
    clientFiles(second);
    await stage.run(
      startServerProcess({ runtime: mix.server, port: server.port, args: serverArgs(second) }),
    );
    await client.program.line(/The TLS files have changed/, { after: before });
    const [, again = ""] = await client.program.line(/is at tcp:\/\/127\.0\.0\.1:(\d+)/, { after: before });
    await checkUpload(Number(again), new Pattern(MIB));
  }, { skip, timeoutMs: DEADLINE_MS });
}
