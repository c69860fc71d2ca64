/**
 * One client at the server: its handshake, and the services it registers.
 *
 * @module
 */
import { randomUUID } from "node:crypto";
import type { CancelTimer } from "../clock.ts";
import { describeError, ProtocolError } from "../errors.ts";
import { HandoverConnection } from "./handover_connection.ts";
import { PacedHandler } from "../mux/paced_handler.ts";
import { Session } from "../mux/session.ts";
import type { OwnerMessage, SessionEnd, SessionEnvironment, SessionOwner } from "../mux/session_types.ts";
import type { MuxStream, StreamHandler } from "../mux/stream.ts";
import { TokenBucket } from "../mux/token_bucket.ts";
import type { Connection } from "../runtime/types.ts";
import { spawn } from "../spawn.ts";
import { type Capabilities, formatCapabilities, parseCapabilities } from "../wire/capabilities.ts";
import type { GoAwayCode } from "../wire/frame.ts";
import type { Handshake, HandshakeStatus, Register, RegisterAck } from "../wire/messages.ts";
import type { DirectPool } from "./direct_pool.ts";
import type { Doorkeeper } from "./doorkeeper.ts";
import type { Grant, GrantSession } from "./grant.ts";
import { KeyChallenge } from "./key_proof.ts";
import type { ServerLimits } from "./options.ts";
import type { Identity } from "./services.ts";
import { SessionTeam, type TeamMember } from "./session_team.ts";

/** The only version of the protocol that there is. */
export const PROTOCOL_VERSION = 1;
/** Every refusal of a token is answered after this long, whatever is wrong with the token. */
export const AUTHENTICATION_FAILURE_DELAY_MS = 250;
/** How long the session that has a tunnel id is given to show that it is alive, when another claims the id. */
export const TAKEOVER_PROBE_MS = 500;
/** Registrations beyond the services it may have that a client can send at once. */
const REFUSED_REGISTRATIONS = 64;

/** All connections of one client. */
export type ClientTeam = SessionTeam<ServerSession>;

/** What a session of the server needs of the server. */
export interface ServerSessionHost {
  readonly environment: SessionEnvironment;
  readonly limits: ServerLimits;
  /** Who may come in. */
  readonly doorkeeper: Doorkeeper;
  /** Who has which service. */
  readonly binder: { withdraw(team: ClientTeam, name: string): RegisterAck };
  /** Fingerprint of the server's own key; undefined without TLS. */
  readonly fingerprint: string | undefined;
  /** Whether one more client can be served. */
  hasRoom(): boolean;
  /** The live client with this tunnel id. */
  teamOf(tunnelId: string): ClientTeam | undefined;
  /** Whether the tunnel id is kept for a client with another token. */
  isReserved(identity: Identity): boolean;
  /** Makes a place for direct connections of the client, which would keep so many ready. */
  directPool(team: ClientTeam, poolSize: number): DirectPool;
  /** The connection is in, as one of its team. */
  joined(session: ServerSession): void;
  /** A handshake was refused. @param reason What more there is to say than the status */
  refused(session: ServerSession, status: HandshakeStatus, reason?: string): void;
  /** Registers a service. Resolves with the answer; never rejects. */
  register(session: ServerSession, message: Register): Promise<RegisterAck>;
  /** The connection takes no new visitors. @param returns Whether its client keeps what it has, for a new connection */
  leaving(session: ServerSession, returns?: boolean): void;
  /** The session is over. */
  left(session: ServerSession, end: SessionEnd): void;
}

/** A connection of a client at the server. */
export class ServerSession implements SessionOwner, TeamMember, GrantSession {
  /** The multiplexed connection. */
  readonly session: Session;
  /** When the connection came, on the clock's scale. */
  readonly since: number;
  readonly #host: ServerSessionHost;
  readonly #connection: HandoverConnection;
  #handshakeSeen = false;
  #cancelRefusal: CancelTimer = () => {};
  /** What a client that says to have a key was asked, until it has answered. */
  #challenge: KeyChallenge | undefined;
  #grant: Grant | undefined;
  #team: ClientTeam | undefined;
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
    this.#connection = new HandoverConnection(connection);
    this.session = new Session(this.#connection, this, { role: "server", limits, environment });
  }

  /** Who the client is; undefined before the handshake is over. */
  get identity(): Identity | undefined {
    return this.#team?.identity;
  }

  /** All connections of the client; undefined before the handshake is over. */
  get team(): ClientTeam | undefined {
    return this.#team;
  }

  /** @inheritdoc */
  get member(): number {
    return this.#capabilities?.group?.member ?? 0;
  }

  /** Whether the client can serve several services by name. */
  get namesServices(): boolean {
    return this.#capabilities?.services ?? false;
  }

