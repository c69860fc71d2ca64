import assert from "node:assert/strict";
import { test } from "../harness.ts";
import { OK, request, response, stage } from "../ingress/http/_stage.ts";

const KEY = "dGhlIHNhbXBsZSBub25jZQ==";
const ASK = [
  "Connection: Upgrade",
  "Upgrade: websocket",
  "Sec-WebSocket-Version: 13",
  `Sec-WebSocket-Key: ${KEY}`,
];
const YES = response("101 Switching Protocols", [
  "Connection: Upgrade",
  "Upgrade: websocket",
  "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=",
]);

test("A WebSocket passes bytes in both directions, and each direction ends by itself", async () => {
  await using at = await stage();
  const visitor = await at.visit();
  await visitor.write(request("GET /chat", ASK));
  const origin = await at.next();
  const head = await origin.head();
  assert.match(head, /\r\nupgrade: websocket\r\n/i);
  assert.match(head, /\r\nconnection: upgrade\r\n/i);
  await origin.write(`${YES}early`);
  const answer = await visitor.head();
  assert.match(answer, /^HTTP\/1\.1 101 [^]*\r\nsec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK\+xOo=\r\n/i);
  assert.equal(await visitor.read(5), "early");
  for (let count = 0; count < 3; count++) {
    await visitor.write(`ping${count}`);
    assert.equal(await origin.read(5), `ping${count}`);
    await origin.write(`pong${count}`);
    assert.equal(await visitor.read(5), `pong${count}`);
  }
  await visitor.socket.end();
  await origin.socket.ended;
  await origin.write("last words");
  assert.equal(await visitor.read(10), "last words");
  await origin.socket.end();
  await visitor.socket.closed;
  while (at.ingress.connections > 0) await new Promise<void>((resolve) => setTimeout(resolve, 1));
  assert.equal(at.server.counters.get("http_requests", "1xx"), 1);
  assert.equal(at.server.counters.get("http_cut_off"), 0);
});

test("W28: bytes behind the request for WebSocket are held until the service has switched", async () => {
  await using at = await stage();
  const visitor = await at.visit();
  await visitor.write(request("GET /chat", ASK, "first frame"));
  const origin = await at.next();
  assert.ok((await origin.head()).endsWith("\r\n\r\n"));
  const before = origin.socket.bytesReceived;
  await origin.write("HTTP/1.1 103 Early Hints\r\n\r\n");
  assert.match(await visitor.head(), /^HTTP\/1\.1 103 /);
  assert.equal(origin.socket.bytesReceived, before);
  await origin.write(YES);
  assert.match(await visitor.head(), /^HTTP\/1\.1 101 /);
  assert.equal(await origin.read(11), "first frame");
});

test("W27: a service that does not switch does not get what comes after as bytes of its own", async () => {
  for (const status of ["426 Upgrade Required", "200 OK"]) {
    await using at = await stage();
    const visitor = await at.visit();
    await visitor.write(request("GET /chat", ASK, request("GET /second")));
    const origin = await at.next();
    assert.match(await origin.head(), /^GET \/chat /);
    await origin.write(response(status, ["Content-Length: 2"], "no"));
    assert.equal((await visitor.response()).body, "no");
    // Read as a request of its own, with the server's fields in it.
    assert.match(await origin.head(), /^GET \/second [^]*\r\nx-forwarded-for: /i);
    await origin.write(OK);
    assert.equal((await visitor.response()).body, "ok");
  }
});

test("W27: a service that switches with a wrong proof gets 502 for its visitor", async () => {
  await using at = await stage();
  const visitor = await at.visit();
  await visitor.write(request("GET /chat", ASK));
  const origin = await at.next();
  await origin.head();
  await origin.write(YES.replace("s3pP", "xxxx"));
  assert.equal((await visitor.response()).status, 502);
  await origin.socket.ended;
});

test("W26: any other upgrade is not asked of the service", async () => {
  for (const protocol of ["h2c", "TLS/1.0", "IRC/6.9"]) {
    await using at = await stage();
    const visitor = await at.visit();
    await visitor.write(
      request("GET /", [
        "Connection: Upgrade, HTTP2-Settings",
        `Upgrade: ${protocol}`,
        "HTTP2-Settings: AAMAAABk",
      ]),
    );
    const origin = await at.next();
    assert.doesNotMatch(await origin.head(), /upgrade|http2-settings/i);
    await origin.write(OK);
    assert.equal((await visitor.response()).body, "ok");
  }
});

test("A WebSocket whose service is lost is reset", async () => {
  await using at = await stage();
  const visitor = await at.visit();
  await visitor.write(request("GET /chat", ASK));
  const origin = await at.next();
  await origin.head();
  await origin.write(YES);
  await visitor.head();
  await at.loseClient();
  await visitor.socket.ended;
  assert.equal(at.server.counters.get("http_cut_off", "service_lost"), 1);
});

test("What a service's rules take away is in no head of it, interim ones and the switch too", async () => {
  await using at = await stage({
    service: { responseHeaders: { remove: ["server"], set: { "x-set": "1" } } },
  });
  const visitor = await at.visit();
  await visitor.write(request("GET /", ASK));
  const origin = await at.next();
  await origin.head();
  await origin.write(response("103 Early Hints", ["Server: secret", "Link: </a>"]));
  assert.equal(await visitor.head(), "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n");
  await origin.write(YES.replace("\r\n\r\n", "\r\nServer: secret\r\n\r\n"));
  const head = await visitor.head();
  assert.match(head, /^HTTP\/1\.1 101 [^]*\r\nx-set: 1\r\n/);
  assert.doesNotMatch(head, /secret/);
});
