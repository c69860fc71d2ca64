/**
 * Visitors that keep the tunnel busy until something ends them.
 *
 * @module
 */
import { until, within } from "../support/deadline.ts";
import type { RawSocket } from "../support/raw_socket.ts";
import { ask, type TrafficService } from "./_service.ts";
import { MIB, Pattern } from "./_traffic.ts";

/** Visitors may wait so long for the end of their connections when a process has died. */
export const END_DEADLINE_MS = 5_000;
const BUSY_DEADLINE_MS = 30_000;

/** How a visitor's connection ended. */
export interface VisitorEnd {
  /** After which time, in milliseconds. */
  readonly afterMs: number;
  /** The error that it saw; undefined for a plain end. */
  readonly error: Error | undefined;
}

/** Visitors under way, half of them sending, half receiving. */
export class Load implements AsyncDisposable {
  readonly #sockets: RawSocket[] = [];
  readonly #moved: (() => number)[] = [];

  /**
   * Brings visitors in.
   *
   * @param service Where they end up.
   * @param port Where they come in.
   * @param pairs How many of each kind.
   */
  static async start(service: TrafficService, port: number, pairs: number): Promise<Load> {
    const load = new Load();
    service.letFlood(Infinity);
    const pattern = new Pattern(Infinity);
    for (let pair = 0; pair < pairs; pair++) {
      const down = await ask(port, "flood", pattern);
      down.onData = () => {};
      load.#add(down, () => down.bytesReceived);
      const up = await ask(port, "take", pattern);
      let sentBytes = 0;
      load.#add(up, () => sentBytes);
      void (async () => {
        for (const chunk of pattern.chunks()) {
          if (!await up.write(chunk)) return;
          sentBytes += chunk.length;
        }
      })();
    }
    return load;
  }

  /** Waits until every visitor has moved a megabyte. */
  async busy(): Promise<void> {
    await until(
      () => this.#moved.every((bytes) => bytes() >= MIB),
      "every visitor is busy",
      BUSY_DEADLINE_MS,
    );
  }

  /** Waits for the end of every connection. @throws {Error} when one does not come in time */
  async ends(): Promise<VisitorEnd[]> {
    const startedAt = performance.now();
    return await Promise.all(this.#sockets.map(async (socket) => {
      await within(socket.ended, "the end of a visitor's connection", END_DEADLINE_MS);
      const afterMs = performance.now() - startedAt;
      return { afterMs, error: socket.isClosed ? (await socket.closed).error : undefined };
    }));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#sockets.map((socket) => socket.close()));
  }

  #add(socket: RawSocket, moved: () => number): void {
    this.#sockets.push(socket);
    this.#moved.push(moved);
  }
}