  /** The token or key with which the client came; undefined before that is checked. */
  get grant(): Grant | undefined {
    return this.#grant;
  }

  /** @inheritdoc */
  revoke(reason: string): void {
    this.session.send({ type: "error", streamId: undefined, code: "authentication_failed", message: reason });
    void this.session.drain("revoked");
    this.#team?.direct?.end();
    this.session.close(reason, "revoked");
  }

  /** @inheritdoc */
  lackOfRoom(): string | undefined {
    const full = this.#grant?.lackOfStreams;
    if (full !== undefined) this.#host.environment.counters.add("limits_hit", { label: "token_max_streams" });
    return full;
  }

  /** @inheritdoc */
  paced(stream: MuxStream, handler: StreamHandler): StreamHandler | undefined {
    const pacers = this.#grant?.pacers;
    const { pool } = this.#host.environment;
    return pacers === undefined ? undefined : new PacedHandler({ stream, handler, pacers, pool });
  }

  /** Makes room for a new session of the same client. */
  replace(): void {
    void this.session.drain("replaced");
    this.session.close("The same client connected again", "replaced");
  }

  /** @inheritdoc */
  message(message: OwnerMessage): void {
    if (message.type === "handshake") return this.#handshake(message);
    if (this.#team === undefined) {
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
  idsRunOut(): void {
    const reason = "The stream ids are used up";
    spawn(async () => {
      await Promise.resolve(); // Whoever has opened the last stream is to have it first.
      if (this.session.extended) {
        this.#host.leaving(this, true);
        await this.session.drain("stream_ids_used_up");
      }
      this.session.close(reason);
    }, (error) => this.session.close(String(error)));
  }

  /** @inheritdoc */
  ended(end: SessionEnd): void {
    this.#cancelRefusal();
    this.#grant?.left(this);
    this.#host.left(this, end);
  }

  #handshake(message: Handshake): void {
    if (this.#challenge !== undefined) return this.#proof(message, this.#challenge);
    if (this.#handshakeSeen) throw new ProtocolError("second_handshake", "Received a second handshake");
    this.#handshakeSeen = true;
    if (message.minVersion > message.maxVersion) return this.#refuse("unsupported_version");
    if (message.minVersion > PROTOCOL_VERSION || message.maxVersion < PROTOCOL_VERSION) {
      return this.#refuse("version_mismatch");
    }
    const address = this.session.connection.remote.hostname;
    if (this.#host.doorkeeper.isShutOut(address)) return this.#refuse("rate_limited");
    if (message.token === "") {
      const { key } = parseCapabilities(message.capabilities);
      if (key !== undefined && "id" in key) return this.#ask(new KeyChallenge(message, key.id));
    }
    const grant = this.#host.doorkeeper.checkToken(message.token, address);
    if (grant === undefined) return this.#refuseLate("invalid_token");
    this.#authenticated(message, grant);
  }

  /** Whoever says to have a key is asked for a proof, whether there is such a key or not. */
  #ask(challenge: KeyChallenge): void {
    this.#challenge = challenge;
    this.session.send(challenge.message);
  }

  #proof(message: Handshake, challenge: KeyChallenge): void {
    this.#challenge = undefined;
    const { doorkeeper, fingerprint } = this.#host;
    const address = this.session.connection.remote.hostname;
    if (doorkeeper.isShutOut(address)) return this.#refuse("rate_limited");
    const grant = challenge.check(message, { grants: doorkeeper.grants, fingerprint });
    if (grant !== undefined) return this.#authenticated(challenge.hello, grant);
    doorkeeper.failed(address);
    this.#refuseLate("invalid_token");
  }

  /** The client has come with this token or key. */
  #authenticated(message: Handshake, grant: Grant): void {
    const capabilities = parseCapabilities(message.capabilities);
    this.#capabilities = capabilities;
    if (grant.refusal !== undefined) return this.#refuseLate("invalid_token", grant.refusal);
    this.#grant = grant;
    const identity = { tokenName: grant.name, tunnelId: message.tunnelId ?? randomUUID() };
    if (capabilities.direct !== undefined && "session" in capabilities.direct) {
      return this.#carryVisitor(identity, { ...capabilities, session: capabilities.direct.session });
    }
    spawn(() => this.#claimId(identity, capabilities), (error) => this.session.close(String(error)));
  }

  /** Every refusal of a token takes as long, whatever is wrong with it. */
  #refuseLate(status: HandshakeStatus, reason?: string): void {
    const refuse = (): void => this.#refuse(status, reason);
    this.#cancelRefusal = this.#host.environment.clock.setTimer(refuse, AUTHENTICATION_FAILURE_DELAY_MS);
  }

  /** The connection becomes one of its owner's that carry a visitor each, and this session is over. */
  #carryVisitor(
    identity: Identity,
    { instance, session }: Capabilities & { readonly session: string },
  ): void {
    const team = this.#host.teamOf(identity.tunnelId);
    const pool = team?.direct;
    const owned = team !== undefined && team.identity.tokenName === identity.tokenName &&
      team.instance !== undefined && team.instance === instance && team.idText === session;
    if (!owned || pool === undefined) return this.#refuse("tunnel_id_taken");
    if (!pool.hasRoom) {
      this.#host.environment.counters.add("limits_hit", { label: "max_direct_pool" });
      return this.#refuse("rate_limited");
    }
    const connection = this.#connection.take();
    this.session.close("The connection is for a visitor");
    pool.add(connection, team);
  }

