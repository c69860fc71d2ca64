/**
 * TLS over the sockets of `node:tls`: what Bun uses. TLS over a stream, as on Deno, would show an end
 * without close_notify, but ends both directions at once there.
 *
 * @module
 */
import type { AddressInfo, Socket } from "node:net";
import {
  connect,
  createServer,
  type Server,
  type TlsOptions as NodeTlsOptions,
  type TLSSocket,
} from "node:tls";
import type { TunnelError } from "../errors.ts";
import { socketAddress } from "./_address.ts";
import { connectError, connectTimeout, listenError } from "./_errors.ts";
import { askForPlace, handOver, type Leave } from "./_hand_over.ts";
import { DEFAULT_CONNECT_TIMEOUT_MS, MAX_TLS_HANDSHAKES, TLS_HANDSHAKE_TIMEOUT_MS } from "./_limits.ts";
import { ServerNames } from "./_tls_server_names.ts";
import { TlsSocketConnection } from "./_tls_socket_connection.ts";
import {
  changedFiles,
  clientOptions,
  handshakeError,
  protocolOptions,
  serverOptions,
  whyUntrusted,
} from "./tls.ts";
import type {
  Connection,
  ConnectOptions,
  Listener,
  ListenOptions,
  ListenTlsOptions,
  SocketAddress,
} from "./types.ts";

/**
 * Dials and does the handshake. The server is verified, as `tls` says.
 *
 * A server that demands a client certificate refuses only after this has succeeded: with TLS 1.3 the client's side of the
 * handshake is over before the server has looked. `close` of the handler then carries the server's alert.
 *
 * @param options What to dial, with its TLS files.
 * @returns The connection, ready for use.
 * @throws {TunnelError} code `CONNECTION` or `TIMEOUT`; `CONFIG` when a file of `tls` is not valid.
 */
export async function connectTls(options: ConnectOptions): Promise<Connection> {
  const { hostname, port, timeoutMs = DEFAULT_CONNECT_TIMEOUT_MS } = options;
  const dial = { ...clientOptions(options), host: hostname, port };
  return await new Promise((resolve, reject) => {
    const socket = connect(dial);
    const timer = setTimeout(() => fail(connectTimeout(options, timeoutMs)), timeoutMs);
    const onError = (error: Error): void => fail(connectError(options, error));
    const onClose = (): void => onError(new Error("closed by the other side; does it speak TLS?"));

    function fail(error: TunnelError): void {
      clearTimeout(timer);
      socket.destroy();
      reject(error);
    }

    socket.on("error", onError);
    socket.on("close", onClose);
    socket.once("secureConnect", () => {
      const mistrust = whyUntrusted(socket, options.tls ?? {});
      if (mistrust !== undefined) return onError(mistrust);
      clearTimeout(timer);
      const connection = new TlsSocketConnection(socket);
      socket.off("close", onClose);
      socket.off("error", onError);
      resolve(connection);
    });
  });
}

/**
 * Binds, and hands over connections whose handshake is over.
 *
 * @param options Where to bind, with the TLS files.
 * @returns The bound port.
 * @throws {TunnelError} code `BIND`; `CONFIG` when a file of `tls` is not valid.
 * @throws {TypeError} without a certificate and a key.
 */
export async function listenTls(options: ListenOptions): Promise<Listener> {
  const { hostname, port, tls = {} } = options;
  const names = ServerNames.of(tls);
  const server = createServer(names === undefined ? serverOptions(tls) : namedOptions(tls, names));
  return await new Promise((resolve, reject) => {
    const refuse = (error: Error): void => reject(listenError(options, error));
    server.once("error", refuse);
    server.listen({ host: hostname, port }, () => {
      server.off("error", refuse);
      resolve(new TlsListener(server, options, names));
    });
  });
}

/** Options of a server that chooses its certificate by name. */
function namedOptions(
  tls: ListenTlsOptions,
  names: ServerNames,
): NodeTlsOptions & { allowHalfOpen: boolean } {
  return {
    ...protocolOptions(tls),
    ...names.first,
    SNICallback: (name, callback) => callback(null, names.contextFor(name)),
    allowHalfOpen: true,
  };
}

