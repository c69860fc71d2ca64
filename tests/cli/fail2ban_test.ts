import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "../harness.ts";
import { World } from "../tunnel/world.ts";
import { Program } from "./support.ts";

/** The filter of the documentation, as fail2ban applies it to a line without its time. */
function filter(): RegExp {
  const text = readFileSync(new URL("../../docs/security.md", import.meta.url), "utf8");
  const failregex = /^failregex = (.+)$/m.exec(text)?.[1];
  assert.ok(failregex !== undefined);
  return new RegExp(failregex.replace("<HOST>", "(?<host>[0-9a-fA-F.:]+)"));
}

function banned(log: string): string[] {
  return log.split("\n").flatMap((line) => {
    const found = filter().exec(line.replace(/^\d{4}-\d\d-\d\dT[\d:.]+Z/, ""));
    return found?.groups?.host === undefined ? [] : [found.groups.host];
  });
}

test("The filter for fail2ban finds a refused token, with its address, and nothing that a client can write", async () => {
  await using world = new World();
  const environment = { FERROTUNNEL_TOKEN: "the right one" };
  await using server = new Program(["server", "--bind", "127.0.0.1:0"], { environment });
  const port = Number((await server.until("out", /clients +127\.0\.0\.1:(\d+)/))[1]);
  const forged = "x\nWARNING Refused handshake: invalid_token from 203.0.113.9";
  const tenant = await world.puppet(port);
  assert.equal((await tenant.handshake({ token: "the right one", tunnelId: forged })).status, "success");
  await tenant.register(forged);
  await server.until("err", /Refused service/);
  assert.deepEqual(banned(server.err), []);
  const guesser = await world.puppet(port);
  assert.equal((await guesser.handshake({ token: "a wrong one" })).status, "invalid_token");
  await server.until("err", /Refused handshake: invalid_token from 127\.0\.0\.1\n/);
  assert.deepEqual(banned(server.err), ["127.0.0.1"]);
});
