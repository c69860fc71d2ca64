/**
 * How much memory idle streams take, in processes that have done nothing else.
 *
 * @module
 */
import { setTimeout as delay } from "node:timers/promises";
import type { Load, Service } from "./load.ts";
import { type Program, residentBytes } from "./programs.ts";
import type { Measure } from "./results.ts";
import type { Tunnel } from "./targets/types.ts";

/** Memory is read so long after the last stream was opened: collectors of garbage have had a chance. */
const SETTLE_MS = 1000;

/** Descriptors that a process needs for itself. */
const RESERVED_FILES = 1000;

/**
 * Says how many streams every tunnel can be asked to hold.
 *
 * @param wanted How many are wanted.
 * @param maxFiles Open files that the system allows a process.
 * @returns Fewer where a tunnel without multiplexer, which holds two connections for every stream, could not hold all.
 */
export function holdableStreams(wanted: number, maxFiles: number): number {
  const holdable = Math.floor((maxFiles - RESERVED_FILES) / 2);
  return Math.max(1, Math.min(wanted, holdable));
}

/**
 * The rows that {@linkcode measureIdle} fills.
 *
 * @param streams How many streams are held.
 */
export function idleMeasures(streams: number): readonly Measure[] {
  return (["server", "client"] as const).flatMap((side): Measure[] => [
    {
      id: `idle-${streams}-${side}`,
      label: `memory of the ${side} with ${streams} idle streams, MB`,
      better: "less",
      digits: 0,
    },
    {
      id: `idle-${streams}-${side}-stream`,
      label: `memory of the ${side} for one of ${streams}, KB`,
      better: "less",
      digits: 1,
    },
  ]);
}

/**
 * Opens streams, holds them, reads the memory, and sees whether all of them still carry a byte.
 *
 * @param load The load.
 * @param subject A tunnel that was just started, and the service behind it.
 * @param streams How many.
 * @returns A sample for each measure's id; none without a tunnel or `/proc`.
 * @throws {Error} when a stream could not be opened or did not last.
 */
export async function measureIdle(
  load: Load,
  { tunnel }: { readonly tunnel: Tunnel; readonly service: Service },
  streams: number,
): Promise<Readonly<Record<string, number>>> {
  const sides = Object.entries({ server: tunnel.server, client: tunnel.client })
    .filter((entry): entry is [string, Program] => entry[1] !== undefined);
  const read = (): number[] => sides.map(([, { pid }]) => residentBytes(pid) ?? NaN);
  const before = read();
  const held = await load.idle({ port: tunnel.port, count: streams });
  await delay(SETTLE_MS);
  const during = read();
  await held.release();
  return Object.fromEntries(
    sides.flatMap(([side], index) => {
      const [less = NaN, more = NaN] = [before[index], during[index]];
      const id = `idle-${streams}-${side}`;
      return [[id, more / 1e6], [`${id}-stream`, (more - less) / 1e3 / streams]];
    }),
  );
}
