import assert from "node:assert/strict";
import { test } from "../harness.ts";
import { missing } from "../support/programs.ts";
import { launchClientProcess, MIXES, nameOf } from "../support/tunnel_process.ts";
import { checkDownload, checkHalfClose, checkUpload } from "./_service.ts";
import { Stage, startTunnel } from "./_stage.ts";
import { TlsFiles } from "./_tls_files.ts";
import { MIB, Pattern } from "./_traffic.ts";

const DEADLINE_MS = 120_000;
const skip = missing("openssl");

for (const mix of MIXES) {
  for (const mutual of [false, true]) {
    const what = mutual ? "TLS with client certificates" : "TLS";
    test(`${what} carries bytes both ways, also after half-close (${nameOf(mix)})`, async () => {
      await using stage = new Stage();
      const service = await stage.service();
      const files = new TlsFiles(stage.folder);
      const { port, server } = await startTunnel(stage, mix, {
        localPort: service.port,
        serverArgs: files.server({ mutual }),
        clientArgs: files.client(mutual ? { identity: "client" } : {}),
      });
      assert.match(server.program.out[0] ?? "", /\(TLS\)$/);
      await checkUpload(port, new Pattern(64 * MIB));
      await checkDownload(port, new Pattern(64 * MIB));
      const several = Array.from({ length: 5 }, (_, index) => new Pattern(4 * MIB, index));
      await Promise.all(several.flatMap((one) => [checkUpload(port, one), checkDownload(port, one)]));
      await checkHalfClose(service, port, 4 * MIB);
    }, { skip, timeoutMs: DEADLINE_MS });
  }

  test(
    `TLS is refused without the right authority or certificate, and the right client gets in (${
      nameOf(mix)
    })`,
    async () => {
      await using stage = new Stage();
      const service = await stage.service();
      const files = new TlsFiles(stage.folder);
      const { server, port } = await startTunnel(stage, mix, {
        localPort: service.port,
        serverArgs: files.server({ mutual: true }),
        clientArgs: files.client({ identity: "client" }),
      });
      const wrong: [string, string[]][] = [
        ["no TLS", []],
        ["a stranger's authority", files.client({ ca: "strangerCa", identity: "client" })],
        ["no certificate", files.client({})],
        ["a stranger's certificate", files.client({ identity: "strangerClient" })],
      ];
      for (const [name, args] of wrong) {
        const options = { runtime: mix.client, serverPort: server.port, localPort: service.port, args };
        await using client = launchClientProcess({ ...options, name: "intruder" });
        await client.line(/trying again in/);
        assert.deepEqual(client.out, [], `${name} was let in`);
      }
      assert.doesNotMatch(server.program.output(), /intruder/);
      await checkUpload(port, new Pattern(MIB));
    },
    { skip, timeoutMs: DEADLINE_MS },
  );
}
