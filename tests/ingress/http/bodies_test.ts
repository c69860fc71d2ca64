import assert from "node:assert/strict";
import { test } from "../../harness.ts";
import { OK, request, response, type Stage, stage, type Talker } from "./_stage.ts";

/** A visitor whose request has reached the service. */
async function asked(
  at: Stage,
  line = "GET /",
  fields: readonly string[] = [],
): Promise<{ visitor: Talker; origin: Talker }> {
  const visitor = await at.visit();
  await visitor.write(request(line, fields));
  const origin = await at.next();
  await origin.head();
  return { visitor, origin };
}

/** That the connection goes on: one more request is answered on it. */
async function goesOn(visitor: Talker, origin: Talker): Promise<void> {
  await visitor.write(request("GET /next"));
  assert.match(await origin.head(), /^GET \/next /);
  await origin.write(OK);
  assert.equal((await visitor.response()).body, "ok");
}

test("A body with a length passes in pieces, in both directions", async () => {
  await using at = await stage();
  const { visitor, origin } = await asked(at, "POST /", ["Content-Length: 10"]);
  for (const piece of ["ab", "cdefg", "hij"]) {
    await visitor.write(piece);
    assert.equal(await origin.read(piece.length), piece);
  }
  await origin.write(response("200 OK", ["Content-Length: 6"]));
  assert.match(await visitor.head(), /\r\ncontent-length: 6\r\n/i);
  for (const piece of ["12", "3", "456"]) {
    await origin.write(piece);
    assert.equal(await visitor.read(piece.length), piece);
  }
  await goesOn(visitor, origin);
});

test("A chunked body passes as it is, with its trailers, in both directions", async () => {
  await using at = await stage();
  const { visitor, origin } = await asked(at, "POST /", ["Transfer-Encoding: chunked"]);
  const body = "3\r\nabc\r\n5\r\ndefgh\r\n0\r\nX-Sum: 8\r\n\r\n";
  await visitor.write(body);
  assert.equal((await origin.until("0\r\nX-Sum: 8\r\n\r\n")).length, body.length);
  await origin.write(response("200 OK", ["Transfer-Encoding: chunked"], body));
  assert.match(await visitor.head(), /\r\ntransfer-encoding: chunked\r\n/i);
  assert.equal(await visitor.until("X-Sum: 8\r\n\r\n"), body);
  await goesOn(visitor, origin);
});

test("Each chunk arrives before the next one is sent", async () => {
  await using at = await stage();
  const { visitor, origin } = await asked(at);
  await origin.write(response("200 OK", ["Content-Type: text/event-stream", "Transfer-Encoding: chunked"]));
  assert.match(await visitor.head(), /text\/event-stream/);
  for (let count = 0; count < 5; count++) {
    const event = `data: ${count}\n\n`;
    await origin.write(`${event.length.toString(16)}\r\n${event}\r\n`);
    assert.equal(await visitor.read(event.length + 5), `${event.length.toString(16)}\r\n${event}\r\n`);
  }
  await origin.write("0\r\n\r\n");
  assert.equal(await visitor.read(5), "0\r\n\r\n");
  await goesOn(visitor, origin);
});

test("W20: HEAD, 204 and 304 have no body, whatever their fields say", async () => {
  await using at = await stage();
  const { visitor, origin } = await asked(at, "HEAD /");
  await origin.write(response("200 OK", ["Content-Length: 5"]));
  assert.match(await visitor.head(), /\r\ncontent-length: 5\r\n/i);
  for (const status of ["204 No Content", "304 Not Modified"]) {
    await visitor.write(request("GET /"));
    await origin.head();
    await origin.write(response(status, ["X-Own: 1"]));
    assert.match(await visitor.head(), new RegExp(`^HTTP/1\\.1 ${status}\r\n`));
  }
  await goesOn(visitor, origin);
});

test("W20: bytes behind a response without body go nowhere, and the stream is not used again", async () => {
  for (const line of ["HEAD /", "GET /"]) {
    await using at = await stage();
    const { visitor, origin } = await asked(at, line);
    const [status, fields] = line === "GET /"
      ? ["204 No Content", []] as const
      : ["200 OK", ["Content-Length: 5"]] as const;
    await origin.write(response(status, fields, "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nbad"));
    await visitor.head();
    await visitor.write(request("GET /next"));
    const fresh = await at.next();
    assert.match(await fresh.head(), /^GET \/next /);
    await fresh.write(OK);
    assert.equal((await visitor.response()).body, "ok");
  }
});

test("A response until the connection's end becomes chunked for the visitor", async () => {
  await using at = await stage();
  const { visitor, origin } = await asked(at);
  await origin.write(response("200 OK", [], "some"));
  const head = await visitor.head();
  assert.match(head, /\r\ntransfer-encoding: chunked\r\n/i);
  assert.equal(await visitor.read(9), "4\r\nsome\r\n");
  await origin.write("more");
  assert.equal(await visitor.read(9), "4\r\nmore\r\n");
  await origin.socket.end();
  assert.equal(await visitor.read(5), "0\r\n\r\n");
  await visitor.write(request("GET /next"));
  assert.match(await (await at.next()).head(), /^GET \/next /);
});

