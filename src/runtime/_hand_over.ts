/**
 * From an accepted socket to the program: the same on every listener.
 *
 * @module
 */
import { toError } from "./_errors.ts";
import type { Connection, ListenOptions, SocketAddress } from "./types.ts";

/** Gives a place back that {@linkcode ListenOptions.admit} has given. */
export type Leave = () => void;

const NO_PLACE: Leave = () => {};

/** Asks for a place. @returns gives it back; undefined: the connection is to be closed */
export function askForPlace({ admit }: ListenOptions, remote: SocketAddress): Leave | undefined {
  return admit === undefined ? NO_PLACE : admit(remote);
}

/** Hands a connection over together with its place. When that throws, the connection is closed and the place is free. */
export function handOver(connection: Connection, options: ListenOptions, leave: Leave): void {
  try {
    options.onConnection(connection, options.admit === undefined ? undefined : leave);
  } catch (error) {
    connection.close();
    leave();
    options.onError?.(toError(error));
  }
}
