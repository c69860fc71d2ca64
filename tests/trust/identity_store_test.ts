import assert from "node:assert/strict";
import { generateKeyPairSync, X509Certificate } from "node:crypto";
import { chmodSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { TunnelError } from "../../src/errors.ts";
import { createFile, replaceFile } from "../../src/trust/_files.ts";
import { VALID_DAYS } from "../../src/trust/certificate.ts";
import { fingerprintOfCertificate } from "../../src/trust/fingerprint.ts";
import { CERTIFICATE_FILE, KEY_FILE, openIdentity, readFingerprint } from "../../src/trust/identity_store.ts";
import { test } from "../harness.ts";
import { inFolder } from "../support/temporary_folder.ts";

const DAY_MS = 86_400_000;
const NOW = Date.UTC(2026, 10, 25);

function mode(path: string): number {
  return statSync(path).mode & 0o777;
}

test("openIdentity() makes a key for its owner alone, and the same identity is there next time", async () => {
  await inFolder(async (folder) => {
    const directory = join(folder, "some", "where");
    const first = await openIdentity({ directory, now: NOW });
    assert.equal(first.created, true);
    assert.equal(mode(directory), 0o700);
    assert.equal(mode(join(directory, KEY_FILE)), 0o600);
    assert.deepEqual(readdirSync(directory).sort(), [CERTIFICATE_FILE, KEY_FILE]);
    assert.equal(fingerprintOfCertificate(first.cert), first.fingerprint);
    const { created, ...again } = await openIdentity({ directory, now: NOW });
    assert.equal(created, false);
    assert.deepEqual({ ...again, created: true }, first);
    assert.equal(await readFingerprint(directory), first.fingerprint);
  });
});

test("openIdentity() renews a certificate with less than a year left, and the fingerprint stays", async () => {
  await inFolder(async (directory) => {
    const first = await openIdentity({ directory, now: NOW });
    const endsAt = NOW + VALID_DAYS * DAY_MS;
    const same = await openIdentity({ directory, now: endsAt - 366 * DAY_MS });
    assert.equal(same.cert, first.cert);
    const now = endsAt - 365 * DAY_MS;
    const renewed = await openIdentity({ directory, now });
    assert.notEqual(renewed.cert, first.cert);
    assert.equal(renewed.key, first.key);
    assert.equal(renewed.fingerprint, first.fingerprint);
    assert.equal(fingerprintOfCertificate(renewed.cert), first.fingerprint);
    assert.equal(Date.parse(new X509Certificate(renewed.cert).validTo), now + VALID_DAYS * DAY_MS);
    assert.equal((await openIdentity({ directory, now })).cert, renewed.cert);
  });
});

test("openIdentity() makes another certificate when the one that is there is of no use", async () => {
  await inFolder(async (directory) => {
    const first = await openIdentity({ directory, now: NOW });
    const path = join(directory, CERTIFICATE_FILE);
    const other = join(directory, "other");
    const useless: [string, string | undefined][] = [
      ["damaged", "nonsense"],
      ["empty", ""],
      ["not there", undefined],
      ["another key's", (await openIdentity({ directory: other, now: NOW })).cert],
    ];
    for (const [name, text] of useless) {
      if (text === undefined) rmSync(path);
      else writeFileSync(path, text);
      const { cert, key, fingerprint, created } = await openIdentity({ directory, now: NOW });
      assert.deepEqual({ key, fingerprint, created }, {
        key: first.key,
        fingerprint: first.fingerprint,
        created: false,
      }, name);
      assert.equal(fingerprintOfCertificate(cert), fingerprint, name);
      assert.equal(readFileSync(path, "utf8"), cert, name);
    }
    // One that begins in the future, as after a clock that was wrong.
    const early = await openIdentity({ directory, now: NOW - 400 * DAY_MS });
    assert.equal(early.fingerprint, first.fingerprint);
    assert.ok(Date.parse(new X509Certificate(early.cert).validFrom) < NOW - 400 * DAY_MS);
  });
});

test("openIdentity() never replaces a key, even one that is damaged or of another kind", async () => {
  await inFolder(async (directory) => {
    const path = join(directory, KEY_FILE);
    const rsa = generateKeyPairSync("rsa", { modulusLength: 2048 }).privateKey;
    const p384 = generateKeyPairSync("ec", { namedCurve: "P-384" }).privateKey;
    const texts = [
      "",
      "nonsense",
      rsa.export({ type: "pkcs8", format: "pem" }).toString(),
      p384.export({ type: "pkcs8", format: "pem" }).toString(),
    ];
    for (const text of texts) {
      writeFileSync(path, text, { mode: 0o600 });
      const isHelpful = (error: unknown): boolean => {
        assert.ok(error instanceof TunnelError && error.code === "CONFIG", String(error));
        assert.match(
          error.message,
          /tls-key\.pem: Not the key that was kept here: .+; put back a copy of it/s,
        );
        return true;
      };
      await assert.rejects(openIdentity({ directory, now: NOW }), isHelpful);
      await assert.rejects(readFingerprint(directory), isHelpful);
      assert.equal(readFileSync(path, "utf8"), text);
    }
  });
});

test("openIdentity() of many at once gives all the same key", async () => {
  await inFolder(async (directory) => {
    const all = await Promise.all(Array.from({ length: 20 }, () => openIdentity({ directory, now: NOW })));
    assert.equal(new Set(all.map(({ fingerprint }) => fingerprint)).size, 1);
    assert.equal(all.filter(({ created }) => created).length, 1);
    assert.deepEqual(readdirSync(directory).sort(), [CERTIFICATE_FILE, KEY_FILE]);
    const { cert } = await openIdentity({ directory, now: NOW });
    assert.equal(fingerprintOfCertificate(cert), all[0]?.fingerprint);
  });
});

test("openIdentity() tells when others may use the key", async () => {
  await inFolder(async (directory) => {
    await openIdentity({ directory, now: NOW });
    chmodSync(join(directory, KEY_FILE), 0o640);
    assert.match(
      (await openIdentity({ directory, now: NOW })).warning ?? "",
      /tls-key\.pem \(mode 640\); make it 600$/,
    );
    chmodSync(join(directory, KEY_FILE), 0o400);
    assert.equal((await openIdentity({ directory, now: NOW })).warning, undefined);
  });
});

test("openIdentity() says what to do when nothing can be kept in the directory", async () => {
  await inFolder(async (folder) => {
    const file = join(folder, "file");
    writeFileSync(file, "");
    // Nobody, root neither, can make a directory in /proc, or below a file.
    for (const directory of ["/proc/ferrotunnel", join(file, "state")]) {
      await assert.rejects(openIdentity({ directory }), (error: unknown) => {
        assert.ok(error instanceof TunnelError && error.code === "CONFIG", String(error));
        assert.ok(
          error.message.startsWith(`Cannot keep the server's TLS key in ${directory}: `),
          error.message,
        );
        assert.match(
          error.message,
          /; give another directory \(--state-dir\), or files \(--tls-cert, --tls-key\)$/,
        );
        return true;
      });
    }
  });
});

test(
  "openIdentity() in a directory that may only be read works as long as nothing must be written",
  async () => {
    await inFolder(async (folder) => {
      const directory = join(folder, "state");
      const first = await openIdentity({ directory, now: NOW });
      chmodSync(directory, 0o500);
      assert.equal((await openIdentity({ directory, now: NOW })).fingerprint, first.fingerprint);
      const empty = join(folder, "empty");
      mkdirSync(empty, { mode: 0o500 });
      await assert.rejects(
        openIdentity({ directory: empty }),
        (error: unknown) => error instanceof TunnelError && /this user may not write it/.test(error.message),
      );
      chmodSync(directory, 0o700);
    });
  },
  { skip: process.getuid?.() === 0 ? "root may write everywhere" : undefined },
);

test("readFingerprint() is undefined where no key is kept", async () => {
  await inFolder(async (directory) => {
    assert.equal(await readFingerprint(directory), undefined);
    assert.equal(await readFingerprint(join(directory, "none")), undefined);
  });
});

test("createFile() leaves a file that is there as it is; replaceFile() replaces it; neither leaves anything else", async () => {
  await inFolder(async (folder) => {
    const path = join(folder, "file");
    assert.equal(await createFile(path, { text: "one", mode: 0o600 }), true);
    assert.equal(await createFile(path, { text: "two", mode: 0o600 }), false);
    assert.equal(readFileSync(path, "utf8"), "one");
    await replaceFile(path, { text: "three", mode: 0o644 });
    assert.equal(readFileSync(path, "utf8"), "three");
    assert.deepEqual(readdirSync(folder), ["file"]);
    await assert.rejects(replaceFile(join(folder, "none", "file"), { text: "", mode: 0o600 }));
    assert.deepEqual(readdirSync(folder), ["file"]);
  });
});