/** A handshake that goes on. */
interface Handshake {
  readonly socket: Socket;
  readonly timer: ReturnType<typeof setTimeout>;
  readonly leave: Leave;
}

class TlsListener implements Listener {
  readonly address: SocketAddress;
  readonly setIdentities: NonNullable<Listener["setIdentities"]>;
  readonly #server: Server;
  readonly #options: ListenOptions;
  /** Connections in the middle of their handshake, by the peer's address: the server shows only the two ends of it. */
  readonly #handshakes = new Map<string, Handshake>();
  #closed = false;

  constructor(server: Server, options: ListenOptions, names: ServerNames | undefined) {
    this.#server = server;
    this.#options = options;
    let current = options.tls ?? {};
    this.setIdentities = (identities, more) => {
      if (names === undefined) {
        const changed = changedFiles(current, identities, more);
        server.setSecureContext(serverOptions(changed));
        current = changed;
        return;
      }
      names.set(identities, more);
      // For clients that ask for no name.
      server.setSecureContext({ ...names.first, minVersion: current.minVersion ?? "TLSv1.3" });
    };
    const bound = server.address() as AddressInfo;
    this.address = socketAddress(bound.address, bound.port);
    server.on("connection", (socket) => this.#begin(socket));
    server.on("secureConnection", (socket) => this.#finish(socket));
    server.on("tlsClientError", (error, socket) => this.#refuse(error, socket));
    server.on("error", (error) => options.onError?.(error));
  }

  close(): Promise<void> {
    if (!this.#closed) {
      this.#closed = true;
      // Its callback would wait for the accepted connections too; the port is free at once.
      this.#server.close();
      for (const [key, { socket }] of [...this.#handshakes]) {
        this.#giveUp(key);
        socket.destroy();
      }
    }
    return Promise.resolve();
  }

  #begin(socket: Socket): void {
    const key = peerKey(socket);
    this.#giveUp(key); // A port that is used again before its last use was seen to end.
    const full = this.#options.admit === undefined && this.#handshakes.size >= MAX_TLS_HANDSHAKES;
    // Without an address it is gone already, and nothing more is heard of it.
    const refused = this.#closed || full || socket.remoteAddress === undefined;
    const remote = socketAddress(socket.remoteAddress, socket.remotePort);
    const leave = refused ? undefined : askForPlace(this.#options, remote);
    if (leave === undefined) {
      socket.destroy();
      return;
    }
    const timer = setTimeout(() => {
      this.#refuse(new Error(`not done within ${TLS_HANDSHAKE_TIMEOUT_MS} ms`), socket);
    }, TLS_HANDSHAKE_TIMEOUT_MS);
    const handshake = { socket, timer, leave };
    this.#handshakes.set(key, handshake);
    socket.once("close", () => {
      if (this.#handshakes.get(key) === handshake) this.#giveUp(key);
    });
  }

  #finish(socket: TLSSocket): void {
    const handshake = this.#forget(peerKey(socket));
    // Node's contract says so; a runtime that forgets to verify must not go unnoticed.
    const verified = this.#options.tls?.ca === undefined || socket.authorized;
    if (handshake === undefined || !verified) {
      socket.destroy();
      handshake?.leave();
      return;
    }
    handOver(new TlsSocketConnection(socket), this.#options, handshake.leave);
  }

  #refuse(error: Error, socket: Socket): void {
    const peer = socketAddress(socket.remoteAddress, socket.remotePort);
    this.#giveUp(peerKey(socket));
    socket.destroy();
    this.#options.onError?.(handshakeError(peer, error));
  }

  /** The handshake is over. @returns what it was, if it went on */
  #forget(key: string): Handshake | undefined {
    const handshake = this.#handshakes.get(key);
    clearTimeout(handshake?.timer);
    this.#handshakes.delete(key);
    return handshake;
  }

  #giveUp(key: string): void {
    this.#forget(key)?.leave();
  }
}

function peerKey(socket: Socket): string {
  return `${socket.remoteAddress} ${socket.remotePort}`;
}
