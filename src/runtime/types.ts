/**
 * What the rest of the program needs of a JavaScript runtime. Everything else sees only these types; `deno.ts` and
 * `bun.ts` implement them with the runtime's own TCP, and one contract suite tests both.
 *
 * @module
 */

/** Where a socket is bound or connected. */
export interface SocketAddress {
  /** An IPv4 or IPv6 address in text form, without brackets; a host name only where a caller gives one to dial. */
  readonly hostname: string;
  /** 0 to 65535; 0 asks the system to choose when listening. */
  readonly port: number;
}

/**
 * Receives what happens on a {@linkcode Connection}. The methods are called one at a time and must not throw;
 * an error thrown by one closes the connection with that error.
 */
export interface ConnectionHandler {
  /**
   * Lends a place for the next bytes, at least one byte long. Asked for by runtimes that read into a given buffer
   * (Deno) just before each read. Runtimes that bring their own buffers (Bun) never call it.
   */
  space(): Uint8Array;
  /**
   * Bytes arrived. `chunk` is the beginning of what {@linkcode ConnectionHandler.space} lent, or a buffer that
   * from now on belongs to the handler.
   *
   * @returns `true` to be given more at once; `false` to be given nothing more (no data, though possibly `close`) until
   * {@linkcode Connection.resume}.
   */
  data(chunk: Uint8Array): boolean;
  /** The peer has ended its direction (FIN). Writing is still possible. Called at most once, after the last data. */
  end(): void;
  /** The bytes of the write that returned `false` are now all with the kernel: their buffer is free again. */
  drain(): void;
  /**
   * The connection is over, in both directions. Called exactly once, last. `error` is given unless both directions
   * had ended cleanly or {@linkcode Connection.close} was called.
   */
  close(error?: Error): void;
}

/** A byte stream in both directions, over TCP or TLS. Nagle's algorithm is off. */
export interface Connection {
  /** The other end. */
  readonly remote: SocketAddress;
  /** This end; not every runtime knows it after the connection is over. */
  readonly local: SocketAddress;
  /**
   * Whether this runtime reads into {@linkcode ConnectionHandler.space} (`true`), so that room left in front of the
   * lent space can take a frame's header.
   */
  readonly lendsSpace: boolean;
  /**
   * Bytes that the kernel has taken so far, those of a write that is not done included; never less than before. With TLS they
   * may be counted encrypted, or in steps of 64 KiB. Tells a slow peer from one that takes nothing.
   */
  readonly bytesTaken: number;
  /**
   * Calls `task` soon, after what the system has reported in the present turn of the event loop is delivered. Undefined
   * where that is all delivered before the next microtask but few.
   */
  readonly afterTurn?: ((task: () => void) => void) | undefined;
  /** The protocol that was agreed on in the TLS handshake (ALPN), such as "h2"; undefined without TLS, or when none was. */
  readonly alpn?: string | undefined;
  /** On a TLS listener, the name that the client has asked for (SNI), as it came; undefined when it named none. */
  readonly serverName?: string | undefined;
  /** Fingerprint of the other side's public key, `sha256:…`; undefined without TLS, or when it showed no certificate. */
  readonly peerFingerprint?: string | undefined;
  /** Begins delivery to `handler`. Called exactly once; nothing is delivered, not even `close`, before it or during it. */
  start(handler: ConnectionHandler): void;
  /** Asks for data again after `data` returned `false`. Otherwise does nothing. Never delivers during the call. */
  resume(): void;
  /**
   * Writes all of `bytes`, which is not empty. Not called before `start`, nor again before `drain` when it returned `false`,
   * nor after `closeWrite`. After the connection failed it does nothing and returns `false`; `close` tells why.
   *
   * @returns `true` when the kernel has them all, and `bytes` may be reused; `false` when `drain` will say so.
   */
  write(bytes: Uint8Array): boolean;
  /** Ends this direction (FIN) after what was written. When both directions have ended, the connection closes itself. */
  closeWrite(): void;
  /** Closes in both directions. What the kernel has taken is still sent. `close` of the handler follows, without error. */
  close(): void;
  /**
   * Closes in both directions so that, where the runtime can, the peer sees an error (RST) and no clean end. Deno has no
   * such call for its own TCP: there the peer may see a plain end. `close` of the handler follows, without error.
   */
  reset(): void;
}

