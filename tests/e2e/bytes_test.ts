import { test } from "../harness.ts";
import { MIXES, nameOf } from "../support/tunnel_process.ts";
import { checkDownload, checkHalfClose, checkUpload } from "./_service.ts";
import { Stage, startTunnel } from "./_stage.ts";
import { MIB, Pattern } from "./_traffic.ts";

const GIB = 1024 * MIB;
const DEADLINE_MS = 240_000;

for (const mix of MIXES) {
  const name = nameOf(mix);

  test(`1 GiB goes up and 1 GiB comes down unchanged (${name})`, async () => {
    await using stage = new Stage();
    const service = await stage.service();
    const { port } = await startTunnel(stage, mix, { localPort: service.port });
    const pattern = new Pattern(GIB);
    await checkUpload(port, pattern);
    await checkDownload(port, pattern);
  }, { timeoutMs: DEADLINE_MS });

  test(`Ten connections at once carry 32 MiB each, in each direction, unchanged (${name})`, async () => {
    await using stage = new Stage();
    const service = await stage.service();
    const { port } = await startTunnel(stage, mix, { localPort: service.port });
    const patterns = Array.from({ length: 10 }, (_, index) => new Pattern(32 * MIB, index + 1));
    await Promise.all(patterns.map((pattern) => checkUpload(port, pattern)));
    await Promise.all(patterns.map((pattern) => checkDownload(port, pattern)));
    const mixed = patterns.map((pattern, index) =>
      index % 2 === 0 ? checkUpload(port, pattern) : checkDownload(port, pattern)
    );
    await Promise.all(mixed);
  }, { timeoutMs: DEADLINE_MS });

  test(`4 MiB arrive after the sender's peer has ended its direction, both ways (${name})`, async () => {
    await using stage = new Stage();
    const service = await stage.service();
    const { port } = await startTunnel(stage, mix, { localPort: service.port });
    await checkHalfClose(service, port, 4 * MIB);
  });
}
