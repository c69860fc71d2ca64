import assert from "node:assert/strict";
import { Grant } from "../../src/tunnel/grant.ts";
import type { ServerSession } from "../../src/tunnel/server_session.ts";
import { ServiceBinder } from "../../src/tunnel/service_binder.ts";
import { SessionTeam } from "../../src/tunnel/session_team.ts";
import type { VisitorPort } from "../../src/tunnel/visitors.ts";
import { test } from "../harness.ts";
import { FakeClock } from "../support/fake_clock.ts";

test("A scope that changes while a port is being bound holds for that port too", async () => {
  for (const ports of [[{ from: 4000, to: 4000 }], [{ from: 1, to: 1 }]]) {
    const clock = new FakeClock();
    const bound = Promise.withResolvers<VisitorPort>();
    let closed = 0;
    const binder = new ServiceBinder({
      clock,
      bindPort: () => bound.promise,
      serviceHost: "127.0.0.1",
      publicHost: undefined,
      allowPorts: [{ from: 1, to: 65535 }],
      maxServices: 1,
      graceMs: 1_000,
      onReleased: () => {},
    });
    binder.sharedPortBound({ hostname: "127.0.0.1", port: 5000 });
    const grant = new Grant({ clock, name: "first", kind: "token", proof: "", scope: {} });
    const identity = { tokenName: "first", tunnelId: "home" };
    const team = new SessionTeam<ServerSession>({ identity, instance: undefined, grouped: false });
    // What a registration needs of a session, and no more.
    const session = { team, grant } as unknown as ServerSession;
    const metadata = new Map([["remote_port", "4000"]]);
    const answer = binder.register(session, {
      type: "register",
      serviceName: "web",
      protocol: "tcp",
      metadata,
    });
    grant.change({ ports });
    const [claim] = [...binder.registry.claims()];
    assert.ok(claim !== undefined);
    assert.equal(binder.scopedService(claim).port, undefined, "it has none yet, and not the shared one");
    const address = { hostname: "127.0.0.1", port: 4000 };
    bound.resolve({ address, close: () => Promise.resolve(void closed++) });
    const permitted = ports[0]?.from === 4000;
    assert.equal((await answer).status, permitted ? "success" : "quota_exceeded");
    assert.deepEqual([closed, [...binder.registry.claims()].length], permitted ? [0, 1] : [1, 0]);
  }
});
