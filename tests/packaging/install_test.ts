import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { findOnPath, ROOT, run, type RunResult } from "../../scripts/tools.ts";
import { test } from "../harness.ts";

const PROGRAM = "#!/bin/sh\necho fake ferrotunnel\n";
const SUM = createHash("sha256").update(PROGRAM).digest("hex");
const NAME = "ferrotunnel-linux-x64";

const windows = process.platform === "win32" ? "install.sh is for Linux and macOS" : undefined;
const musl = existsSync("/etc/alpine-release") ? "the names here are those of systems with glibc" : undefined;
const skip = windows ?? musl ?? (findOnPath("curl") ?? findOnPath("wget") ? undefined : "needs curl or wget");

interface Release {
  /** Path to content. */
  readonly files: Readonly<Record<string, string>>;
}

interface Installer {
  readonly baseUrl: string;
  readonly prefix: string;
  readonly installed: string;
  readonly asked: string[];
  run(args: string[], env?: Record<string, string>): Promise<RunResult>;
}

/** Serves a release, and installs from it into a folder of its own. */
async function withRelease(release: Release, use: (installer: Installer) => Promise<void>): Promise<void> {
  const asked: string[] = [];
  const server = createServer((request, response) => {
    asked.push(request.url ?? "");
    const content = release.files[request.url ?? ""];
    response.writeHead(content === undefined ? 404 : 200, { connection: "close" }).end(content ?? "no");
  });
  const listening = Promise.withResolvers<void>();
  server.listen(0, "127.0.0.1", () => listening.resolve());
  await listening.promise;
  const prefix = mkdtempSync(join(tmpdir(), "ferrotunnel-install-"));
  const platform = { FERROTUNNEL_OS: "Linux", FERROTUNNEL_ARCH: "x86_64" };
  try {
    await use({
      baseUrl: `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`,
      prefix,
      installed: join(prefix, "bin", "ferrotunnel"),
      asked,
      run: (args, env = {}) =>
        run(["sh", join(ROOT, "install.sh"), ...args], {
          env: { ...platform, no_proxy: "*", ...env },
          deadlineMs: 30_000,
        }),
    });
  } finally {
    rmSync(prefix, { recursive: true });
    const closed = Promise.withResolvers<void>();
    server.close(() => closed.resolve());
    await closed.promise;
  }
}

const GOOD: Release = { files: { [`/v1/${NAME}`]: PROGRAM, [`/v1/${NAME}.sha256`]: `${SUM}  ${NAME}\n` } };

test("install.sh installs a program whose sum is right, and replaces an older one", async () => {
  await withRelease(GOOD, async (installer) => {
    for (let times = 0; times < 2; times++) {
      const result = await installer.run(["--base-url", installer.baseUrl, "--prefix", installer.prefix]);
      assert.equal(result.code, 0, result.output);
      assert.match(result.output, /Installed .*\/bin\/ferrotunnel\n/);
      assert.match(result.output, /Add .* to PATH/);
      assert.match(result.output, /To uninstall: rm /);
    }
    assert.equal(readFileSync(installer.installed, "utf8"), PROGRAM);
    assert.equal(statSync(installer.installed).mode & 0o777, 0o755);
    assert.deepEqual(readdirSync(join(installer.prefix, "bin")), ["ferrotunnel"]);
    assert.equal((await run([installer.installed])).output, "fake ferrotunnel");
  });
}, { skip });

test("install.sh refuses a program whose sum is wrong", async () => {
  const wrong = SUM.replace(/^./, (digit) => digit === "0" ? "1" : "0");
  const release = { files: { ...GOOD.files, [`/v1/${NAME}.sha256`]: `${wrong}  ${NAME}\n` } };
  await withRelease(release, async (installer) => {
    const result = await installer.run(["--base-url", installer.baseUrl, "--prefix", installer.prefix]);
    assert.equal(result.code, 1);
    assert.match(result.output, /nothing was installed/);
    assert.ok(result.output.includes(wrong) && result.output.includes(SUM));
    assert.equal(existsSync(installer.installed), false);
  });
}, { skip });