  /** An id belongs to one live client. That one itself takes it back at once; anybody else only when it is dead. */
  async #claimId(identity: Identity, capabilities: Capabilities): Promise<void> {
    const { instance, group } = capabilities;
    while (!this.session.over) {
      const existing = this.#host.teamOf(identity.tunnelId);
      if (existing === undefined) break;
      if (existing.identity.tokenName !== identity.tokenName) return this.#refuse("tunnel_id_taken");
      const same = instance !== undefined && existing.instance === instance;
      if (same && group !== undefined && existing.grouped) return this.#join(existing, capabilities);
      const members = [...existing.members()];
      if (!same && await someAreAlive(members)) return this.#refuse("tunnel_id_taken");
      for (const member of members) member.replace();
    }
    if (this.session.over) return;
    if (this.#host.isReserved(identity)) return this.#refuse("tunnel_id_taken");
    this.#join(new SessionTeam({ identity, instance, grouped: group !== undefined }), capabilities);
  }

  #join(team: ClientTeam, capabilities: Capabilities): void {
    const { maxSessionConnections } = this.#host.limits;
    const member = capabilities.group?.member ?? 0;
    if (member >= maxSessionConnections) return this.#refuse("rate_limited");
    const before = team.member(member);
    const { refusal, lackOfConnections } = this.#grant ?? {};
    if (refusal !== undefined) return this.#refuse("invalid_token", refusal);
    if (before === undefined && lackOfConnections !== undefined) {
      this.#host.environment.counters.add("limits_hit", { label: "token_max_connections" });
      return this.#refuse("rate_limited", lackOfConnections);
    }
    // Asked last: a client that takes its own connection over needs no more room than it has.
    if (before === undefined && !this.#host.hasRoom()) return this.#refuse("rate_limited");
    this.#accept(team, capabilities);
    before?.replace();
  }

  /** A client of version 1 answers no heartbeat: it lives until its session's own deadline says otherwise. */
  isAlive(): Promise<boolean> {
    return this.session.extended
      ? this.session.probe(TAKEOVER_PROBE_MS)
      : Promise.resolve(!this.session.over);
  }

  #accept(team: ClientTeam, capabilities: Capabilities): void {
    this.#team = team;
    const { limits } = this.#host;
    const { group, direct } = capabilities;
    if (direct !== undefined && "pool" in direct) team.direct ??= this.#host.directPool(team, direct.pool);
    const extended = capabilities.window !== undefined;
    const named = formatCapabilities({
      window: extended ? limits.windowBytes : undefined,
      services: capabilities.services,
      withdraw: capabilities.services && capabilities.withdraw,
      group: group && { ...group, of: Math.min(group.of, limits.maxSessionConnections) },
      direct: direct && team.direct && { pool: team.direct.maxIdle },
    });
    this.session.send({
      type: "handshake_ack",
      sessionId: team.id,
      status: "success",
      version: PROTOCOL_VERSION,
      capabilities: named,
    });
    // In version 1 only the client sends heartbeats.
    this.session.establish({ peerWindowBytes: capabilities.window, beats: extended });
    team.add(this);
    this.#grant?.joined(this);
    this.#host.joined(this);
  }

  #refuse(status: HandshakeStatus, reason?: string): void {
    if (this.session.over) return;
    this.#host.refused(this, status, reason);
    // A client of version 1 would not know what to do with a word before the answer.
    if (reason !== undefined && this.#capabilities?.instance !== undefined) {
      this.session.send({
        type: "error",
        streamId: undefined,
        code: "authentication_failed",
        message: reason,
      });
    }
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
      const team = this.#team;
      if (this.session.over || team === undefined) return;
      const withdraws = this.#capabilities?.withdraw === true && message.metadata.has("withdraw");
      this.session.send(
        withdraws
          ? this.#host.binder.withdraw(team, message.serviceName)
          : await this.#host.register(this, message),
      );
    }).catch((error) => this.session.close(describeError(error)));
  }
}

async function someAreAlive(members: readonly ServerSession[]): Promise<boolean> {
  return (await Promise.all(members.map((member) => member.isAlive()))).includes(true);
}
