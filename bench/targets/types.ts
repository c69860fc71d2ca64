/**
 * What is measured: tunnels that can be started, ours and others'.
 *
 * @module
 */
import type { Host } from "../hosts.ts";
import type { Load } from "../load.ts";
import type { Program, Programs } from "../programs.ts";
import type { Certificates } from "./certificates.ts";

/** What a tunnel needs to be started. */
export interface Surroundings {
  readonly programs: Programs;
  /** A temporary folder for configuration files. */
  readonly folder: string;
  /** Where the server and its visitors are. */
  readonly server: Host;
  /** Where the client and the service are. */
  readonly client: Host;
  /** The load, on the server's host. */
  readonly visitors: Load;
  /** Port of the service that is to be shown. */
  readonly servicePort: number;
  /** What the service speaks: HTTP, or the load's own protocol. */
  readonly speaks: "http" | "echo";
  /** Undefined where they cannot be made; no target with TLS is asked for then. */
  readonly certificates: Certificates | undefined;
}

/** A tunnel that runs. */
export interface Tunnel {
  /** Where visitors connect. */
  readonly port: number;
  /** On which host. @default the one they are on */
  readonly host?: string;
  /** Where visitors are told apart by the Host field of their requests; undefined where they are not. */
  readonly httpPort?: number;
  /** Undefined without a tunnel. */
  readonly server?: Program;
  readonly client?: Program;
}

/** A way to carry bytes from a visitor to the service. */
export interface Target {
  /** Names it in the results. */
  readonly id: string;
  /** Names it to people. */
  readonly name: string;
  readonly tls: boolean;
  /** Whether it is this project's, so that a failure is one of the project. */
  readonly isOurs: boolean;
  /** Whether only its start is measured, since it is otherwise the same as another. */
  readonly onlyStart?: boolean;
  /** Whether it differs from another only for services over TCP. */
  readonly onlyTcp?: boolean;
  /**
   * Starts it: the server, then the client; until a byte or a request reached the service and was answered.
   *
   * @param surroundings Where.
   * @throws {Error} when it does not come up.
   */
  start(surroundings: Surroundings): Promise<Tunnel>;
}

/** How long a server or client may take to come up. */
export const START_MS = 15_000;

/** Visitors are on the server's own host. */
export const LOOPBACK = "127.0.0.1";
