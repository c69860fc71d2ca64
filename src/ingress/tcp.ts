/**
 * Visitors over TCP: every connection on a public port becomes a stream.
 *
 * @module
 */
import { describeError } from "../errors.ts";
import type { Logger } from "../log.ts";
import type { Counters } from "../observe/counters.ts";
import type { Connection, Runtime, SocketAddress } from "../runtime/types.ts";
import type { RelayEnvironment } from "../tunnel/read_buffer.ts";
import { Relay } from "../tunnel/relay.ts";
import type { DirectPool } from "../tunnel/direct_pool.ts";
import type { OpenStream } from "../wire/messages.ts";
import type { VisitorPort, VisitorTarget } from "../tunnel/visitors.ts";
import { formatAddress } from "../format_address.ts";
import type { VisitorPlaces } from "./visitor_places.ts";

/** A direct visitor has a connection to the client of his own. */
const DIRECT_FILES = 2;

/** Options of a {@linkcode TcpIngress}. */
export interface TcpIngressOptions {
  readonly runtime: Runtime;
  readonly environment: RelayEnvironment & { readonly counters: Counters };
  readonly logger: Logger;
  /** Shared by all ingresses of a server. */
  readonly places: VisitorPlaces;
}

/** Takes visitors on TCP ports. */
export class TcpIngress {
  readonly #options: TcpIngressOptions;
  readonly #places: VisitorPlaces;
  readonly #left = (): void => this.#places.leave();

  /** @param options What it runs on. */
  constructor(options: TcpIngressOptions) {
    this.#options = options;
    this.#places = options.places;
  }

  /**
   * Binds a port.
   *
   * @param address Where.
   * @param target Where visitors go at the time.
   * @returns the bound port
   * @throws {TunnelError} `BIND`
   */
  async bind(address: SocketAddress, target: () => VisitorTarget | undefined): Promise<VisitorPort> {
    const { logger, runtime } = this.#options;
    return await runtime.listen({
      ...address,
      onConnection: (connection) => this.#visit(connection, target()),
      onError: (error) => {
        logger.warn("Accepting visitors: {error}", { error: describeError(error) });
        this.#places.acceptFailed(error);
      },
    });
  }

  #visit(connection: Connection, target: VisitorTarget | undefined): void {
    const { environment, logger } = this.#options;
    if (target === undefined) return this.#refuse(connection, "client_away");
    // The place is held until the socket is really closed, not until somebody asked for that.
    const files = target.direct === undefined ? 1 : DIRECT_FILES;
    if (this.#places.enter(files) !== undefined) return connection.reset();
    if (target.direct !== undefined) return this.#visitDirect(connection, target, target.direct);
    const { session } = target.session;
    try {
      const headers = headersOf(connection, target);
      const stream = session.openStream({ protocol: "tcp", headers });
      environment.counters.add("visitors_accepted");
      const relay = new Relay(stream, { environment, onSocketClosed: this.#left });
      relay.join(connection);
    } catch (error) {
      this.#places.leave();
      logger.debug("Refused visitor {visitor}: {reason}", {
        visitor: formatAddress(connection.remote),
        reason: describeError(error),
      });
      this.#refuse(connection, "no_stream");
    }
  }

  #visitDirect(connection: Connection, target: VisitorTarget, direct: DirectPool): void {
    const { counters } = this.#options.environment;
    direct.visit({
      connection,
      headers: headersOf(connection, target),
      onJoined: () => counters.add("visitors_accepted"),
      onClosed: () => this.#places.leave(DIRECT_FILES),
      onRefused: () => {
        this.#places.leave(DIRECT_FILES);
        this.#refuse(connection, "no_direct_connection");
      },
    });
  }

  #refuse(connection: Connection, reason: string): void {
    this.#options.environment.counters.add("visitors_refused", { label: reason });
    connection.reset();
  }
}

function headersOf(connection: Connection, { service }: VisitorTarget): OpenStream["headers"] {
  return service === undefined ? [] : [["service", service], ["visitor", formatAddress(connection.remote)]];
}
