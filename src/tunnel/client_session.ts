/**
 * One connection of a client to its server: the handshake, the registrations, and the streams that the server opens.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { ProtocolError, TunnelError, type TunnelErrorCode } from "../errors.ts";
import type { Logger } from "../log.ts";
import { Session } from "../mux/session.ts";
import type { OwnerMessage, SessionEnd, SessionOwner } from "../mux/session_types.ts";
import type { MuxStream } from "../mux/stream.ts";
import type { Connection, Runtime } from "../runtime/types.ts";
import { spawn } from "../spawn.ts";
import { type Capabilities, type GroupPlace, parseCapabilities } from "../wire/capabilities.ts";
import type { GoAwayCode } from "../wire/frame.ts";
import type {
  Handshake,
  HandshakeAck,
  HandshakeStatus,
  Protocol,
  Register,
  RegisterAck,
} from "../wire/messages.ts";
import type { TunnelEnvironment } from "./environment.ts";
import { encodeHttpService } from "./http_service.ts";
import { helloOf, type Introduction } from "./introduction.ts";
import { answerChallenge } from "./key_proof.ts";
import { dialService, reportUnreachable } from "./local_service.ts";
import type { ClientLimits, ServiceOptions } from "./options.ts";
import { Relay } from "./relay.ts";
import { PROTOCOL_VERSION } from "./server_session.ts";
import { Slots } from "./slots.ts";

/** What a session of the client needs of the client. */
export interface ClientSessionHost {
  readonly environment: TunnelEnvironment;
  readonly limits: ClientLimits;
  readonly runtime: Runtime;
  readonly logger: Logger;
  readonly services: ReadonlyMap<string, ServiceOptions>;
  /** The server takes no new streams on this session. */
  goingAway(session: ClientSession, code: GoAwayCode): void;
  /** The server has visitors that wait for direct connections. */
  directWanted(session: ClientSession, count: number): void;
  /** The session is over. */
  left(session: ClientSession, end: SessionEnd): void;
}

/** What the server has agreed to. */
export interface Agreement {
  /** Names the client's connections at the server: the same for all that are joined. In hexadecimal. */
  readonly sessionId: string;
  /** The place among parallel connections; undefined when the server takes only one. */
  readonly group: GroupPlace | undefined;
  /** How many connections without a visitor the server keeps; undefined when it knows none. */
  readonly directPool: number | undefined;
}

/** The server's answer to a registration. */
export interface Registration {
  readonly publicUrl: string | undefined;
  /** Why it was refused. */
  readonly error: string | undefined;
  /** Whether asking again later may help. */
  readonly temporary: boolean;
}

const REFUSALS: Readonly<Record<Exclude<HandshakeStatus, "success">, readonly [TunnelErrorCode, string]>> = {
  "invalid_token": [
    "AUTHENTICATION",
    "The server refused the token; compare it with the server's configuration",
  ],
  "unsupported_version": [
    "VERSION",
    "The server does not support this version of the protocol; update the older of the two",
  ],
  "version_mismatch": [
    "VERSION",
    "Server and client have no protocol version in common; update the older of the two",
  ],
  "rate_limited": ["LIMIT", "The server takes no more clients from here at the moment"],
  "tunnel_id_taken": ["TAKEN", "The tunnel id is in use by another client; choose another one (--tunnel-id)"],
};

const KEY_REFUSED: readonly [TunnelErrorCode, string] = [
  "AUTHENTICATION",
  "The server refused the key, or is too old to know keys; compare the public key with the server's configuration",
];

/** A connection to the server. */
export class ClientSession implements SessionOwner {
  /** The multiplexed connection. */
  readonly session: Session;
  readonly #host: ClientSessionHost;
  readonly #introduction: Introduction;
  #capabilities: Capabilities | undefined;
  #established: ((answer: HandshakeAck) => void) | undefined;
  #refused: ((error: Error) => void) | undefined;
  /** Registrations without an answer, in the order in which they were sent. */
  #registrations: ((answer: RegisterAck | undefined) => void)[] = [];
  #lastError: string | undefined;
  /** What was said first, until a proof that it was right was asked for. */
  #hello: Handshake | undefined;
  /**
   * Local connections, from the dial until they are really closed. A stream that is closed in between does not free its
   * slot, so that opening and closing streams quickly cannot dial without bound.
   */
  readonly #locals: Slots;
  readonly #leave = (): void => this.#locals.leave();

