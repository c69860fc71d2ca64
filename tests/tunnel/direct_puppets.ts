/**
 * Clients of the tests' own that have direct services, and their connections.
 *
 * @module
 */
import assert from "node:assert/strict";
import { formatCapabilities } from "../../src/wire/capabilities.ts";
import type { HandshakeAck } from "../../src/wire/messages.ts";
import type { Puppet } from "./puppet.ts";
import { portOf, TOKEN, type World } from "./world.ts";

/** What tells the client's process from others. */
export const INSTANCE = "00112233445566778899aabbccddeeff";

/** Bytes as hexadecimal digits. */
export function hex(bytes: Uint8Array): string {
  return [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** A client of the tests' own with the direct service "ssh". @returns it, its session id and the service's public port */
export async function owner(
  world: World,
  port: number,
  pool = 2,
): Promise<{ puppet: Puppet; session: string; publicPort: number }> {
  const puppet = await world.puppet(port);
  const direct = { pool };
  const capabilities = formatCapabilities({ window: 65536, services: true, instance: INSTANCE, direct });
  const answer = await puppet.handshake({ token: TOKEN, tunnelId: "home", capabilities });
  assert.ok(answer.capabilities.includes(`ferrotunnel.direct/1;pool=${pool}`), answer.capabilities.join());
  const metadata = new Map([["remote_port", "0"], ["mode", "direct"]]);
  puppet.send({ type: "register", serviceName: "ssh", protocol: "tcp", metadata });
  const { publicUrl } = await puppet.expect("register_ack");
  return { puppet, session: hex(answer.sessionId), publicPort: portOf(publicUrl) };
}

/** What a direct connection says about itself. */
export interface Claim {
  readonly session: string;
  readonly instance?: string | undefined;
  readonly token?: string;
  readonly tunnelId?: string;
}

/** A direct connection of the tests' own. */
export async function direct(
  world: World,
  port: number,
  claim: Claim,
): Promise<{ puppet: Puppet; answer: HandshakeAck }> {
  const { session, instance = INSTANCE, token = TOKEN, tunnelId = "home" } = claim;
  const puppet = await world.puppet(port);
  const capabilities = formatCapabilities({
    window: undefined,
    services: false,
    instance,
    direct: { session },
  });
  return { puppet, answer: await puppet.handshake({ token, tunnelId, capabilities }) };
}
