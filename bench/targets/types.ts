/**
 * What is measured: tunnels that can be started, ours and others'.
 *
 * @module
 */
import type { Program, Programs } from "../programs.ts";
import type { Certificates } from "./certificates.ts";

/** What a tunnel needs to be started. */
export interface Surroundings {
  readonly programs: Programs;
  /** A temporary folder for configuration files. */
  readonly folder: string;
  /** Port of the service that is to be shown. */
  readonly servicePort: number;
  /** Undefined where they cannot be made; no target with TLS is asked for then. */
  readonly certificates: Certificates | undefined;
}

/** A tunnel that runs. */
export interface Tunnel {
  /** Where visitors connect. */
  readonly port: number;
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
  /**
   * Starts it.
   *
   * @param surroundings Where.
   * @throws {Error} when it does not come up.
   */
  start(surroundings: Surroundings): Promise<Tunnel>;
}

/** How long a server or client may take to come up. */
export const START_MS = 15_000;