  /** @param connection Not started yet. @param introduction What the server is told. @param host The client. */
  constructor(connection: Connection, introduction: Introduction, host: ClientSessionHost) {
    this.#host = host;
    this.#introduction = introduction;
    const { environment, limits } = host;
    this.#locals = new Slots(limits.maxStreams);
    this.session = new Session(connection, this, { role: "client", limits, environment });
  }

  /** What the server has said last about an error. */
  get lastError(): string | undefined {
    return this.#lastError;
  }

  /** Whether the server knows several services on one connection. */
  get namesServices(): boolean {
    return this.#capabilities?.services ?? false;
  }

  /**
   * Introduces the client.
   *
   * @returns what the server has agreed to
   * @throws {TunnelError} when the server refuses or the connection is lost
   */
  async handshake(): Promise<Agreement> {
    const { group, direct } = this.#introduction;
    const { windowBytes: window } = this.#host.limits;
    const hello = helloOf(this.#introduction, { window, services: true, group, direct, withdraw: true });
    const answer = await new Promise<HandshakeAck>((resolve, reject) => {
      this.#established = resolve;
      this.#refused = reject;
      this.#hello = hello;
      this.session.send(hello);
    });
    return {
      sessionId: Buffer.from(answer.sessionId).toString("hex"),
      group: group === undefined ? undefined : this.#capabilities?.group,
      directPool: this.#directPool,
    };
  }

  /** How many direct connections without a visitor the server keeps, if both sides know them. */
  get #directPool(): number | undefined {
    const terms = this.#capabilities?.direct;
    if (this.#introduction.direct === undefined || terms === undefined) return undefined;
    return "pool" in terms ? terms.pool : undefined;
  }

  /** Asks for a service. Never rejects. */
  async register(service: ServiceOptions): Promise<Registration> {
    if (!this.namesServices) return this.#registerUnnamed(service);
    const { name, kind } = service;
    const metadata = describeService(service, this.#directPool !== undefined);
    const answer = await this.#ask({ type: "register", serviceName: name, protocol: kind, metadata });
    if (answer === undefined) {
      return { publicUrl: undefined, error: "The connection was lost", temporary: true };
    }
    const { publicUrl, status } = answer;
    if (status === "success") return { publicUrl, error: undefined, temporary: false };
    return { publicUrl: undefined, error: publicUrl || status, temporary: status === "service_name_taken" };
  }

  /** Takes a service back. Never rejects. @returns false when the server does not know how */
  async withdraw(name: string): Promise<boolean> {
    if (this.#capabilities?.withdraw !== true) return false;
    const metadata = new Map([["withdraw", ""]]);
    await this.#ask({ type: "register", serviceName: name, protocol: "tcp", metadata });
    return true;
  }

  /** Answers come in the order of the questions; none when the connection is lost. */
  #ask(question: Register): Promise<RegisterAck | undefined> {
    return new Promise((resolve) => {
      if (this.session.over) return resolve(undefined);
      this.#registrations.push(resolve);
      this.session.send(question);
    });
  }

  /** @inheritdoc */
  message(message: OwnerMessage): void {
    switch (message.type) {
      case "handshake_ack":
        return this.#handshakeAnswered(message);
      case "register_ack": {
        const answer = this.#registrations.shift();
        if (answer === undefined) {
          throw new ProtocolError("unasked_answer", "Received register_ack without a question");
        }
        return answer(message);
      }
      case "error":
        this.#lastError = message.message;
        return;
      case "plugin_data":
        return;
      case "direct_wanted":
        if (this.#directPool === undefined) {
          throw new ProtocolError(
            "direct_not_agreed",
            "Received direct_wanted without the capability for it",
          );
        }
        return this.#host.directWanted(this, message.count);
      default:
        throw new ProtocolError("unexpected_message", `A server does not send ${message.type}`);
    }
  }

  /** @inheritdoc */
  peerOpened(stream: MuxStream): string | undefined {
    const { services, environment } = this.#host;
    const name = stream.header("service");
    // Only what this client's own configuration names is ever dialled, whatever the server asks for.
    const service = name === undefined ? this.#unnamed(stream.protocol) : services.get(name);
    if (service === undefined) return `No service ${JSON.stringify(name ?? "")} here`;
    let giveUp = (): void => {};
    const relay = new Relay(stream, {
      environment,
      onStreamClosed: () => giveUp(),
      onSocketClosed: this.#leave,
    });
    giveUp = this.#locals.enter(() =>
      spawn(
        () => this.#joinLocal(stream, relay, service),
        (error) => this.#localFailed(stream, service, error),
      )
    );
    return undefined;
  }

  /** @inheritdoc */
  goAway(code: GoAwayCode): void {
    this.#host.goingAway(this, code);
  }

  /** @inheritdoc */
  ended(end: SessionEnd): void {
    const message = this.#lastError === undefined ? end.message : `${end.message}: ${this.#lastError}`;
    this.#refused?.(new TunnelError(end.code === "protocol_error" ? "PROTOCOL" : "CONNECTION", message));
    for (const answer of this.#registrations) answer(undefined);
    this.#registrations = [];
    this.#host.left(this, { ...end, message });
  }

  /** Answers a server that asks for a proof. @returns whether it did, for the first time */
  #prove(answer: HandshakeAck): boolean {
    const hello = this.#hello;
    this.#hello = undefined;
    if (hello === undefined) return false;
    const { peerFingerprint: fingerprint } = this.session.connection;
    const proof = answerChallenge({ key: this.#introduction.key, hello, answer, fingerprint });
    if (proof !== undefined) this.session.send(proof);
    return proof !== undefined;
  }

  #handshakeAnswered(message: HandshakeAck): void {
    const { status, version } = message;
    const established = this.#established;
    if (established === undefined) {
      throw new ProtocolError("unasked_answer", "Received a second handshake_ack");
    }
    if (this.#prove(message)) return;
    this.#established = undefined;
    if (status === "success" && version !== PROTOCOL_VERSION) {
      throw new ProtocolError(
        "version_not_offered",
        `The server chose version ${version}, which was not offered`,
      );
    }
    if (status !== "success") {
      const withKey = status === "invalid_token" && this.#introduction.key !== undefined;
      const [code, text] = withKey ? KEY_REFUSED : REFUSALS[status];
      this.#refused?.(new TunnelError(code, this.#lastError ?? text));
      this.#refused = undefined;
      return this.session.close(`The server refused the handshake: ${status}`);
    }
    this.#capabilities = parseCapabilities(message.capabilities);
    this.#refused = undefined;
    this.session.establish({ peerWindowBytes: this.#capabilities.window, beats: true });
    established(message);
  }

  /**
   * What a stream is for that names no service. A server that cannot name any means the first that may be on its own port: for
   * requests the first of HTTP, where there is one.
   */
  #unnamed(protocol: Protocol): ServiceOptions | undefined {
    const services = [...this.#host.services.values()];
    if (this.namesServices) return services.length === 1 ? services[0] : undefined;
    const http = services.find(({ kind }) => kind === "http");
    const tcp = services.find((service) => service.kind === "tcp" && service.remotePort === undefined);
    return protocol === "tcp" ? tcp ?? http : http ?? tcp;
  }

  #registerUnnamed(service: ServiceOptions): Registration {
    const shown = this.#unnamed(service.kind);
    if (service === shown) return { publicUrl: undefined, error: undefined, temporary: false };
    const remedy = service.kind === "tcp" && service.remotePort !== undefined
      ? "; give it no remote port"
      : `, which is ${shown?.name}`;
    const error = `This server shows one service of a client, on the server's own port${remedy}`;
    return { publicUrl: undefined, error, temporary: false };
  }

  async #joinLocal(stream: MuxStream, relay: Relay, service: ServiceOptions): Promise<void> {
    const connection = await dialService(service, this.#host);
    stream.accept();
    relay.join(connection); // Closes it if the stream is over.
  }

  #localFailed(stream: MuxStream, service: ServiceOptions, error: unknown): void {
    const { environment, logger } = this.#host;
    this.#locals.leave();
    reportUnreachable(service, { environment, logger, error });
    stream.reset({ kind: "local_service_unreachable" });
  }
}

/** What a server is told of a service beside its name and kind. */
function describeService(service: ServiceOptions, direct: boolean): Map<string, string> {
  if (service.kind === "http") return encodeHttpService(service);
  const { remotePort, mode } = service;
  const metadata = new Map<string, string>();
  if (remotePort !== undefined) metadata.set("remote_port", String(remotePort));
  if (direct && mode === "direct") metadata.set("mode", mode);
  return metadata;
}
