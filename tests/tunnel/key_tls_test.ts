import assert from "node:assert/strict";
import { generatePrivateKey, parsePrivateKey } from "../../src/trust/client_key.ts";
import { fingerprintOfCertificate } from "../../src/trust/fingerprint.ts";
import { runtime } from "../../src/runtime/mod.ts";
import { test } from "../harness.ts";
import { selfSigned } from "../support/identities.ts";
import { portOf, roundTrip, service, World } from "./world.ts";

const PEM = generatePrivateKey();
const keys = [{ name: "laptop", publicKey: parsePrivateKey(PEM)!.publicKey.text }];
const OWN = selfSigned("localhost");
const MIDDLE = selfSigned("localhost");
const pinOf = ({ cert }: { cert: string }): string => fingerprintOfCertificate(cert);

test("Over TLS a proof is bound to the server's key", async () => {
  await using world = new World();
  const echo = await world.echo();
  const { port } = await world.server({ tls: OWN, tokens: [], keys });
  const services = [service("echo", echo.port), service("direct", echo.port, { mode: "direct" })];
  const options = { services, privateKey: PEM, token: undefined as never, directPool: 1 };
  const { client } = world.client(port, { ...options, tls: { pins: [pinOf(OWN)] } });
  for (const { publicUrl } of await client.ready) {
    assert.equal(await roundTrip(world, portOf(publicUrl), "tls"), "tls");
  }
});

test("H11: whoever ends TLS with another key in between cannot pass a proof on", async () => {
  await using world = new World();
  const { port } = await world.server({ tls: OWN, tokens: [], keys });
  // Speaks TLS to both sides, and hands the bytes on.
  const listener = await runtime.listen({
    hostname: "127.0.0.1",
    port: 0,
    tls: MIDDLE,
    onConnection: (near) => {
      void runtime.connect({ hostname: "127.0.0.1", port, tls: { pins: [pinOf(OWN)] } }).then((far) => {
        const join = (from: typeof near, to: typeof near): void => {
          const buffer = new Uint8Array(65536);
          from.start({
            space: () => buffer,
            data: (chunk) => to.write(chunk.slice()) || true,
            end: () => to.closeWrite(),
            drain: () => {},
            close: () => to.close(),
          });
        };
        join(near, far);
        join(far, near);
      });
    },
  });
  world.defer(() => listener.close());
  const options = { services: [service("echo", 9)], privateKey: PEM, token: undefined as never };
  const fooled = world.client(listener.address.port, { ...options, tls: { pins: [pinOf(MIDDLE)] } });
  await assert.rejects(fooled.client.ready, /The server refused the key/);
});