/** Files that make up a TLS identity and the trust in the other side; PEM text. TLS 1.3, unless a listener is told otherwise. */
export interface TlsOptions {
  /** Certificate chain of this side, PEM. A server must have one; a client only for mutual TLS. */
  readonly cert?: string;
  /** Private key of `cert`, PEM. */
  readonly key?: string;
  /**
   * Certificate authorities trusted to sign the other side's certificate, PEM. A client without it trusts the
   * system's; a server with it demands a client certificate.
   */
  readonly ca?: string;
  /** The name that the server's certificate must be for. @default the dialled host name */
  readonly serverName?: string;
}

/** What a TLS client can be told. */
export interface ConnectTlsOptions extends TlsOptions {
  /**
   * Fingerprints of public keys, `sha256:…`, of which the server's must be one. Without `ca` that alone counts: neither
   * who signed the server's certificate, nor its name and dates. With `ca` both must hold.
   */
  readonly pins?: readonly string[];
  /** Takes any server, whoever it is. Not together with `ca`, `pins` or `serverName`. @default false */
  readonly skipVerify?: boolean;
}

/** A certificate chain and its private key, PEM text. */
export interface TlsIdentity {
  /** The chain, the certificate of this side first. */
  readonly cert: string;
  /** Private key of the first certificate. */
  readonly key: string;
}

/** What a TLS listener can be told. */
export interface ListenTlsOptions extends TlsOptions {
  /**
   * At least one, in place of `cert` and `key`, and not together with `ca`. The name that a client asks for decides: the
   * first that is for the very name, else the first with a wildcard in place of the name's first label, else the first.
   */
  readonly identities?: readonly TlsIdentity[];
  /** The oldest version that is spoken. @default "TLSv1.3" */
  readonly minVersion?: "TLSv1.2" | "TLSv1.3";
  /** Protocols to agree on (ALPN), best first. A client that names others only is refused. @default none is agreed on */
  readonly alpn?: readonly string[];
}

/** Options of {@linkcode Runtime.connect}. */
export interface ConnectOptions extends SocketAddress {
  /** Gives up after this long. @default 10000 */
  readonly timeoutMs?: number;
  /** Speaks TLS, verifying the server. */
  readonly tls?: ConnectTlsOptions;
}

/** Options of {@linkcode Runtime.listen}. */
export interface ListenOptions extends SocketAddress {
  /**
   * Takes an accepted connection. It must call `start` on it, or `close`, before it returns or soon after; must not throw.
   *
   * `leave` is what `admit` returned for the connection. Whoever takes the connection gives the place back by calling it.
   */
  readonly onConnection: (connection: Connection, leave?: () => void) => void;
  /**
   * Asked about each connection before anything is exchanged, also before a TLS handshake; must not throw.
   *
   * @returns gives the place back, and may be called more than once; the listener calls it if the connection never reaches
   * `onConnection`, for instance because its TLS handshake fails. `undefined` refuses: the connection is closed. With TLS,
   * this alone then limits the handshakes that go on at once; without it at most 100 do.
   */
  readonly admit?: (remote: SocketAddress) => (() => void) | undefined;
  /** The listener stopped accepting for good, or an accept failed and is retried; for the log. */
  readonly onError?: (error: Error) => void;
  /** Speaks TLS. The handshake, with a deadline of 10 s, is over before `onConnection` is called. */
  readonly tls?: ListenTlsOptions;
}