test("An HTTP/1.0 visitor gets bodies without chunks, up to the connection's end", async () => {
  for (const framed of [false, true]) {
    await using at = await stage();
    const visitor = await at.visit();
    await visitor.write("GET / HTTP/1.0\r\nHost: app.test\r\n\r\n");
    const origin = await at.next();
    assert.match(await origin.head(), /^GET \/ HTTP\/1\.1\r\n/);
    if (framed) {
      await origin.write(response("200 OK", ["Transfer-Encoding: chunked"], "4\r\nsome\r\n0\r\n\r\n"));
    } else await origin.write(response("200 OK", [], "some"));
    if (!framed) await origin.socket.end();
    const text = await visitor.rest();
    assert.doesNotMatch(text, /transfer-encoding/i);
    assert.equal(text.slice(text.indexOf("\r\n\r\n") + 4), "some");
  }
});

test("An HTTP/1.0 visitor that asks for it keeps its connection", async () => {
  await using at = await stage();
  const visitor = await at.visit();
  const ask = "GET / HTTP/1.0\r\nHost: app.test\r\nConnection: keep-alive\r\n\r\n";
  await visitor.write(ask);
  const origin = await at.next();
  for (let count = 0; count < 3; count++) {
    await origin.head();
    await origin.write(OK);
    const { head, body } = await visitor.response();
    assert.match(head, /\r\nconnection: keep-alive\r\n/i);
    assert.equal(body, "ok");
    await visitor.write(ask);
  }
});

test("W18: 100 Continue comes from the service, and the body follows", async () => {
  await using at = await stage();
  const { visitor, origin } = await asked(at, "POST /", ["Content-Length: 4", "Expect: 100-continue"]);
  await origin.write("HTTP/1.1 100 Continue\r\n\r\n");
  assert.match(await visitor.head(), /^HTTP\/1\.1 100 Continue\r\n/);
  await visitor.write("body");
  assert.equal(await origin.read(4), "body");
  await origin.write(OK);
  assert.equal((await visitor.response()).body, "ok");
  await goesOn(visitor, origin);
});

test("W18: a visitor that waits for 100 Continue and is refused cannot use its connection again", async () => {
  await using at = await stage();
  const { visitor, origin } = await asked(at, "POST /", ["Content-Length: 4", "Expect: 100-continue"]);
  await origin.write(response("403 Forbidden", ["Content-Length: 2"], "no"));
  const { head, body } = await visitor.response();
  assert.match(head, /^HTTP\/1\.1 403 [^]*\r\nconnection: close\r\n/i);
  assert.equal(body, "no");
  await visitor.socket.ended;
  await origin.socket.ended; // Nor can the stream.
});

test("W18: a 100 Continue that nobody waits for goes no further", async () => {
  await using at = await stage();
  const { visitor, origin } = await asked(at, "POST /", ["Content-Length: 4"]);
  await origin.write(`HTTP/1.1 100 Continue\r\n\r\n${OK}`);
  assert.equal((await visitor.response()).status, 200);
});

test("W18: an expectation that nobody knows gets 417", async () => {
  await using at = await stage();
  const visitor = await at.visit();
  await visitor.write(request("POST /", ["Content-Length: 4", "Expect: gold"], "body"));
  assert.match(await visitor.rest(), /^HTTP\/1\.1 417 /);
});

test("W25: a visitor that still sends gets the answer, and goes on when little is left", async () => {
  await using at = await stage();
  const { visitor, origin } = await asked(at, "POST /", ["Content-Length: 1000"]);
  await visitor.write("x".repeat(500));
  await origin.read(500);
  await origin.write(response("413 Content Too Large", ["Content-Length: 3"], "big"));
  assert.equal((await visitor.response()).body, "big");
  await origin.socket.ended; // It has not read the request: the stream is of no use.
  await visitor.write(`${"x".repeat(500)}${request("GET /next")}`);
  const fresh = await at.next();
  assert.match(await fresh.head(), /^GET \/next /);
});

test("W25: a visitor that has more than 64 KiB to send is told that the connection ends", async () => {
  for (const [left, closes] of [[65_536, false], [65_537, true]] as const) {
    await using at = await stage();
    const { visitor, origin } = await asked(at, "POST /", [`Content-Length: ${left + 10}`]);
    await visitor.write("0123456789");
    await origin.read(10);
    await origin.write(response("413 Content Too Large", ["Content-Length: 3"], "big"));
    const { head, body } = await visitor.response();
    assert.equal(/\r\nconnection: close\r\n/i.test(head), closes, `${left}`);
    assert.equal(body, "big");
    if (closes) {
      await visitor.socket.ended;
      continue;
    }
    await visitor.write("x".repeat(left) + request("GET /next"));
    assert.match(await (await at.next()).head(), /^GET \/next /);
  }
});

test("W33: a body over the limit gets 413, by its length and by its chunks", async () => {
  await using at = await stage({ limits: { httpMaxBodyBytes: 10 } });
  const ok = await asked(at, "POST /", ["Content-Length: 10"]);
  await ok.visitor.write("0123456789");
  assert.equal(await ok.origin.read(10), "0123456789");
  const long = await at.visit();
  await long.write(request("POST /", ["Content-Length: 11"], "01234567890"));
  assert.match(await long.rest(), /^HTTP\/1\.1 413 /);
  const { visitor, origin } = await asked(at, "POST /", ["Transfer-Encoding: chunked"]);
  await visitor.write("a\r\n0123456789\r\n");
  assert.equal(await origin.read(15), "a\r\n0123456789\r\n");
  await visitor.write("1\r\nx\r\n0\r\n\r\n");
  assert.match(await visitor.rest(), /^HTTP\/1\.1 413 /);
  await origin.socket.ended;
});
