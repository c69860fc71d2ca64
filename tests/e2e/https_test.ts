import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "../harness.ts";
import { runProgram } from "../support/child_program.ts";
import { selfSigned } from "../support/identities.ts";
import { missing, programPath } from "../support/programs.ts";
import { MIXES, nameOf, startProgram, startServerProcess } from "../support/tunnel_process.ts";
import { Stage } from "./_stage.ts";
import { startOrigin } from "./_web.ts";

const DEADLINE_MS = 120_000;
const certificates = [selfSigned("app.test"), selfSigned("other.test", "*.other.test")];

/** Runs curl on loopback, whatever the URL's host. @returns its output */
async function curl(port: number, ...args: readonly string[]): Promise<string> {
  const common = ["-sS", "--max-time", "20", "--noproxy", "*", "--connect-to", `::127.0.0.1:${port}`];
  const { program, code } = await runProgram([programPath("curl"), ...common, ...args]);
  assert.equal(code, 0, program.output());
  return program.out.join("\n");
}

/** A handshake by openssl. @returns what it says about it */
async function shakeHands(port: number, ...args: readonly string[]): Promise<string> {
  const { program } = await runProgram(
    [programPath("openssl"), "s_client", "-connect", `127.0.0.1:${port}`, ...args],
    { input: new Uint8Array(0) },
  );
  return program.output();
}

for (const mix of MIXES) {
  test(
    `curl gets HTTPS with HTTP/2 and HTTP/1.1, and the certificate that it asks for (${nameOf(mix)})`,
    async () => {
      await using stage = new Stage();
      const origin = stage.keep(await startOrigin("web"));
      const [one, two] = certificates.map((identity, index) => {
        const paths = { cert: join(stage.folder, `${index}.pem`), key: join(stage.folder, `${index}.key`) };
        writeFileSync(paths.cert, identity.cert);
        writeFileSync(paths.key, identity.key);
        return paths;
      });
      const file = join(stage.folder, "server.yaml");
      writeFileSync(
        file,
        JSON.stringify({
          http: {
            bind: "127.0.0.1:0",
            https: {
              bind: "127.0.0.1:0",
              publicPort: 443,
              redirect: true,
              hsts: { maxAgeSeconds: 60 },
              certificates: [one, two],
            },
          },
        }),
      );
      const server = await stage.run(startServerProcess({ runtime: mix.server, args: ["--config", file] }));
      const [http, https] = [
        Number((await server.program.line(/^http +127\.0\.0\.1:(\d+)$/))[1]),
        Number((await server.program.line(/^https +127\.0\.0\.1:(\d+)$/))[1]),
      ];
      const client = stage.keep(startProgram([
        ...["http", String(origin.port), "--server", `127.0.0.1:${server.port}`, "--name", "web"],
        ...["--host", "app.test", "--host", "*.other.test"],
      ], { runtime: mix.client }));
      await client.line(/^web .* → https:\/\/app\.test\/$/);

      const told = ["-o", join(stage.folder, "body"), "-w", "%{http_version} %{http_code}"];
      const trust = ["--cacert", String(one?.cert)];
      assert.equal(await curl(https, ...told, ...trust, "--http2", "https://app.test/"), "2 200");
      assert.equal(await curl(https, ...told, ...trust, "--http1.1", "https://app.test/"), "1.1 200");
      const other = ["--cacert", String(two?.cert)];
      assert.equal(await curl(https, ...told, ...other, "https://a.other.test/"), "2 200");
      const uploaded = await curl(https, ...trust, "-d", "body", "https://app.test/up?x=1");
      const seen = JSON.parse(uploaded) as { url: string; headers: Record<string, string> };
      assert.deepEqual([seen.url, seen.headers["x-forwarded-proto"]], ["/up?x=1", "https"]);
      assert.match(
        await curl(https, "-i", ...trust, "https://app.test/"),
        /^strict-transport-security: max-age=60$/im,
      );
      // A host that is not served here, asked for on a connection that was made for another one.
      assert.equal(
        await curl(https, ...told, ...trust, "-H", "Host: none.test", "https://app.test/"),
        "2 421",
      );

      const prior = "--http2-prior-knowledge";
      assert.equal(await curl(http, ...told, prior, "http://app.test/a?b"), "2 308");
      assert.match(await curl(http, "-i", "http://app.test/a?b"), /^location: https:\/\/app\.test\/a\?b$/im);

      for (const [version, line] of [["-tls1_2", "TLSv1.2"], ["-tls1_3", "TLSv1.3"]] as const) {
        const output = await shakeHands(https, version, "-servername", "app.test", "-alpn", "h2,http/1.1");
        assert.match(output, new RegExp(`^New, ${line}, `, "m"));
        assert.match(output, /^ALPN protocol: h2$/m);
        assert.match(output, /^subject=CN ?= ?app\.test$/m);
      }
      assert.match(await shakeHands(https, "-servername", "x.other.test"), /^subject=CN ?= ?other\.test$/m);
      assert.match(await shakeHands(https, "-noservername"), /^subject=CN ?= ?app\.test$/m);
      const old = await shakeHands(https, "-tls1_1", "-cipher", "DEFAULT@SECLEVEL=0");
      assert.match(old, /^New, \(NONE\), Cipher is \(NONE\)$/m);
      const stranger = await shakeHands(https, "-alpn", "spdy/3");
      assert.match(stranger, /^New, \(NONE\), Cipher is \(NONE\)$/m);
    },
    { skip: missing("curl", "openssl"), timeoutMs: DEADLINE_MS },
  );

  test(`curl speaks HTTP/2 by prior knowledge on the plain port (${nameOf(mix)})`, async () => {
    await using stage = new Stage();
    const origin = stage.keep(await startOrigin("web"));
    const server = await stage.run(
      startServerProcess({ runtime: mix.server, args: ["--http-bind", "127.0.0.1:0"] }),
    );
    const port = Number((await server.program.line(/^http +127\.0\.0\.1:(\d+)$/))[1]);
    const client = stage.keep(startProgram([
      ...[
        "http",
        String(origin.port),
        "--server",
        `127.0.0.1:${server.port}`,
        "--host",
        "app.test",
        "--name",
        "web",
      ],
    ], { runtime: mix.client }));
    await client.line(/^web .* → http:\/\/app\.test/);
    const output = await curl(port, "-i", "--http2-prior-knowledge", "http://app.test/page");
    assert.match(output, /^HTTP\/2 200 ?$/m);
    assert.match(output, /"url":"\/page"/);
  }, { skip: missing("curl"), timeoutMs: DEADLINE_MS });
}
