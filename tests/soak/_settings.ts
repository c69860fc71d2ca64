/**
 * The configuration files of a tunnel under a soak, and how they change while it runs.
 *
 * @module
 */
import { renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { makeCertificates } from "../runtime/_certificates.ts";
import { selfSigned } from "../support/identities.ts";
import { freePort } from "../support/programs.ts";
import { LOOPBACK } from "./_visit.ts";
import { WEB_HOSTS } from "./_web_visits.ts";

/** The token of the soak's clients. */
export const SOAK_TOKEN = "soak-battery-staple-0123456789";
const GUEST_TOKEN = "guest-battery-staple-0123456789";
/** Streams to a web service that nobody uses are soon closed, so that nothing is left when visitors are gone. */
const IDLE_ORIGIN_MS = 1_500;
/** Both sides notice a dead line after so long. */
export const DEAD_AFTER_MS = 5_000;
const COMMON_LIMITS = { heartbeatIntervalMs: 1_000, deadAfterMs: DEAD_AFTER_MS };

/** What a tunnel is like. */
export interface Kind {
  /** For messages. */
  readonly name: string;
  /** Whether client and server, and visitors over HTTP and server, speak TLS. */
  readonly secure: boolean;
  /** Parallel connections of the client. */
  readonly connections: number;
  /** Bytes per second that the client's token may move, in each direction. */
  readonly bandwidth: number | undefined;
  /** Whether its processes are killed now and then; others live from the beginning to the end. */
  readonly mortal: boolean;
}

/** The ports of a tunnel. They stay, so that a server that is started anew is where it was. */
export interface Ports {
  readonly server: number;
  readonly tcp: number;
  readonly direct: number;
  readonly web: number;
}

/** The services on this machine. */
export interface Local {
  readonly tcp: number;
  readonly http1: number;
  readonly http2: number;
}

/** The files. */
export class Settings {
  readonly ports: Ports;
  readonly #kind: Kind;
  readonly #folder: string;
  readonly #certificates: readonly { readonly cert: string; readonly key: string }[];
  readonly #clientTls: { readonly enabled: true; readonly ca: string } | undefined;
  readonly #serverTls: { readonly cert: string; readonly key: string } | undefined;

  private constructor(folder: string, kind: Kind, ports: Ports) {
    this.#folder = folder;
    this.#kind = kind;
    this.ports = ports;
    this.#certificates = kind.secure
      ? ["one", "other"].map((name) => this.#identity(`https-${name}`, selfSigned(...WEB_HOSTS)))
      : [];
    if (!kind.secure) return;
    const { ca, server } = makeCertificates();
    this.#serverTls = this.#identity("server", server);
    this.#clientTls = { enabled: true, ca: this.#write("ca.crt", ca) };
  }

  /** Finds ports, makes certificates. @param folder Where the files go. */
  static async make(folder: string, kind: Kind): Promise<Settings> {
    const [server, tcp, direct, web] = [
      await freePort(),
      await freePort(),
      await freePort(),
      await freePort(),
    ];
    return new Settings(folder, kind, { server, tcp, direct, web });
  }

  /**
   * Writes what the server is told.
   *
   * @param turn Odd ones have a token more and, where there are some, another certificate for visitors.
   * @returns the path of the file
   */
  writeServer(turn: number): string {
    const { secure, bandwidth } = this.#kind;
    const guest = turn % 2 === 1 ? [{ name: "guest", token: GUEST_TOKEN }] : [];
    const bind = `${LOOPBACK}:${this.ports.web}`;
    const certificates = [this.#certificates[turn % 2]];
    const settings = {
      bind: `${LOOPBACK}:${this.ports.server}`,
      tokens: [{ name: "soak", token: SOAK_TOKEN, bandwidth }, ...guest],
      http: secure ? { https: { bind, certificates } } : { bind },
      tls: this.#serverTls,
      admin: { bind: `${LOOPBACK}:0` },
      limits: { ...COMMON_LIMITS, httpIdleOriginMs: IDLE_ORIGIN_MS },
    };
    return this.#write("server.yaml", JSON.stringify(settings));
  }

  /**
   * Writes what the client is told.
   *
   * @param turn Odd ones have a service more.
   * @param local Where its services are.
   * @param linePort The line to the server.
   * @returns the path of the file
   */
  writeClient(
    turn: number,
    { local, linePort }: { readonly local: Local; readonly linePort: number },
  ): string {
    const { name, connections } = this.#kind;
    const { tcp, direct } = this.ports;
    const [http1, http2] = WEB_HOSTS;
    const settings = {
      server: `${LOOPBACK}:${linePort}`,
      tunnelId: `soak-${name}`,
      connections,
      directPool: 3,
      services: {
        raw: { type: "tcp", local: local.tcp, remotePort: tcp },
        direct: { type: "tcp", local: local.tcp, remotePort: direct, mode: "direct" },
        web: { type: "http", local: local.http1, hosts: [http1] },
        web2: { type: "http", local: local.http2, hosts: [http2], protocol: "h2c" },
        ...turn % 2 === 1 ? { extra: { type: "tcp", local: local.tcp, remotePort: 0 } } : {},
      },
      tls: this.#clientTls,
      admin: { bind: `${LOOPBACK}:0` },
      limits: { ...COMMON_LIMITS, reconnectMinMs: 50, reconnectMaxMs: 500 },
    };
    return this.#write("client.yaml", JSON.stringify(settings));
  }

  #identity(name: string, identity: { readonly cert: string; readonly key: string }): {
    readonly cert: string;
    readonly key: string;
  } {
    return { cert: this.#write(`${name}.crt`, identity.cert), key: this.#write(`${name}.key`, identity.key) };
  }

  /** Replaces a file as a whole: it may be read at any moment. */
  #write(name: string, text: string): string {
    const path = join(this.#folder, `${this.#kind.name}-${name}`);
    writeFileSync(`${path}.new`, text, { mode: 0o600 });
    renameSync(`${path}.new`, path);
    return path;
  }
}
