/**
 * One client at the server: its handshake, and the services it registers.
 *
 * @module
 */
import { randomBytes, randomUUID } from "node:crypto";
import type { CancelTimer } from "../clock.ts";
import { describeError, ProtocolError } from "../errors.ts";
import { Session } from "../mux/session.ts";
import type { OwnerMessage, SessionEnd, SessionEnvironment, SessionOwner } from "../mux/session_types.ts";
import { TokenBucket } from "../mux/token_bucket.ts";
import type { Connection } from "../runtime/types.ts";
import { spawn } from "../spawn.ts";
import { type Capabilities, formatCapabilities, parseCapabilities } from "../wire/capabilities.ts";
import type { GoAwayCode } from "../wire/frame.ts";
import type { Handshake, HandshakeStatus, Register, RegisterAck } from "../wire/messages.ts";
import type { ServerLimits } from "./options.ts";
import type { Identity } from "./services.ts";

/** The only version of the protocol that there is. */
export const PROTOCOL_VERSION = 1;
/** Every refusal of a token is answered after this long, whatever is wrong with the token. */
export const AUTHENTICATION_FAILURE_DELAY_MS = 250;
/** How long the session that has a tunnel id is given to show that it is alive, when another claims the id. */
export const TAKEOVER_PROBE_MS = 500;
/** Registrations beyond the services it may have that a client can send at once. */
const REFUSED_REGISTRATIONS = 64;

/** What a session of the server needs of the server. */
export interface ServerSessionHost {
  readonly environment: SessionEnvironment;
  readonly limits: ServerLimits;
  /** Whether handshakes from this address are refused for now. */
  isShutOut(address: string): boolean;
  /** The name of the token, or undefined when there is no such token. Counts failures by address. */
  checkToken(token: string, address: string): string | undefined;
  /** Whether one more client can be served. */
  hasRoom(): boolean;
  /** The live session with this tunnel id. */
  sessionOf(tunnelId: string): ServerSession | undefined;
  /** Whether the tunnel id is kept for a client with another token. */
  isReserved(identity: Identity): boolean;
  /** The client is in. */
  joined(session: ServerSession): void;
  /** A handshake was refused. */
  refused(session: ServerSession, status: HandshakeStatus): void;
  /** Registers a service. Resolves with the answer; never rejects. */
  register(session: ServerSession, message: Register): Promise<RegisterAck>;
  /** The client takes no new visitors. */
  leaving(session: ServerSession): void;
  /** The session is over. */
  left(session: ServerSession, end: SessionEnd): void;
}

/** A client at the server. */
export class ServerSession implements SessionOwner {
  /** The multiplexed connection. */
  readonly session: Session;
  /** When the connection came, on the clock's scale. */
  readonly since: number;
  readonly #host: ServerSessionHost;
  #handshakeSeen = false;
  #cancelRefusal: CancelTimer = () => {};
  #identity: Identity | undefined;
  #capabilities: Capabilities | undefined;
  #registrations: Promise<void> = Promise.resolve();
  readonly #registerBudget: TokenBucket;

  /** @param connection Not started yet. @param host The server. */
  constructor(connection: Connection, host: ServerSessionHost) {
    this.#host = host;
    this.since = host.environment.clock.now();
    const { environment, limits } = host;
    const budget = { burst: limits.maxServices + REFUSED_REGISTRATIONS, perSecond: limits.maxServices };
    this.#registerBudget = new TokenBucket(budget, () => environment.clock.now());
    this.session = new Session(connection, this, { role: "server", limits, environment });
  }

  /** Who the client is; undefined before the handshake is over. */
  get identity(): Identity | undefined {
    return this.#identity;
  }

  /** Whether the client can serve several services by name. */
  get namesServices(): boolean {
    return this.#capabilities?.services ?? false;
  }

  /** Makes room for a new session of the same client. */
  replace(): void {
    void this.session.drain("replaced");
    this.session.close("The same client connected again", "replaced");
  }

  /** @inheritdoc */
  message(message: OwnerMessage): void {
    if (message.type === "handshake") return this.#handshake(message);
    if (this.#identity === undefined) {
      throw new ProtocolError("not_authenticated", `Received ${message.type} in place of a handshake`);
    }
    if (message.type === "register") return this.#register(message);
    if (message.type === "error" || message.type === "plugin_data") return; // Nothing here depends on them.
    throw new ProtocolError("unexpected_message", `A client does not send ${message.type}`);
  }

