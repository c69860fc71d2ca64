/**
 * How a client dials its server: with the TLS files as they are at that moment, and with nobody trusted by mistake.
 *
 * @module
 */
import type { Clock } from "../clock.ts";
import { describeError, TunnelError } from "../errors.ts";
import type { Logger } from "../log.ts";
import type { Connection, ConnectTlsOptions, Runtime, SocketAddress } from "../runtime/types.ts";
import { leadsToLoopback } from "../trust/loopback.ts";
import type { TlsFiles } from "./options.ts";

/** Reads the TLS files as they are now. */
export type ReadTlsFiles = () => Promise<TlsFiles>;

/** Options of {@linkcode Dialler}. */
export interface DiallerOptions {
  readonly runtime: Runtime;
  readonly logger: Logger;
  readonly clock: Clock;
  /** How long a dial may take, the TLS handshake included. */
  readonly timeoutMs: number;
  /** The servers that will be dialled. */
  readonly servers: readonly SocketAddress[];
  /** @default plain TCP */
  readonly tls: ConnectTlsOptions | undefined;
  /** Asked before a dial, at most once a second. @default the files stay as they are in `tls` */
  readonly readTls: ReadTlsFiles | undefined;
}

/** Files that were read so recently are not read again: visitors with a connection each may come by hundreds. */
const FRESH_MS = 1_000;

/**
 * Dials.
 *
 * @example
 * ```ts
 * import { systemClock } from "../clock.ts";
 * import { loggerOrDefault } from "../log.ts";
 * import type { Runtime } from "../runtime/types.ts";
 * import { Dialler } from "./dialler.ts";
 *
 * async function dial(runtime: Runtime): Promise<void> {
 *   const server = { hostname: "tunnel.example.com", port: 7835 };
 *   const common = { runtime, logger: loggerOrDefault(), clock: systemClock, timeoutMs: 10_000, servers: [server] };
 *   const dialler = new Dialler({ ...common, tls: {}, readTls: undefined });
 *   (await dialler.dial(server)).close();
 * }
 * ```
 */
export class Dialler {
  readonly #options: DiallerOptions;
  /** What was usable last. */
  #good: ConnectTlsOptions | undefined;
  /** What was read last. */
  #latest: ConnectTlsOptions | undefined;
  #readAt = -Infinity;
  #reading: Promise<void> | undefined;
  #complaint = "";

  /**
   * @param options What to dial with.
   * @throws {TypeError} when the server would not be verified although it is not on this machine: it is given the token
   */
  constructor(options: DiallerOptions) {
    const { servers, tls } = options;
    const remote = servers.find(({ hostname }) => !leadsToLoopback(hostname));
    if (tls?.skipVerify === true && remote !== undefined) {
      throw new TypeError(
        `A client that does not verify its server gives its token to anybody: not for ${remote.hostname}, only for loopback`,
      );
    }
    this.#options = options;
    this.#good = this.#latest = tls;
  }

  /** Says aloud that the server is not verified, when that is so. */
  warn(): void {
    const { tls, logger } = this.#options;
    if (tls?.skipVerify !== true) return;
    // Of the level that no setting hides.
    logger.error(
      "TLS without verification: whoever listens at the server's address can read and change everything; " +
        "pin the server's key (--pin) in place of --tls-skip-verify",
    );
  }

  /**
   * Dials a server.
   *
   * @throws {TunnelError} as {@linkcode Runtime.connect}; `CONFIG` only when the TLS files were never usable
   */
  async dial(server: SocketAddress): Promise<Connection> {
    if (this.#options.readTls !== undefined) await this.#refresh(this.#options.readTls);
    const tls = this.#latest;
    try {
      const connection = await this.#connect(server, tls);
      this.#good = tls;
      return connection;
    } catch (error) {
      const unusable = error instanceof TunnelError && error.code === "CONFIG";
      if (!unusable) this.#good = tls;
      if (!unusable || tls === this.#good) throw error;
      this.#complain(error);
      return await this.#connect(server, this.#good);
    }
  }

  async #connect(server: SocketAddress, tls: ConnectTlsOptions | undefined): Promise<Connection> {
    const { runtime, timeoutMs } = this.#options;
    return await runtime.connect({ ...server, timeoutMs, ...(tls === undefined ? {} : { tls }) });
  }

  #refresh(readTls: ReadTlsFiles): Promise<void> {
    if (this.#options.clock.now() - this.#readAt < FRESH_MS) return Promise.resolve();
    return this.#reading ??= this.#read(readTls).finally(() => {
      this.#reading = undefined;
    });
  }

  async #read(readTls: ReadTlsFiles): Promise<void> {
    const { tls, clock, logger } = this.#options;
    try {
      const { cert, key, ca } = await readTls();
      const files: TlsFiles = {
        ...(cert === undefined ? {} : { cert }),
        ...(key === undefined ? {} : { key }),
        ...(ca === undefined ? {} : { ca }),
      };
      if (isSame(files, this.#latest ?? {})) return;
      // Whom to trust, and by what name, is no matter of the files.
      this.#latest = { ...tls, ...files };
      logger.info("The TLS files have changed");
    } catch (error) {
      this.#complain(error);
    } finally {
      this.#readAt = clock.now();
    }
  }

  /** The same once only. */
  #complain(error: unknown): void {
    const reason = describeError(error);
    if (reason === this.#complaint) return;
    this.#complaint = reason;
    this.#options.logger.warn("The TLS files cannot be used, and the former ones stay: {reason}", { reason });
  }
}

function isSame(one: TlsFiles, other: TlsFiles): boolean {
  return one.cert === other.cert && one.key === other.key && one.ca === other.ca;
}
