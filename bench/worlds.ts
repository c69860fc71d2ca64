/**
 * Where a part of the run takes place: hosts, visitors and a service behind the tunnels.
 *
 * @module
 */
import { type Host, layLine, LINE, THIS_MACHINE } from "./hosts.ts";
import type { Load, Service } from "./load.ts";
import type { Programs } from "./programs.ts";
import type { SectionName } from "./results.ts";
import { startWebService } from "./web.ts";

/** A part of the run. */
export interface Stage {
  readonly id: SectionName;
  /** Names it to people. */
  readonly name: string;
  /** The share of the run's time that may be over when it ends. */
  readonly share: number;
  /** Whether a round goes before that does not count. */
  readonly warmsUp: boolean;
}

/** The parts with rounds, in their order. */
export const STAGES: readonly Stage[] = [
  { id: "loopback", name: "on this machine", share: 0.62, warmsUp: true },
  { id: "http", name: "HTTP", share: 0.72, warmsUp: true },
  { id: "line", name: "over a line", share: 0.94, warmsUp: false },
  { id: "start", name: "coming up", share: 1, warmsUp: false },
];

/** Where tunnels are started and visited. */
export interface World {
  readonly server: Host;
  readonly client: Host;
  /** The load on the server's host. */
  readonly visitors: Load;
  readonly speaks: "http" | "echo";
  /** Starts a service for one target, or shows the one that all share. */
  serve(): Promise<Service>;
  /** Ends a service that {@linkcode serve} started, unless others use it. */
  endService(service: Service): Promise<void>;
  /** Ends what this began. */
  close(): Promise<void>;
}

/**
 * Makes the world of a part.
 *
 * @param stage The part.
 * @param options What it is made with.
 * @throws {Error} when this machine cannot.
 */
export async function makeWorld(
  stage: SectionName,
  { load, programs, folder }: {
    readonly load: Load;
    readonly programs: Programs;
    readonly folder: string;
  },
): Promise<World> {
  const here = { server: THIS_MACHINE, client: THIS_MACHINE, visitors: load };
  if (stage === "http") {
    const service = await startWebService({ programs, folder, load });
    const end = (): Promise<void> => service.program.end();
    const keep = (): Promise<void> => Promise.resolve();
    return { ...here, speaks: "http", serve: () => Promise.resolve(service), endService: keep, close: end };
  }
  if (stage === "line") {
    const { server, client, program } = await layLine(load, LINE);
    return {
      server,
      client,
      visitors: load.on(server),
      speaks: "echo",
      // The client reaches it on its own loopback, visitors without a tunnel under the host's address.
      serve: () => load.on(client).serve("0.0.0.0"),
      endService,
      close: () => program.end(),
    };
  }
  // A service each: what one target leaves behind does not disturb the next.
  return { ...here, speaks: "echo", serve: () => load.serve(), endService, close: () => Promise.resolve() };
}

function endService({ program }: Service): Promise<void> {
  return program.end();
}