  /** @inheritdoc */
  peerOpened(): string {
    return "This server takes no streams from clients";
  }

  /** @inheritdoc */
  goAway(_code: GoAwayCode): void {
    this.#host.leaving(this);
  }

  /** @inheritdoc */
  ended(end: SessionEnd): void {
    this.#cancelRefusal();
    this.#host.left(this, end);
  }

  #handshake(message: Handshake): void {
    if (this.#handshakeSeen) throw new ProtocolError("second_handshake", "Received a second handshake");
    this.#handshakeSeen = true;
    if (message.minVersion > message.maxVersion) return this.#refuse("unsupported_version");
    if (message.minVersion > PROTOCOL_VERSION || message.maxVersion < PROTOCOL_VERSION) {
      return this.#refuse("version_mismatch");
    }
    const address = this.session.connection.remote.hostname;
    if (this.#host.isShutOut(address)) return this.#refuse("rate_limited");
    const tokenName = this.#host.checkToken(message.token, address);
    if (tokenName === undefined) {
      const { clock } = this.#host.environment;
      const refuse = (): void => this.#refuse("invalid_token");
      this.#cancelRefusal = clock.setTimer(refuse, AUTHENTICATION_FAILURE_DELAY_MS);
      return;
    }
    const capabilities = parseCapabilities(message.capabilities);
    const identity = { tokenName, tunnelId: message.tunnelId ?? randomUUID() };
    spawn(() => this.#claimId(identity, capabilities), (error) => this.session.close(String(error)));
  }

  /** An id belongs to one live session. Its own client takes it back at once; anybody else only when it is dead. */
  async #claimId(identity: Identity, capabilities: Capabilities): Promise<void> {
    while (!this.session.over) {
      const existing = this.#host.sessionOf(identity.tunnelId);
      if (existing === undefined) break;
      if (existing.#identity?.tokenName !== identity.tokenName) return this.#refuse("tunnel_id_taken");
      const { instance } = capabilities;
      const same = instance !== undefined && existing.#capabilities?.instance === instance;
      if (!same && await existing.#isAlive()) return this.#refuse("tunnel_id_taken");
      existing.replace();
    }
    if (this.session.over) return;
    if (this.#host.isReserved(identity)) return this.#refuse("tunnel_id_taken");
    // Asked last: a client that takes its own session over needs no more room than it has.
    if (!this.#host.hasRoom()) return this.#refuse("rate_limited");
    this.#accept(identity, capabilities);
  }

  /** A client of version 1 answers no heartbeat: it lives until its session's own deadline says otherwise. */
  #isAlive(): Promise<boolean> {
    return this.session.extended
      ? this.session.probe(TAKEOVER_PROBE_MS)
      : Promise.resolve(!this.session.over);
  }

  #accept(identity: Identity, capabilities: Capabilities): void {
    this.#identity = identity;
    this.#capabilities = capabilities;
    const extended = capabilities.window !== undefined;
    const named = formatCapabilities({
      window: extended ? this.#host.limits.windowBytes : undefined,
      services: capabilities.services,
    });
    const sessionId = new Uint8Array(randomBytes(16));
    this.session.send({
      type: "handshake_ack",
      sessionId,
      status: "success",
      version: PROTOCOL_VERSION,
      capabilities: named,
    });
    // In version 1 only the client sends heartbeats.
    this.session.establish({ peerWindowBytes: capabilities.window, beats: extended });
    this.#host.joined(this);
  }

  #refuse(status: HandshakeStatus): void {
    if (this.session.over) return;
    this.#host.refused(this, status);
    this.session.send({
      type: "handshake_ack",
      sessionId: new Uint8Array(16),
      status,
      version: 0,
      capabilities: [],
    });
    this.session.close(`The handshake was refused: ${status}`);
  }

  #register(message: Register): void {
    if (!this.namesServices) {
      throw new ProtocolError("services_not_agreed", "Received register without the capability for it");
    }
    if (!this.#registerBudget.take()) {
      throw new ProtocolError("register_flood", "Received too many registrations");
    }
    // One after the other: answers carry no name, their order is that of the questions.
    this.#registrations = this.#registrations.then(async () => {
      if (this.session.over) return;
      this.session.send(await this.#host.register(this, message));
    }).catch((error) => this.session.close(describeError(error)));
  }
}
