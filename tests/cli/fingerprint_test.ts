import assert from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";
import { writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { once } from "node:events";
import { join } from "node:path";
import { runtime } from "../../src/runtime/mod.ts";
import { makeCertificate } from "../../src/trust/certificate.ts";
import { fingerprintOfCertificate } from "../../src/trust/fingerprint.ts";
import { openIdentity } from "../../src/trust/identity_store.ts";
import { test } from "../harness.ts";
import { inFolder } from "../support/temporary_folder.ts";
import { run } from "./support.ts";

test("ferrotunnel fingerprint prints that of a certificate, of a private key, of a state directory", async () => {
  await inFolder(async (folder) => {
    const { fingerprint } = await openIdentity({ directory: folder });
    const asked: [string[], Record<string, string>][] = [
      [[join(folder, "tls-cert.pem")], {}],
      [[join(folder, "tls-key.pem")], {}],
      [["--state-dir", folder], {}],
      [[], { FERROTUNNEL_STATE_DIR: folder }],
      [["--state-dir", folder], { FERROTUNNEL_STATE_DIR: "/nowhere" }],
    ];
    for (const [args, environment] of asked) {
      const { code, out, err } = await run(["fingerprint", ...args], { environment });
      assert.deepEqual({ code, out, err }, { code: 0, out: `${fingerprint}\n`, err: "" }, args.join(" "));
    }
  });
});

test("ferrotunnel fingerprint looks for the usual state directory of root and of a user", async () => {
  await inFolder(async (state) => {
    const usual = runtime.userId() === 0 ? "/var/lib/ferrotunnel" : join(state, "ferrotunnel");
    const { code, out, err } = await run(["fingerprint"], { environment: { XDG_STATE_HOME: state } });
    if (code === 0) return assert.match(out, /^sha256:/); // This machine really has one.
    assert.deepEqual({ code, out, err }, {
      code: 2,
      out: "",
      err: `No key in ${usual}: a server with --tls makes one when it starts\n`,
    });
  });
});

test("ferrotunnel fingerprint --server asks a server, and says what that is worth", async () => {
  const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const cert = makeCertificate({ key: privateKey, now: Date.now() });
  const key = privateKey.export({ type: "pkcs8", format: "pem" }).toString();
  const listener = await runtime.listen({
    hostname: "127.0.0.1",
    port: 0,
    tls: { cert, key },
    onConnection: (connection) => connection.close(),
  });
  const { code, out, err } = await run(["fingerprint", "--server", `127.0.0.1:${listener.address.port}`]);
  assert.equal(out, `${fingerprintOfCertificate(cert)}\n`);
  assert.match(err, /^This came over the network, where somebody may have answered/);
  assert.equal(code, 0);
  await listener.close();
});

test("ferrotunnel fingerprint says what is wrong", async () => {
  await inFolder(async (folder) => {
    const [text, broken] = [join(folder, "text"), join(folder, "broken")];
    writeFileSync(text, "hello");
    writeFileSync(broken, "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
    const mute = createServer((socket) => socket.end()).listen(0, "127.0.0.1");
    await once(mute, "listening");
    const address = mute.address();
    const port = typeof address === "object" && address !== null ? address.port : 0;
    const wrong: [string[], number, RegExp][] = [
      [[text], 2, /^Expected PEM text with a certificate or a private key in .*text\n$/],
      [[broken], 2, /^Cannot use .*broken: .+\n$/],
      [[join(folder, "none")], 2, /^Cannot read .*none: there is no such file\n$/],
      [["--state-dir", join(folder, "none")], 2, /^No key in .*none: a server with --tls makes one/],
      [
        ["--server", ":x"],
        2,
        /^error: Expected the address of a server such as tunnel\.example\.com:7835 but got ":x"\n$/,
      ],
      [["--server", `127.0.0.1:${port}`], 1, /^error: Could not connect to 127\.0\.0\.1:\d+: .+\n$/],
      [["--server", "a", text], 2, /^error: Give one of a file, --state-dir and --server\n$/],
      [["--server", "a", "--state-dir", "b"], 2, /^error: Give one of a file, --state-dir and --server\n$/],
    ];
    for (const [args, code, err] of wrong) {
      const finished = await run(["fingerprint", ...args]);
      assert.match(finished.err, err);
      assert.deepEqual({ code: finished.code, out: finished.out }, { code, out: "" }, args.join(" "));
    }
    mute.close();
  });
});
