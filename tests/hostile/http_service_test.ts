import assert from "node:assert/strict";
import { test } from "../harness.ts";
import { OK, request, response, type Stage, stage, type Talker } from "../ingress/http/_stage.ts";

const CASES: Readonly<Record<string, string>> = {
  "both framings": response("200 OK", ["Content-Length: 3", "Transfer-Encoding: chunked"], "0\r\n\r\n"),
  "two lengths": response("200 OK", ["Content-Length: 3", "Content-Length: 4"], "abcd"),
  "a bare LF": "HTTP/1.1 200 OK\nContent-Length: 0\r\n\r\n",
  "a line that is no field": "HTTP/1.1 200 OK\r\nno field\r\nContent-Length: 0\r\n\r\n",
  "a folded field": "HTTP/1.1 200 OK\r\nX-A: 1\r\n 2\r\nContent-Length: 0\r\n\r\n",
  "no HTTP at all": "SSH-2.0-OpenSSH_9.6\r\n\r\n",
  "a switch that nobody asked for": "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n",
  "nine interim responses": "HTTP/1.1 103 Early Hints\r\n\r\n".repeat(9) + OK,
};

for (const [name, bytes] of Object.entries(CASES)) {
  test(`W21: a service that answers with ${name} gives the visitor 502, and its stream is not used again`, async () => {
    await using at = await stage();
    const visitor = await at.visit();
    await visitor.write(request("GET /"));
    const origin = await at.next();
    await origin.head();
    await origin.write(bytes);
    let head = await visitor.head();
    while (head.startsWith("HTTP/1.1 103")) head = await visitor.head();
    assert.match(head, /^HTTP\/1\.1 502 /);
    await visitor.read(Number(/content-length: (\d+)/i.exec(head)?.[1]));
    await origin.socket.ended;
    assert.equal(at.server.counters.get("http_failed", "service_broken"), 1);
    await visitor.write(request("GET /next")); // Neither this visitor nor the next one gets what was left.
    const fresh = await at.next();
    assert.match(await fresh.head(), /^GET \/next /);
    await fresh.write(OK);
    assert.equal((await visitor.response()).body, "ok");
  });
}

test("W19: eight interim responses are passed on", async () => {
  await using at = await stage();
  const visitor = await at.visit();
  await visitor.write(request("GET /"));
  const origin = await at.next();
  await origin.head();
  await origin.write("HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n".repeat(8) + OK);
  for (let count = 0; count < 8; count++) {
    assert.match(await visitor.head(), /^HTTP\/1\.1 103 [^]*\r\nLink: <\/a>\r\n/);
  }
  assert.equal((await visitor.response()).body, "ok");
});

test("W19: a visitor of HTTP/1.0 gets no interim response", async () => {
  await using at = await stage();
  const visitor = await at.visit();
  await visitor.write("GET / HTTP/1.0\r\nHost: app.test\r\n\r\n");
  const origin = await at.next();
  await origin.head();
  await origin.write(`HTTP/1.1 103 Early Hints\r\n\r\n${OK}`);
  assert.match(await visitor.rest(), /^HTTP\/1\.1 200 /);
});

test("W21: what a service says without being asked meets no request", async () => {
  await using at = await stage();
  const visitor = await at.visit();
  await visitor.write(request("GET /"));
  const origin = await at.next();
  await origin.head();
  await origin.write(OK + response("200 OK", ["Content-Length: 3"], "bad"));
  assert.equal((await visitor.response()).body, "ok");
  await origin.socket.ended;
  await visitor.write(request("GET /next"));
  const fresh = await at.next();
  await fresh.head();
  await fresh.write(OK);
  assert.equal((await visitor.response()).body, "ok");
});

const BODIES: Readonly<Record<string, readonly [head: string, part: string]>> = {
  "with a length": [response("200 OK", ["Content-Length: 100"]), "x".repeat(50)],
  "in chunks": [response("200 OK", ["Transfer-Encoding: chunked"]), "5\r\nhello\r\n"],
  "in a broken chunk": [response("200 OK", ["Transfer-Encoding: chunked"]), "5\r\nhello\r\n"],
};

for (const [name, [head, part]] of Object.entries(BODIES)) {
  test(`F29: a response ${name} that breaks off is no whole one for the visitor`, async () => {
    await using at = await stage();
    const visitor = await at.visit();
    await visitor.write(request("GET /"));
    const origin = await at.next();
    await origin.head();
    await origin.write(head);
    await visitor.head();
    await origin.write(part);
    await visitor.read(10);
    if (name.includes("broken")) await origin.write("nonsense\r\n");
    else await origin.socket.close();
    const left = await visitor.rest().catch(() => "reset");
    assert.ok(!left.includes("0\r\n\r\n") && left.length < 50, left);
    assert.ok(at.server.counters.get("http_cut_off") === 1);
  });
}

test("F29: a response until the connection's end that breaks off has no last chunk", async () => {
  await using at = await stage();
  const visitor = await at.visit();
  await visitor.write(request("GET /"));
  const origin = await at.next();
  await origin.head();
  await origin.write(response("200 OK", [], "some"));
  await visitor.head();
  assert.equal(await visitor.read(9), "4\r\nsome\r\n");
  await at.loseClient();
  assert.doesNotMatch(await visitor.rest().catch(() => "reset"), /0\r\n\r\n/);
});

/** A visitor whose first request was answered, and the stream that waits for its next one. */
async function answeredOnce(at: Stage): Promise<{ readonly visitor: Talker; readonly first: Talker }> {
  const visitor = await at.visit();
  await visitor.write(request("GET /"));
  const first = await at.next();
  await first.head();
  await first.write(OK);
  await visitor.response();
  return { visitor, first };
}

test("A request over a stream that died while it was idle goes over a new one", async () => {
  await using at = await stage();
  const { visitor, first } = await answeredOnce(at);
  await visitor.write(request("GET /again"));
  assert.match(await first.head(), /^GET \/again /);
  await first.socket.close(); // As if it had been closing when the request came.
  const second = await at.next();
  assert.match(await second.head(), /^GET \/again /);
  await second.socket.close(); // But not twice.
  assert.equal((await visitor.response()).status, 502);
});

test("A request that may not be sent twice is not; the visitor gets 502", async () => {
  for (const [line, fields, body] of [["POST /", [], ""], ["PUT /", ["Content-Length: 2"], "ab"]] as const) {
    await using at = await stage();
    const { visitor, first } = await answeredOnce(at);
    await visitor.write(request(line, fields, body));
    await first.head();
    await first.socket.close();
    assert.equal((await visitor.response()).status, 502);
  }
});
