/**
 * What a client says about itself.
 *
 * @module
 */
import { createHash, randomBytes } from "node:crypto";
import { formatAddress } from "../format_address.ts";
import { parsePrivateKey, type PrivateKey } from "../trust/client_key.ts";
import {
  type DirectTerms,
  formatCapabilities,
  type FormatCapabilitiesOptions,
  type GroupPlace,
} from "../wire/capabilities.ts";
import { MAX_NAME_BYTES } from "../wire/limits.ts";
import type { Handshake } from "../wire/messages.ts";
import { assertToken } from "./authenticator.ts";
import { encodeHttpService } from "./http_service.ts";
import type { ClientOptions, ServiceOptions } from "./options.ts";
import { PROTOCOL_VERSION } from "./server_session.ts";

/** What a server is told in the handshake. */
export interface Introduction {
  /** Empty when there is a key in its place. */
  readonly token: string;
  /** Proves who the client is. */
  readonly key?: PrivateKey | undefined;
  readonly tunnelId: string;
  /** Tells this process from another with the same tunnel id. */
  readonly instance: string;
  /** Its place among parallel connections; undefined for the only one. */
  readonly group?: GroupPlace | undefined;
  /** How it takes connections for one visitor each; undefined when no service of it wants any. */
  readonly direct?: DirectTerms | undefined;
}

/**
 * Makes the introduction of a client.
 *
 * @param options What the client is told.
 * @param hostname Name of this machine.
 * @throws {TypeError} without services, with a name used twice, with a name, token or service that cannot be sent, or with a
 * key that is none
 */
export function introduce(options: ClientOptions, hostname: string): Introduction {
  const { services, tunnelId } = options;
  assertServices(services);
  if (tunnelId !== undefined) assertSendable("tunnel id", tunnelId);
  return {
    ...credentialOf(options),
    tunnelId: tunnelId ?? defaultTunnelId(hostname, services),
    instance: randomBytes(16).toString("hex"),
  };
}

/** The first message on a connection. @param more What the client can do there, beside proving who it is. */
export function helloOf(
  { token, key, tunnelId, instance }: Introduction,
  more: Omit<FormatCapabilitiesOptions, "instance" | "key">,
): Handshake {
  return {
    type: "handshake",
    token,
    tunnelId,
    minVersion: PROTOCOL_VERSION,
    maxVersion: PROTOCOL_VERSION,
    capabilities: formatCapabilities({ ...more, instance, key: key && { id: key.publicKey.id } }),
  };
}

/** @throws {TypeError} without services, with a name used twice, or with a service that cannot be sent */
export function assertServices(services: readonly ServiceOptions[]): void {
  if (services.length === 0) throw new TypeError("A client needs at least one service");
  const names = new Set(services.map(({ name }) => name));
  if (names.size < services.length) throw new TypeError("Two services have the same name");
  for (const service of services) {
    assertSendable("service name", service.name);
    if (service.kind === "http") encodeHttpService(service);
  }
}

function credentialOf({ token, privateKey }: ClientOptions): Pick<Introduction, "token" | "key"> {
  if ((token === undefined) === (privateKey === undefined)) {
    throw new TypeError("A client needs either a token or a key");
  }
  if (token !== undefined) {
    assertToken(token);
    return { token };
  }
  const key = parsePrivateKey(privateKey ?? "");
  if (key === undefined) throw new TypeError("The private key is not one for Ed25519 in PEM");
  return { token: "", key };
}

/** What a name is made of is for the server to judge; this is what the wire can carry. */
function assertSendable(what: string, name: string): void {
  if (name.isWellFormed() && new TextEncoder().encode(name).length <= MAX_NAME_BYTES) return;
  throw new TypeError(`A ${what} must be well-formed text of at most ${MAX_NAME_BYTES} bytes`);
}

/** The same machine with the same services is the same client, also after a restart. */
function defaultTunnelId(hostname: string, services: readonly ServiceOptions[]): string {
  const text = services.map(({ name, local }) => `${name}=${formatAddress(local)}`).sort().join("\n");
  return `${hostname}-${createHash("sha256").update(text).digest("hex").slice(0, 8)}`;
}
