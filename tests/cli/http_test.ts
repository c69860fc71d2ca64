import assert from "node:assert/strict";
import { test } from "../harness.ts";
import { run } from "./support.ts";

const TOKEN = { FERROTUNNEL_TOKEN: "correct horse" };

test("ferrotunnel http explains what is wrong with its arguments", async () => {
  const server = ["--server", "127.0.0.1:1"];
  const cases: [args: string[], code: number, err: RegExp][] = [
    [[], 2, /^error: Missing required argument 'service'; see ferrotunnel http --help$/m],
    [
      ["70000", ...server],
      2,
      /Expected a port such as 8080, or an address such as 192\.168\.1\.10:8080, but got "70000"/,
    ],
    [
      ["80", ...server, "--host", "a", "--host", "b..c"],
      2,
      /--host: services\.\S+\.hosts\[1\]: .* but got "b\.\.c"/,
    ],
    [
      ["80", ...server, "--host", "a", "--host", "A"],
      2,
      /--host: services\.\S+\.hosts\[1\]: "a" is given twice/,
    ],
    [
      ["80", ...server, "--path", "/a", "--path", "b"],
      2,
      /--path: services\.\S+\.paths\[1\]: .* but got "b"/,
    ],
    [["80", ...server, "--rewrite-host", "a b"], 2, /--rewrite-host: services\.\S+\.rewriteHost: /],
    [["80", ...server, "--remote-port", "1"], 2, /Unknown option '--remote-port'/],
    [["80", ...server, "--type", "tcp"], 2, /Unknown option '--type'/],
  ];
  for (const [args, code, expected] of cases) {
    const result = await run(["http", ...args], { environment: TOKEN });
    assert.equal(result.code, code, args.join(" "));
    assert.match(result.err, expected);
  }
});

test("ferrotunnel tcp has no flags of HTTP, and a variable for HTTP does not confuse it", async () => {
  const refused = await run(["tcp", "22", "--server", "127.0.0.1:1", "--host", "a"], { environment: TOKEN });
  assert.equal(refused.code, 2);
  assert.match(refused.err, /Unknown option '--host'/);
  const environment = {
    ...TOKEN,
    FERROTUNNEL_TYPE: "http",
    FERROTUNNEL_HOSTS: "a",
    FERROTUNNEL_REMOTE_PORT: "x",
  };
  const { err } = await run(["tcp", "22", "--server", "127.0.0.1:1"], { environment });
  // Only what is for TCP is read.
  assert.match(
    err,
    /FERROTUNNEL_REMOTE_PORT: services\.\S+\.remotePort: Expected a whole number from 0 to 65535/,
  );
  assert.ok(!err.includes("FERROTUNNEL_HOSTS"), err);
});

test("ferrotunnel check says which host and path lead to which service", async () => {
  const client = await run(["check", "--config", "examples/http_client.yaml"], { environment: TOKEN });
  assert.equal(client.code, 0, client.err);
  const [, explained] = client.out.split("\n\nRequests, by host and path:\n");
  assert.equal(
    explained,
    `  app.example.com/ → web, 127.0.0.1:8080
  *.preview.example.com/ → web, 127.0.0.1:8080
    is given Host app.internal
    requests lose X-Debug
    requests get X-Tunnel
    responses lose Server, X-Powered-By
    responses get X-Frame-Options
  app.example.com/api → api, 127.0.0.1:9000
  notes.(the server's domain)/ → notes, 127.0.0.1:3000
`,
  );
  assert.ok(!client.out.includes("DENY"), "values of header fields may be secrets");

  const server = await run(["check", "--config", "examples/http_server.yaml"], { environment: TOKEN });
  assert.equal(server.code, 0, server.err);
  const [, told] = server.out.split("\n\nVisitors over HTTP:\n");
  assert.equal(
    told,
    `  come by plain HTTP to 0.0.0.0:8080
  host of a service that names none: the service's name below tunnel.example.com
  hosts that clients may have: app.example.com, *.preview.example.com, and every name below tunnel.example.com
  believed about who is behind them: 10.0.0.0/8
`,
  );
  const plain = await run(["check", "--config", "examples/server.yaml"], { environment: TOKEN });
  assert.ok(!plain.out.includes("over HTTP"));
});