/** A bound port. */
export interface Listener {
  /** Where it is bound, with the real port. */
  readonly address: SocketAddress;
  /**
   * Takes other certificates in place of `identities`, or one in place of `cert` and `key`, for handshakes from now on;
   * connections go on with what they have. `ca` takes the place of the one that the listener has, which stays when it is
   * left out. Undefined for a listener without TLS.
   *
   * @throws {TunnelError} code `CONFIG` when a file cannot be used; then nothing has changed.
   * @throws {TypeError} for `ca` where the listener has none, for no or several identities where it has `cert` and `key`.
   */
  readonly setIdentities?:
    | ((identities: readonly TlsIdentity[], options?: { readonly ca?: string }) => void)
    | undefined;
  /** Stops accepting at once and frees the port. Accepted connections live on. Resolves when the port is free. */
  close(): Promise<void>;
}

/** Options of {@linkcode Runtime.serveHttp}. */
export interface ServeHttpOptions extends SocketAddress {
  /** Answers a request, with Web standard types. */
  readonly fetch: (request: Request) => Response | Promise<Response>;
  /** The server died although it was not asked to stop; for the log. */
  readonly onError?: (error: Error) => void;
}

/** A signal that asks the program to act. */
export type Signal = "SIGINT" | "SIGTERM" | "SIGHUP";

/** One JavaScript runtime. */
export interface Runtime {
  /** Which one. */
  readonly name: "deno" | "bun";
  /** Its version, such as "2.9.6". */
  readonly version: string;
  /**
   * Dials. Tries every address the name resolves to, resolved anew at each call.
   *
   * With TLS 1.3, a server that refuses the client's certificate does so after this has succeeded: `close` is then given an
   * error, or the connection ends before any data.
   *
   * @throws {TunnelError} code `CONNECTION` (refused, unreachable, unknown name, TLS not verified) or `TIMEOUT`; the
   * message names the address and says what to do. Code `CONFIG` when a file of `tls` is not valid.
   */
  connect(options: ConnectOptions): Promise<Connection>;
  /**
   * Binds and accepts.
   *
   * @throws {TunnelError} code `BIND`, for instance when the address is in use; the message names the address. Code
   * `CONFIG` when a file of `tls` is not valid.
   * @throws {TypeError} with `tls` but without a certificate and its key, or with `identities` and one of `cert`, `key`, `ca`.
   */
  listen(options: ListenOptions): Promise<Listener>;
  /**
   * Serves HTTP for the admin endpoint. When the listener is closed, requests under way have a second to end.
   *
   * @throws {TunnelError} code `BIND`.
   */
  serveHttp(options: ServeHttpOptions): Promise<Listener>;
  /** The name of this machine, or "localhost" when asking for it is not permitted. */
  hostname(): string;
  /** The system's number of the user that runs the program, 0 for root; undefined where it is not known or not permitted. */
  userId(): number | undefined;
  /** The environment variable, or undefined when unset or when reading it is not permitted. */
  env(name: string): string | undefined;
  /** Reads a whole file as UTF-8 text. @throws the runtime's error, with the path in its message */
  readTextFile(path: string): Promise<string>;
  /**
   * Loads a module of JavaScript or TypeScript and what it imports by relative paths, in compiled programs too.
   *
   * @param path Its file, relative to the working directory.
   * @returns What it exports. A file is loaded once in a process.
   * @throws the runtime's error, or what the module throws
   */
  importModule(path: string): Promise<unknown>;
  /** The arguments after the program's name. */
  args(): string[];
  /** Whether standard error is a terminal. */
  isTerminal(): boolean;
  /**
   * Writes to standard output (1) or standard error (2) without holding anything else up, however long its reader takes nothing.
   *
   * @returns how many bytes were taken; 0 when none can be for the moment
   * @throws the runtime's error when nobody reads any more, or a disk is full
   */
  writeOutput(descriptor: 1 | 2, bytes: Uint8Array): Promise<number>;
  /** Calls `handler` for each arrival of `signal`. @returns stops it */
  onSignal(signal: Signal, handler: () => void): () => void;
  /** Ends the process. */
  exit(code: number): never;
  /** How many files the system lets this process have open; undefined where that cannot be told, as on Deno. */
  maxOpenFiles(): number | undefined;
  /** Resident memory in bytes, or undefined when it cannot be told at the moment. */
  residentBytes(): number | undefined;
}
