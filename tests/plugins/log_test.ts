import assert from "node:assert/strict";
import { REDACTED, requestLog } from "../../src/plugins/log.ts";
import type { Plugin, PluginRequest, RequestOutcome } from "../../src/plugins/types.ts";
import { test } from "../harness.ts";
import { Bench, outcomeOf, requestOf } from "./support.ts";

function pass(plugin: Plugin, request: PluginRequest, outcome: RequestOutcome = outcomeOf()): void {
  assert.equal(plugin.onRequest?.(request), undefined);
  plugin.onEnd?.(outcome, request);
}

/** The lines for requests. */
async function linesFor(
  options: Parameters<typeof requestLog>[0],
  ...requests: readonly PluginRequest[]
): Promise<string[]> {
  const lines: string[] = [];
  const plugin = await new Bench().make(requestLog({ ...options, write: (line) => void lines.push(line) }));
  for (const request of requests) pass(plugin, request);
  return lines;
}

test("requestLog() writes the common format", async () => {
  const lines = await linesFor({}, requestOf({ method: "POST", target: "/a?b=c", version: "2" }));
  assert.deepEqual(lines, [
    '192.0.2.1 - - [14/Nov/2023:22:13:21 +0000] "POST /a?b=c HTTP/2" 200 512 app.example.com 12ms r1',
  ]);
});

test("requestLog() writes JSON", async () => {
  const [line = ""] = await linesFor(
    { format: "json", headers: ["User-Agent"] },
    requestOf({
      fields: [["User-Agent", "curl"]],
    }),
  );
  assert.deepEqual(JSON.parse(line), {
    time: "2023-11-14T22:13:21.000Z",
    id: "r1",
    visitor: "192.0.2.1",
    scheme: "https",
    host: "app.example.com",
    method: "GET",
    target: "/",
    version: "1.1",
    service: "web",
    tunnelId: "box",
    status: 200,
    from: "service",
    complete: true,
    durationMs: 12.3,
    requestBytes: 0,
    responseBytes: 512,
    headers: { "user-agent": "curl" },
  });
});

test("requestLog() goes to the server's log when no function takes it", async () => {
  for (const format of ["common", "json"] as const) {
    const bench = new Bench();
    pass(await bench.make(requestLog({ format })), requestOf());
    assert.equal(bench.records.length, 1);
    assert.equal(bench.records[0]?.level, "info");
    const { properties = {} } = bench.records[0] ?? {};
    if (format === "json") assert.equal(properties.status, 200);
    else assert.match(String(properties.line), /^192\.0\.2\.1 - - /);
  }
});

test("requestLog() tells of a request without response", async () => {
  const lines: string[] = [];
  const plugin = await new Bench().make(requestLog({ write: (line) => void lines.push(line) }));
  pass(
    plugin,
    requestOf(),
    outcomeOf({ status: undefined, from: undefined, complete: false, responseBytes: 0 }),
  );
  assert.match(lines[0] ?? "", /" 0 0 app/);
});

test("requestLog() logs the target as it came, whatever later plugins make of it", async () => {
  const lines: string[] = [];
  const plugin = await new Bench().make(requestLog({ write: (line) => void lines.push(line) }));
  const request = requestOf({ target: "/first" });
  void plugin.onRequest?.(request);
  request.target = "/second";
  plugin.onEnd?.(outcomeOf(), request);
  assert.match(lines[0] ?? "", /"GET \/first HTTP/);
});

test("requestLog() shows no secret", async () => {
  const secret = "s3cr3t";
  const targets = [
    `/?token=${secret}`,
    `/?a=b&ToKeN=${secret}&c=d`,
    `/?%74oken=${secret}`,
    `/?token[]=${secret}`,
    `/?a;password=${secret}`,
    `/?X-Amz-Signature=${secret}`,
    `/?code=${secret}#`,
    `/?mine=${secret}`,
    `/?%zz&access_token=${secret}`,
  ];
  const fields: [string, string][] = [
    ["Authorization", `Bearer ${secret}`],
    ["Cookie", `a=${secret}`],
    ["Proxy-Authorization", secret],
    ["X-Api-Key", secret],
  ];
  const headers = fields.map(([name]) => name);
  for (const format of ["common", "json"] as const) {
    const requests = targets.map((target) => requestOf({ target, fields }));
    const lines = await linesFor({ format, headers, redactQuery: ["Mine"] }, ...requests);
    assert.equal(lines.length, targets.length);
    for (const line of lines) {
      assert.ok(!line.includes(secret), line);
      assert.equal(line.split(REDACTED).length - 1, 1 + fields.length, line);
    }
  }
  assert.match((await linesFor({}, requestOf({ target: "/?a=1&tokens=2" })))[0] ?? "", /a=1&tokens=2/);
});

test("A6: requestLog() escapes everything that could begin a line, end a quote or reach a terminal", async () => {
  const evil = 'a"b\\c\u001b[31m\r\nd\u007f\u009b\u2028e';
  const request = requestOf({ target: `/?${evil}`, fields: [], visitor: evil, host: evil, id: evil });
  // HeaderList checks values; one made of fields takes what a parser has let through: tabs and Latin-1.
  const inHeader = requestOf({ fields: [["X-A", 'a"b\\c\td\u009b']] });
  for (const format of ["common", "json"] as const) {
    for (const line of await linesFor({ format, headers: ["x-a"] }, request, inHeader)) {
      assert.match(line, /^[\x20-\x7e]*$/);
      if (format === "json") assert.equal(typeof JSON.parse(line), "object");
      else assert.ok(!line.includes('a"b'), line);
    }
  }
});
