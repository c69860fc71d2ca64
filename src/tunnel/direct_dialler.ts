/**
 * The client's side of connections that carry one visitor each: keeps some ready, and joins each with its service.
 *
 * @module
 */
import type { CancelTimer } from "../clock.ts";
import { describeError, ProtocolError, TunnelError } from "../errors.ts";
import type { Connection, SocketAddress } from "../runtime/types.ts";
import { spawn } from "../spawn.ts";
import type { CloseReason, ControlMessage, Handshake, OpenStream } from "../wire/messages.ts";
import { Backoff } from "./backoff.ts";
import type { KeeperHost } from "./connection_keeper.ts";
import { DIRECT_STREAM_ID, DirectLink } from "./direct_link.ts";
import { HandoverConnection } from "./handover_connection.ts";
import { helloOf, type Introduction } from "./introduction.ts";
import { answerChallenge } from "./key_proof.ts";
import { dialService, reportUnreachable } from "./local_service.ts";
import type { ServiceOptions } from "./options.ts";
import type { Splices } from "./splices.ts";

/** What a {@linkcode DirectDialler} needs of the client. */
export type DirectDiallerHost = Pick<
  KeeperHost,
  "environment" | "limits" | "runtime" | "logger" | "services" | "dialler" | "random"
>;

/** Options of {@linkcode DirectDialler}. */
export interface DirectDiallerOptions {
  readonly host: DirectDiallerHost;
  readonly introduction: Introduction;
  readonly splices: Splices;
  /** The server that has agreed, and what it calls the client's session. */
  readonly home: { readonly server: SocketAddress; readonly sessionId: string };
  /** Connections that are kept ready. */
  readonly poolSize: number;
}

/** Dials that may be under way at once. What is wanted beyond them waits. */
export const MAX_DIRECT_DIALS = 64;
/** A pool that lasted so long was a success. */
const STABLE_MS = 30_000;

/** Keeps connections ready, from the agreement with the server until the session with it is lost. */
export class DirectDialler {
  readonly #options: DirectDiallerOptions;
  readonly #host: DirectDiallerHost;
  readonly #backoff: Backoff;
  /** Ready, and what gives each up when it has waited long. */
  readonly #idle = new Map<DirectLink, CancelTimer>();
  /** From the dial until the server has answered. */
  readonly #dialling = new Set<DirectLink>();
  /** From the visitor until it was joined; and its service's connection, once there is one. */
  readonly #opening = new Map<DirectLink, Connection | undefined>();
  #dials = 0;
  /** Beyond the pool. */
  #wanted = 0;
  #readySince = Infinity;
  #cancelRetry: CancelTimer | undefined;
  #stopped = false;

