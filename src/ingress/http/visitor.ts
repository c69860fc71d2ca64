/**
 * Whoever is connected to an HTTP port, whichever version of HTTP it speaks.
 *
 * @module
 */
import type { HttpPort } from "./port.ts";

/** A visitor, as its port sees it. */
export interface Visitor {
  /** The port it came to. */
  readonly port: HttpPort;
  /** Nobody waits for its next request any more. */
  leave(): void;
  /** A round of the port's timer is over. */
  sweep(elapsedMs: number): void;
}
