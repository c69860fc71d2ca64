/**
 * TLS over the runtime's own TCP: what Deno uses. TLS over the sockets of `node:net` would be shorter, but on Deno such a
 * socket reads on without bound while paused, loses an end that comes meanwhile, and shows a reset as a clean end; and its
 * listener never accepts again once descriptors have run out.
 *
 * @module
 */
import {
  connect,
  type ConnectionOptions,
  createServer,
  type TlsOptions as NodeTlsOptions,
  TLSSocket,
} from "node:tls";
import type { TunnelError } from "../errors.ts";
import { ServerNames } from "./_tls_server_names.ts";
import { connectError, connectTimeout } from "./_errors.ts";
import { DEFAULT_CONNECT_TIMEOUT_MS, MAX_TLS_HANDSHAKES, TLS_HANDSHAKE_TIMEOUT_MS } from "./_limits.ts";
import { askForPlace, handOver, type Leave } from "./_hand_over.ts";
import { ConnectionDuplex } from "./_tls_duplex.ts";
import { TlsDuplexConnection } from "./_tls_duplex_connection.ts";
import {
  changedFiles,
  clientOptions,
  handshakeError,
  protocolOptions,
  serverOptions,
  whyUntrusted,
} from "./tls.ts";
import type { Connection, ConnectOptions, Listener, ListenOptions, SocketAddress } from "./types.ts";

/** The TCP of the runtime. */
export type PlainConnect = (options: ConnectOptions) => Promise<Connection>;
/** The TCP of the runtime. */
export type PlainListen = (options: ListenOptions) => Promise<Listener>;

/**
 * Dials and does the handshake. The server is verified, as `tls` says.
 *
 * A server that demands a client certificate refuses only after this has succeeded: with TLS 1.3 the client's side of the
 * handshake is over before the server has looked. `close` of the handler is then given an error.
 *
 * @param options What to dial, with its TLS files.
 * @param connectPlain Dials over TCP.
 * @returns The connection, ready for use.
 * @throws {TunnelError} code `CONNECTION` or `TIMEOUT`; `CONFIG` when a file of `tls` is not valid.
 */
export async function connectTls(options: ConnectOptions, connectPlain: PlainConnect): Promise<Connection> {
  const { hostname, port, timeoutMs = DEFAULT_CONNECT_TIMEOUT_MS } = options;
  const dial = clientOptions(options);
  const startedAt = performance.now();
  const raw = await connectPlain({ hostname, port, timeoutMs });
  const leftMs = Math.max(timeoutMs - (performance.now() - startedAt), 0);
  return await shakeHands(raw, { target: options, dial, leftMs, timeoutMs });
}

function shakeHands(
  raw: Connection,
  options: { target: ConnectOptions; dial: ConnectionOptions; leftMs: number; timeoutMs: number },
): Promise<Connection> {
  const { target, dial, leftMs, timeoutMs } = options;
  const duplex = new ConnectionDuplex(raw);
  return new Promise((resolve, reject) => {
    const socket = connect({ ...dial, socket: duplex });
    const timer = setTimeout(() => fail(connectTimeout(target, timeoutMs)), leftMs);
    const onClose = (error?: Error): void =>
      fail(connectError(target, error ?? new Error("closed by the other side; does it speak TLS?")));

    function fail(error: TunnelError): void {
      clearTimeout(timer);
      socket.destroy();
      duplex.destroy();
      reject(error);
    }

    socket.on("error", (error) => fail(connectError(target, error)));
    duplex.onRawEnd = onClose;
    duplex.onRawClose = onClose;
    socket.once("secureConnect", () => {
      clearTimeout(timer);
      const mistrust = whyUntrusted(socket, target.tls ?? {});
      if (mistrust === undefined) resolve(new TlsDuplexConnection(socket, duplex, raw));
      else fail(connectError(target, mistrust));
    });
  });
}

/**
 * Binds, and hands over connections whose handshake is over.
 *
 * @param options Where to bind, with the TLS files.
 * @param listenPlain Binds over TCP.
 * @returns The bound port.
 * @throws {TunnelError} code `BIND`; `CONFIG` when a file of `tls` is not valid.
 * @throws {TypeError} without a certificate and a key.
 */
