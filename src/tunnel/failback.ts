/**
 * Goes back to the first of several servers once it can be reached again.
 *
 * @module
 */
import type { CancelTimer } from "../clock.ts";
import { describeError } from "../errors.ts";
import { formatAddress } from "../format_address.ts";
import type { Logger } from "../log.ts";
import type { SocketAddress } from "../runtime/types.ts";
import { spawn } from "../spawn.ts";
import type { Established } from "./connection_keeper.ts";
import type { TunnelEnvironment } from "./environment.ts";
import type { ClientLimits } from "./options.ts";

/** What a {@linkcode Failback} needs of the client. */
export interface FailbackHost {
  readonly environment: TunnelEnvironment;
  readonly limits: ClientLimits;
  readonly logger: Logger;
  /** The server that is better than the present one; undefined when that is the best. */
  preferredServer(): SocketAddress | undefined;
  /** Makes a whole connection: that a server accepts one says little about whether it serves. */
  connect(server: SocketAddress): Promise<Established>;
  /** Moves there. */
  moveTo(established: Established): void;
  /** A mistake in the program. */
  failed(error: unknown): void;
}

/** Tries the preferred server again and again, from {@linkcode Failback.begin} until {@linkcode Failback.stop}. */
export class Failback {
  readonly #host: FailbackHost;
  #cancelTimer: CancelTimer = () => {};
  /** Counts beginnings, so that an attempt that comes late knows that it is not wanted. */
  #round = 0;

  /** @param host The client. */
  constructor(host: FailbackHost) {
    this.#host = host;
  }

  /** The client has come to a server. */
  begin(): void {
    this.stop();
    if (this.#host.preferredServer() === undefined) return;
    const { environment: { clock }, limits: { failbackIntervalMs } } = this.#host;
    this.#cancelTimer = clock.setTimer(
      () => spawn(() => this.#try(), (error) => this.#host.failed(error)),
      failbackIntervalMs,
    );
  }

  /** The client has lost its server, or stops. */
  stop(): void {
    this.#round++;
    this.#cancelTimer();
  }

  async #try(): Promise<void> {
    const server = this.#host.preferredServer();
    const round = this.#round;
    if (server === undefined) return;
    let established: Established;
    try {
      established = await this.#host.connect(server);
    } catch (error) {
      this.#host.logger.debug("Not going back to {server} yet: {reason}", {
        server: formatAddress(server),
        reason: describeError(error),
      });
      if (round === this.#round) this.begin();
      return;
    }
    if (round === this.#round) this.#host.moveTo(established);
    else established.session.session.close("The client is somewhere else");
  }
}
