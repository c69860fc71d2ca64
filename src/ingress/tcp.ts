/**
 * Visitors over TCP: every connection on a public port becomes a stream.
 *
 * @module
 */
import { describeError } from "../errors.ts";
import type { Logger } from "../log.ts";
import type { Counters } from "../observe/counters.ts";
import type { Connection, Runtime, SocketAddress } from "../runtime/types.ts";
import { Relay, type RelayEnvironment } from "../tunnel/relay.ts";
import type { VisitorPort, VisitorTarget } from "../tunnel/service_binder.ts";
import { formatAddress } from "../format_address.ts";

/** Options of a {@linkcode TcpIngress}. */
export interface TcpIngressOptions {
  readonly runtime: Runtime;
  readonly environment: RelayEnvironment & { readonly counters: Counters };
  readonly logger: Logger;
  /** Visitors at once, over all ports. */
  readonly maxConnections: number;
}

/** Takes visitors on TCP ports. */
export class TcpIngress {
  readonly #options: TcpIngressOptions;
  #connections = 0;

  /** @param options What it runs on. */
  constructor(options: TcpIngressOptions) {
    this.#options = options;
  }

  /** Visitors now. */
  get connections(): number {
    return this.#connections;
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
    if (this.#connections >= maxConnections) {
      counters.add("limits_hit", { label: "max_connections" });
      return this.#refuse(connection, "max_connections");
    }
    if (target === undefined) return this.#refuse(connection, "client_away");
    const { session } = target.session;
    try {
      const visitor = formatAddress(connection.remote);
      const headers = target.service === undefined
        ? []
        : [["service", target.service] as const, ["visitor", visitor] as const];
      const stream = session.openStream({ protocol: "tcp", headers });
      counters.add("visitors_accepted");
      // The place is held until the socket is really closed, not until somebody asked for that.
      this.#connections++;
      const relay = new Relay(stream, { environment, onSocketClosed: () => this.#connections-- });
      relay.join(connection);
    } catch (error) {
      logger.debug("Refused visitor {visitor}: {reason}", {
        visitor: formatAddress(connection.remote),
        reason: describeError(error),
      });
      this.#refuse(connection, "no_stream");
    }
  }

  #refuse(connection: Connection, reason: string): void {
    this.#options.environment.counters.add("visitors_refused", { label: reason });
    connection.reset();
  }
}
