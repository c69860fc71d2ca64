/**
 * Chooses what is measured.
 *
 * @module
 */
import { findOnPath } from "../../scripts/tools.ts";
import { type BenchOptions, PEER_NAMES, type PeerName } from "../arguments.ts";
import { bore } from "./bore.ts";
import { noTunnel, ours } from "./ours.ts";
import { rathole } from "./rathole.ts";
import type { Target } from "./types.ts";

/** The peers that are there, with their executables. */
export type FoundPeers = ReadonlyMap<PeerName, string>;

/**
 * Finds the peers to measure.
 *
 * @param wanted Those that must be there; all that are found when undefined.
 * @throws {Error} when one that must be there is not on the path.
 */
export function findPeers(wanted: readonly PeerName[] | undefined): FoundPeers {
  const found = new Map<PeerName, string>();
  for (const name of wanted ?? PEER_NAMES) {
    const program = findOnPath(name);
    if (program !== undefined) found.set(name, program);
    else if (wanted !== undefined) throw new Error(`Cannot find ${name} on the PATH`);
  }
  return found;
}

/**
 * Lists what is measured.
 *
 * @param options The bench's options.
 * @param peers The peers.
 * @param tls Whether there are certificates.
 */
export function targetsFor(options: BenchOptions, peers: FoundPeers, tls: boolean): readonly Target[] {
  const ratholeProgram = peers.get("rathole");
  const boreProgram = peers.get("bore");
  const both = tls && options.tls ? [false, true] : [false];
  return [
    noTunnel,
    ...both.flatMap((withTls) => [
      ...options.runtimes.map((runtime) => ours(runtime, withTls)),
      ...(ratholeProgram === undefined ? [] : [rathole(ratholeProgram, withTls)]),
      ...(boreProgram === undefined || withTls ? [] : [bore(boreProgram)]),
    ]),
  ];
}