test("install.sh refuses a sum file that holds no sum", async () => {
  for (const text of ["", "<html>not found</html>\n", `${SUM.slice(1)}\n`]) {
    await withRelease({ files: { ...GOOD.files, [`/v1/${NAME}.sha256`]: text } }, async (installer) => {
      const result = await installer.run(["--base-url", installer.baseUrl, "--prefix", installer.prefix]);
      assert.equal(result.code, 1);
      assert.match(result.output, /holds no SHA-256/);
      assert.equal(existsSync(installer.installed), false);
    });
  }
}, { skip });

test("install.sh names the file that is missing", async () => {
  for (const missing of [NAME, `${NAME}.sha256`]) {
    const files = Object.fromEntries(
      Object.entries(GOOD.files).filter(([path]) => path !== `/v1/${missing}`),
    );
    await withRelease({ files }, async (installer) => {
      const result = await installer.run(["--base-url", installer.baseUrl, "--prefix", installer.prefix]);
      assert.equal(result.code, 1);
      assert.match(result.output, new RegExp(`cannot download .*/v1/${missing}$`, "m"));
      assert.equal(existsSync(installer.installed), false);
    });
  }
}, { skip });

test("install.sh refuses systems and processors that it has no program for", async () => {
  await withRelease(GOOD, async (installer) => {
    for (const env of [{ FERROTUNNEL_OS: "SunOS" }, { FERROTUNNEL_ARCH: "riscv64" }]) {
      const result = await installer.run(
        ["--base-url", installer.baseUrl, "--prefix", installer.prefix],
        env,
      );
      assert.equal(result.code, 1);
      assert.match(result.output, /there is no program for the .*'(?:SunOS|riscv64)'/);
    }
    assert.deepEqual(installer.asked, []);
  });
}, { skip });

test("install.sh --dry-run says what it would do and does nothing", async () => {
  await withRelease(GOOD, async (installer) => {
    const platforms: [Record<string, string>, string][] = [
      [{}, NAME],
      [{ FERROTUNNEL_OS: "Darwin", FERROTUNNEL_ARCH: "arm64" }, "ferrotunnel-darwin-arm64"],
      [{ FERROTUNNEL_ARCH: "aarch64" }, "ferrotunnel-linux-arm64"],
    ];
    for (const [env, name] of platforms) {
      const args = ["--dry-run", "--base-url", `${installer.baseUrl}/`, "--prefix", installer.prefix];
      const result = await installer.run(args, env);
      assert.equal(result.code, 0, result.output);
      assert.deepEqual(result.output.split("\n"), [
        `Would download ${installer.baseUrl}/${name}`,
        `Would verify it with ${installer.baseUrl}/${name}.sha256`,
        `Would install it as ${installer.installed}`,
      ]);
    }
    const owner = await installer.run(["--dry-run", "--version", "v1.2.3"], {
      FERROTUNNEL_REPOSITORY: "someone/fork",
    });
    assert.match(owner.output, /someone\/fork\/releases\/download\/v1\.2\.3\/ferrotunnel-linux-x64$/m);
    assert.deepEqual(installer.asked, []);
    assert.equal(existsSync(installer.installed), false);
  });
}, { skip });

test("install.sh explains wrong options", async () => {
  await withRelease(GOOD, async (installer) => {
    const cases: [string[], RegExp][] = [
      [["--nonsense"], /unknown option '--nonsense'/],
      [["--prefix"], /--prefix needs a value/],
      [["--version", "1.0.0", "--base-url", installer.baseUrl], /exclude each other/],
      [
        ["--base-url", installer.baseUrl, "--prefix", "/dev/null/x"],
        /cannot write to \/dev\/null\/x\/bin; choose/,
      ],
    ];
    for (const [args, message] of cases) {
      const result = await installer.run(args);
      assert.equal(result.code, 1);
      assert.match(result.output, message);
    }
  });
}, { skip });
