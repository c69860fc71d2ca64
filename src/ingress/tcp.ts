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

/** Options of a {@linkcode TcpIngress}. */
export interface TcpIngressOptions {
  readonly runtime: Runtime;
  readonly environment: RelayEnvironment & { readonly counters: Counters };
  readonly logger: Logger;
  /** Visitors at once, over all ports; asked for with each visitor. */
  readonly maxConnections: number;
  /** Counts visitors together with other ingresses. @default a count of its own */
  readonly visitors?: { connections: number };
}

/** Takes visitors on TCP ports. */
export class TcpIngress {
  readonly #options: TcpIngressOptions;
  readonly #visitors: { connections: number };
  readonly #left = (): void => void this.#visitors.connections--;

  /** @param options What it runs on. */
  constructor(options: TcpIngressOptions) {
    this.#options = options;
    this.#visitors = options.visitors ?? { connections: 0 };
  }

  /** Visitors now, those of other ingresses with the same count included. */
  get connections(): number {
    return this.#visitors.connections;
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
      onError: (error) => logger.warn("Accepting visitors: {error}", { error: describeError(error) }),
    });
  }

  #visit(connection: Connection, target: VisitorTarget | undefined): void {
    const { environment, maxConnections, logger } = this.#options;
    const { counters } = environment;
    if (this.#visitors.connections >= maxConnections) {
      counters.add("limits_hit", { label: "max_connections" });
      return this.#refuse(connection, "max_connections");
    }
    if (target === undefined) return this.#refuse(connection, "client_away");
    if (target.direct !== undefined) return this.#visitDirect(connection, target, target.direct);
    const { session } = target.session;
    try {
      const headers = headersOf(connection, target);
      const stream = session.openStream({ protocol: "tcp", headers });
      counters.add("visitors_accepted");
      // The place is held until the socket is really closed, not until somebody asked for that.
      this.#visitors.connections++;
      const relay = new Relay(stream, { environment, onSocketClosed: this.#left });
      relay.join(connection);
    } catch (error) {
      logger.debug("Refused visitor {visitor}: {reason}", {
        visitor: formatAddress(connection.remote),
        reason: describeError(error),
      });
      this.#refuse(connection, "no_stream");
    }
  }

  #visitDirect(connection: Connection, target: VisitorTarget, direct: DirectPool): void {
    const { counters } = this.#options.environment;
    this.#visitors.connections++;
    direct.visit({
      connection,
      headers: headersOf(connection, target),
      onJoined: () => counters.add("visitors_accepted"),
      onClosed: () => this.#visitors.connections--,
      onRefused: () => {
        this.#visitors.connections--;
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