export async function listenTls(options: ListenOptions, listenPlain: PlainListen): Promise<Listener> {
  const { hostname, port, onError } = options;
  const acceptor = new TlsAcceptor(options);
  const listener = await listenPlain({
    hostname,
    port,
    admit: (remote) => acceptor.admit(remote),
    onConnection: (raw, leave) => acceptor.accept(raw, leave),
    ...(onError === undefined ? {} : { onError }),
  });
  return {
    address: listener.address,
    setIdentities: acceptor.setIdentities,
    close: async () => {
      acceptor.close();
      await listener.close();
    },
  };
}

class TlsAcceptor {
  readonly setIdentities: NonNullable<Listener["setIdentities"]>;
  #server: NodeTlsOptions;
  readonly #names: ServerNames | undefined;
  readonly #options: ListenOptions;
  /** Handshakes that are going on, as functions that end them. */
  readonly #handshakes = new Set<() => void>();

  constructor(options: ListenOptions) {
    const { tls = {} } = options;
    const names = this.#names = ServerNames.of(tls);
    this.#server = names === undefined ? serverOptions(tls) : protocolOptions(tls);
    let current = tls;
    this.setIdentities = (identities, more) => {
      if (names !== undefined) return names.set(identities, more);
      const changed = changedFiles(current, identities, more);
      this.#server = serverOptions(changed);
      current = changed;
    };
    this.#options = options;
  }

  close(): void {
    for (const end of this.#handshakes) end();
  }

  /** Whether one more handshake may begin. @returns gives its place back */
  admit(remote: SocketAddress): Leave | undefined {
    if (this.#options.admit === undefined && this.#handshakes.size >= MAX_TLS_HANDSHAKES) return undefined;
    return askForPlace(this.#options, remote);
  }

  accept(raw: Connection, leave: Leave = () => {}): void {
    const duplex = new ConnectionDuplex(raw);
    const done = (): void => {
      clearTimeout(timer);
      this.#handshakes.delete(end);
    };
    const end = (): void => {
      done();
      duplex.destroy();
      leave();
    };
    const refuse = (cause: Error): void => {
      if (!this.#handshakes.has(end)) return;
      end();
      this.#options.onError?.(handshakeError(raw.remote, cause));
    };
    const timer = setTimeout(
      () => refuse(new Error(`not done within ${TLS_HANDSHAKE_TIMEOUT_MS} ms`)),
      TLS_HANDSHAKE_TIMEOUT_MS,
    );
    this.#handshakes.add(end);
    duplex.onRawEnd = () => refuse(new Error("closed by the peer"));
    duplex.onRawClose = (error) => refuse(error ?? new Error("closed by the peer"));
    this.#shakeHands(duplex, refuse, (socket) => {
      if (!this.#handshakes.has(end)) {
        socket.destroy();
        return;
      }
      // Node's contract says so; a runtime that forgets to verify must not go unnoticed.
      if (this.#server.requestCert === true && !socket.authorized) {
        return refuse(new Error("the client's certificate was not verified"));
      }
      done();
      handOver(new TlsDuplexConnection(socket, duplex, raw), this.#options, leave);
    });
  }

  #shakeHands(
    duplex: ConnectionDuplex,
    refuse: (cause: Error) => void,
    secure: (socket: TLSSocket) => void,
  ): void {
    const names = this.#names;
    if (names === undefined) {
      // A server object for each connection, because it does not tell which of its connections has become secure.
      const server = createServer(this.#server);
      server.on("tlsClientError", (error, socket: TLSSocket) => {
        refuse(error);
        socket.destroy();
      });
      server.on("secureConnection", secure);
      server.emit("connection", duplex);
      return;
    }
    // A server object would read the certificate's files again for each connection.
    const socket = new TLSSocket(duplex, {
      ...this.#server,
      isServer: true,
      secureContext: names.contextFor(undefined),
      SNICallback: (name, callback) => callback(null, names.contextFor(name)),
    });
    const onError = (error: Error): void => {
      refuse(error);
      socket.destroy();
    };
    socket.once("error", onError);
    socket.once("secure", () => {
      secure(socket);
      socket.off("error", onError);
    });
  }
}
