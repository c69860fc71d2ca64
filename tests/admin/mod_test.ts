import assert from "node:assert/strict";
import { startAdmin } from "../../src/admin/mod.ts";
import { TunnelError } from "../../src/errors.ts";
import { loggerOrDefault } from "../../src/log.ts";
import type { Runtime, ServeHttpOptions } from "../../src/runtime/types.ts";
import { test } from "../harness.ts";
import { makeTarget, TOKEN } from "./fixtures.ts";

const logger = loggerOrDefault();

/** A runtime that serves no socket, only remembers what it was to serve, on port 7836. */
class ScriptedRuntime {
  served: ServeHttpOptions[] = [];
  closed = 0;

  asRuntime(): Runtime {
    const serveHttp: Runtime["serveHttp"] = (options) => {
      this.served.push(options);
      return Promise.resolve({
        address: { hostname: options.hostname, port: 7836 },
        close: () => {
          this.closed++;
          return Promise.resolve();
        },
      });
    };
    return { name: "deno", version: "2.9.6", serveHttp, residentBytes: () => 1 } as Partial<
      Runtime
    > as Runtime;
  }
}

test("startAdmin() serves the application under the port that the system chose", async () => {
  const scripted = new ScriptedRuntime();
  const options = { bind: { hostname: "127.0.0.1", port: 0 }, token: TOKEN, allowRemote: false };
  const admin = await startAdmin(makeTarget(), options, { runtime: scripted.asRuntime(), logger });
  assert.deepEqual(admin.address, { hostname: "127.0.0.1", port: 7836 });
  const fetch = scripted.served[0]?.fetch;
  assert.ok(fetch);
  const request = (host: string): Request => new Request(`http://${host}/healthz`, { headers: { host } });
  assert.equal((await fetch(request("127.0.0.1:7836"))).status, 200);
  assert.equal((await fetch(request("127.0.0.1:1"))).status, 421);
  await admin.stop();
  assert.equal(scripted.closed, 1);
});

test("startAdmin() opens another than a loopback address only with permission and a token", async () => {
  const cases: [string, boolean, string | undefined, boolean][] = [
    ["127.0.0.1", false, undefined, true],
    ["::1", false, TOKEN, true],
    ["0.0.0.0", false, undefined, false],
    ["0.0.0.0", false, TOKEN, false],
    ["0.0.0.0", true, undefined, false],
    ["0.0.0.0", true, "", false],
    ["0.0.0.0", true, TOKEN, true],
    ["::", true, undefined, false],
    ["10.1.2.3", false, TOKEN, false],
    ["10.1.2.3", true, TOKEN, true],
    ["admin.example", false, TOKEN, false],
  ];
  for (const [hostname, allowRemote, token, opens] of cases) {
    const scripted = new ScriptedRuntime();
    const options = { bind: { hostname, port: 0 }, token, allowRemote };
    const started = startAdmin(makeTarget(), options, { runtime: scripted.asRuntime(), logger });
    const label = JSON.stringify(options);
    if (opens) await started;
    else {
      await assert.rejects(
        started,
        (error) => error instanceof TunnelError && error.code === "CONFIG",
        label,
      );
    }
    assert.equal(scripted.served.length, opens ? 1 : 0, label);
  }
});