  /** @param options Where to dial, how many to keep, and what they are for. */
  constructor(options: DirectDiallerOptions) {
    const { limits, random } = options.host;
    this.#options = options;
    this.#host = options.host;
    this.#backoff = new Backoff({
      minMs: limits.reconnectMinMs,
      maxMs: limits.reconnectMaxMs,
      stableMs: STABLE_MS,
      random,
    });
  }

  /** Connections that are ready. */
  get idle(): number {
    return this.#idle.size;
  }

  /** Begins to dial. */
  start(): void {
    this.#fill();
  }

  /** The server has visitors that wait. */
  wanted(count: number): void {
    // No more than there may be visitors, whatever the server says.
    const present = this.#options.splices.size + this.#opening.size + this.#idle.size + this.#dials;
    const room = Math.max(0, this.#host.limits.maxStreams - present);
    this.#wanted = Math.min(room, this.#wanted + count);
    this.#fill();
  }

  /** Dials no more, and closes what is ready. Visitors that are joined stay. */
  stop(): void {
    this.#stopped = true;
    this.#cancelRetry?.();
    const links = [...this.#idle.keys(), ...this.#dialling, ...this.#opening.keys()];
    for (const link of links) link.connection.close();
  }

  #fill(): void {
    if (this.#stopped || this.#cancelRetry !== undefined) return;
    while (this.#dials < MAX_DIRECT_DIALS) {
      const pooled = this.#idle.size + this.#dials < this.#options.poolSize;
      if (!pooled && this.#wanted === 0) return;
      if (!pooled) this.#wanted--;
      this.#dials++;
      spawn(() => this.#dial(), (error) => this.#failed(error));
    }
  }

  async #dial(): Promise<void> {
    const { limits } = this.#host;
    const connection = await this.#host.dialler.dial(this.#options.home.server);
    if (this.#stopped) return connection.close();
    const { clock, pool } = this.#host.environment;
    let cancel: CancelTimer = () => {};
    const { key } = this.#options.introduction;
    const { peerFingerprint: fingerprint } = connection;
    const hello = this.#handshake();
    let proved = false;
    await new Promise<void>((resolve, reject) => {
      const link: DirectLink = new DirectLink(new HandoverConnection(connection), pool, {
        message: (message, rest) => {
          if (!this.#dialling.has(link)) return this.#visited(link, message, rest);
          const proof = answerChallenge({ key, hello, answer: message, fingerprint });
          if (proof !== undefined && !proved) {
            proved = true;
            link.send(proof);
            return true;
          }
          this.#dialling.delete(link);
          if (message.type !== "handshake_ack" || message.status !== "success") {
            reject(
              new TunnelError(
                "CONNECTION",
                `The server refused a connection for visitors: ${statusOf(message)}`,
              ),
            );
            link.connection.close();
            return false;
          }
          resolve();
          this.#ready(link);
          return true;
        },
        over: (reason) => {
          this.#dialling.delete(link);
          this.#opening.get(link)?.close();
          this.#opening.delete(link);
          this.#forget(link);
          reject(new TunnelError("CONNECTION", reason));
        },
      });
      this.#dialling.add(link);
      link.send(hello);
      cancel = clock.setTimer(() => link.connection.close(), limits.handshakeTimeoutMs);
    }).finally(() => cancel());
  }

  #handshake(): Handshake {
    const { introduction, home } = this.#options;
    const direct = { session: home.sessionId };
    return helloOf(introduction, { window: undefined, services: false, direct });
  }

  #ready(link: DirectLink): void {
    const { clock } = this.#host.environment;
    const { limits: { directIdleMs }, random = Math.random } = this.#host;
    // Those that were made together must not all be missing at the same moment.
    const idleMs = directIdleMs * (0.75 + random() / 4);
    this.#dials--;
    if (this.#readySince === Infinity) this.#readySince = clock.now();
    this.#idle.set(link, clock.setTimer(() => link.connection.close(), idleMs));
  }

  /** It is not ready any more: a visitor has it, or it has ended. */
  #forget(link: DirectLink): void {
    this.#idle.get(link)?.();
    if (this.#idle.delete(link)) this.#fill();
  }

  #failed(error: unknown): void {
    this.#dials--;
    if (this.#stopped || this.#cancelRetry !== undefined) return;
    const { environment: { clock }, logger } = this.#host;
    const lastedMs = clock.now() - this.#readySince;
    this.#readySince = Infinity;
    logger.debug("No connection for visitors could be made: {reason}", { reason: describeError(error) });
    this.#cancelRetry = clock.setTimer(() => {
      this.#cancelRetry = undefined;
      this.#fill();
    }, this.#backoff.failed(lastedMs));
  }

  #visited(link: DirectLink, message: ControlMessage, rest: Uint8Array): boolean {
    if (message.type !== "open_stream" || message.streamId !== DIRECT_STREAM_ID || rest.length > 0) {
      throw new ProtocolError("unexpected_message", `Received ${message.type} in place of a visitor`);
    }
    this.#forget(link);
    const service = this.#serviceOf(message);
    const { splices } = this.#options;
    const { environment, limits } = this.#host;
    if (service === undefined) this.#refuse(link, { kind: "error", message: "No such service here" });
    else if (splices.size + this.#opening.size >= limits.maxStreams) {
      environment.counters.add("limits_hit", { label: "max_streams" });
      this.#refuse(link, { kind: "error", message: "Full" });
    } else {
      this.#opening.set(link, undefined);
      spawn(() => this.#join(link, service), (error) => this.#localFailed(link, { service, error }));
    }
    return false;
  }

  /** Only what the client's own configuration names for this is ever dialled, whatever the server asks for. */
  #serviceOf({ headers }: OpenStream): ServiceOptions | undefined {
    const name = headers.find(([key]) => key === "service")?.[1];
    const service = name === undefined ? undefined : this.#host.services.get(name);
    return service?.kind === "tcp" && service.mode === "direct" ? service : undefined;
  }

  async #join(link: DirectLink, service: ServiceOptions): Promise<void> {
    const local = await dialService(service, this.#host);
    if (!this.#opening.has(link)) return local.close();
    this.#opening.set(link, local); // Closed, should the other one end before the answer is written.
    link.send({ type: "stream_ack", streamId: DIRECT_STREAM_ID, status: "accepted" });
    link.whenWritten(() => {
      this.#opening.delete(link);
      this.#host.environment.counters.add("streams_opened", { label: "direct" });
      this.#options.splices.join({ local, tunnel: link.take(), onClosed: () => {} });
    });
  }

  #localFailed(
    link: DirectLink,
    { service, error }: { readonly service: ServiceOptions; readonly error: unknown },
  ): void {
    const { environment, logger } = this.#host;
    this.#opening.delete(link);
    reportUnreachable(service, { environment, logger, error });
    this.#refuse(link, { kind: "local_service_unreachable" });
  }

  #refuse(link: DirectLink, reason: CloseReason): void {
    link.refuse({ type: "close_stream", streamId: DIRECT_STREAM_ID, reason });
  }
}

function statusOf(message: ControlMessage): string {
  return message.type === "handshake_ack" ? message.status : message.type;
}
