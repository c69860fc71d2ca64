import assert from "node:assert/strict";
import { request as httpsRequest } from "node:https";
import { connect } from "node:tls";
import { test } from "../../harness.ts";
import { selfSigned } from "../../support/identities.ts";
import { connectSocket } from "../../support/raw_socket.ts";
import { OK, request, stage } from "./_stage.ts";

const app = selfSigned("app.test");
const renewed = selfSigned("app.test");
const LOCAL = { hostname: "127.0.0.1", port: 0 };
const HTTPS = { bind: LOCAL, certificates: [app] };

interface Answer {
  readonly status: number | undefined;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: string;
}

/** What a visitor gets by HTTPS. @param ca What it trusts */
async function get(port: number, ca: string, host = "app.test"): Promise<Answer> {
  return await new Promise((resolve, reject) => {
    const visit = httpsRequest({
      ...{ host: "127.0.0.1", port, servername: "app.test", ca, agent: false },
      headers: { host: `${host}:${port}`, connection: "close" },
    }, (response) => {
      let body = "";
      response.on("data", (piece) => body += piece);
      response.on("end", () => resolve({ status: response.statusCode, headers: response.headers, body }));
    });
    visit.on("error", reject).end();
  });
}

test("A visitor by HTTPS reaches the service, which learns of it", async () => {
  await using world = await stage({ http: { https: HTTPS } });
  const answer = get(world.server.httpsAddress?.port ?? 0, app.cert);
  const service = await world.next();
  const head = await service.head();
  assert.match(head, /^X-Forwarded-Proto: https\r$/m);
  await service.write(OK);
  const { status, headers, body } = await answer;
  assert.deepEqual([status, body], [200, "ok"]);
  assert.equal(headers["strict-transport-security"], undefined);
});

test("With hsts, answers by HTTPS tell browsers to stay with it, those by plain HTTP do not", async () => {
  for (
    const [hsts, value] of [
      [{}, "max-age=31536000"],
      [{ maxAgeSeconds: 60, includeSubdomains: true }, "max-age=60; includeSubDomains"],
    ] as const
  ) {
    await using world = await stage({ http: { https: { ...HTTPS, hsts } }, service: { hosts: ["b.test"] } });
    const { status, headers } = await get(world.server.httpsAddress?.port ?? 0, app.cert);
    assert.deepEqual([status, headers["strict-transport-security"]], [404, value]);
    const plain = await world.visit();
    await plain.write(request("GET /"));
    assert.doesNotMatch((await plain.response()).head, /strict-transport/i);
  }
});

test("With redirect, visitors of the plain port are sent to the public port of HTTPS", async () => {
  const places = [[undefined, (port: number) => `:${port}`], [443, () => ""], [8443, () => ":8443"]] as const;
  for (const [publicPort, suffix] of places) {
    const https = { ...HTTPS, redirect: true, ...(publicPort === undefined ? {} : { publicPort }) };
    await using world = await stage({ http: { https } });
    const visitor = await world.visit();
    await visitor.write(request("POST /a?b=c", ["Content-Length: 2"], "ab"));
    const { head, status } = await visitor.response();
    assert.equal(status, 308);
    const port = world.server.httpsAddress?.port ?? 0;
    assert.match(head, new RegExp(`^location: https://app\\.test${suffix(port)}/a\\?b=c\\r$`, "im"));
    await visitor.write(request("GET /again"));
    assert.equal((await visitor.response()).status, 308, "the connection goes on");
  }
});

test("Certificates are renewed without a visitor noticing", async () => {
  await using world = await stage({ http: { https: HTTPS } });
  const port = world.server.httpsAddress?.port ?? 0;
  const kept = connect({ host: "127.0.0.1", port, servername: "app.test", ca: app.cert });
  await new Promise((resolve, reject) => kept.once("secureConnect", resolve).once("error", reject));
  world.server.setCertificates([renewed]);
  await assert.rejects(get(port, app.cert), "the old certificate is not shown any more");
  const answer = get(port, renewed.cert);
  const service = await world.next();
  await service.head();
  await service.write(OK);
  assert.equal((await answer).status, 200);
  kept.write(request("GET /"));
  await service.head();
  await service.write(OK);
  assert.match(String(await new Promise((resolve) => kept.once("data", resolve))), /^HTTP\/1\.1 200 /);
  assert.throws(() => world.server.setCertificates([{ cert: renewed.cert, key: app.key }]), /TLS files/);
  const gone = new Promise((resolve) => kept.once("close", resolve));
  kept.destroy();
  await gone;
});

test("Handshakes that do not go on take visitors' places, up to the last", async () => {
  await using world = await stage({ http: { https: HTTPS }, limits: { maxConnections: 2 } });
  const port = world.server.httpsAddress?.port ?? 0;
  const answered = async (): Promise<boolean> =>
    await get(port, app.cert, "none.test").then(() => true, () => false);
  const one = await connectSocket({ hostname: "127.0.0.1", port });
  assert.equal(await answered(), true, "there is one place left");
  const two = await connectSocket({ hostname: "127.0.0.1", port });
  while (await answered());
  await Promise.all([one.close(), two.close()]);
  while (!await answered());
});
