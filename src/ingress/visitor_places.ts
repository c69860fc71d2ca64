/**
 * How many visitors a server takes at once, over all of its ports: as many as it may, and never so many that the process runs
 * out of descriptors, which would shut out its clients and its own files too.
 *
 * @module
 */
import { fileErrorCode } from "../explain_file_error.ts";
import type { Logger } from "../log.ts";
import type { Counters } from "../observe/counters.ts";

/** Descriptors that are not for visitors: clients, warm direct connections, the admin endpoint, logs, files that are reloaded. */
export const RESERVED_FILES = 256;
/** Where few descriptors are to be had, the reserve is this share of them. */
const RESERVED_SHARE = 1 / 4;

/** Options of {@linkcode VisitorPlaces}. */
export interface VisitorPlacesOptions {
  /** Asked for with each visitor, since it may be changed while the server runs. */
  readonly limits: { readonly maxConnections: number };
  readonly counters: Counters;
  readonly logger: Logger;
  /** How many files the system lets the process open; undefined where that is not known. */
  readonly maxOpenFiles?: number | undefined;
}

/**
 * Counts visitors and the descriptors that they hold.
 *
 * @example
 * ```ts
 * import { loggerOrDefault } from "../log.ts";
 * import { Counters } from "../observe/counters.ts";
 * import { VisitorPlaces } from "./visitor_places.ts";
 *
 * const places = new VisitorPlaces({
 *   limits: { maxConnections: 1 },
 *   counters: new Counters(),
 *   logger: loggerOrDefault(undefined),
 * });
 * console.log(places.enter(), places.enter()); // undefined "max_connections"
 * places.leave();
 * ```
 */
export class VisitorPlaces {
  readonly #options: VisitorPlacesOptions;
  #maxFiles: number;
  #visitors = 0;
  #files = 0;

  /** @param options What is permitted. */
  constructor(options: VisitorPlacesOptions) {
    this.#options = options;
    const { maxOpenFiles = Infinity, limits, logger } = options;
    this.#maxFiles = withoutReserve(maxOpenFiles);
    if (this.#maxFiles >= limits.maxConnections) return;
    logger.warn(
      "The system permits {files} open files: {places} visitors at once, not {limit}; " +
        "raise it (ulimit -n, LimitNOFILE) or lower limits.maxConnections",
      { files: maxOpenFiles, places: this.#maxFiles, limit: limits.maxConnections },
    );
  }

  /** Visitors now. */
  get visitors(): number {
    return this.#visitors;
  }

  /**
   * Takes a place for a visitor.
   *
   * @param files Descriptors that it will hold.
   * @returns undefined when it has one; else the limit that stands against it, which has been counted
   */
  enter(files = 1): "max_connections" | "open_files" | undefined {
    const { limits, counters } = this.#options;
    const full = this.#visitors >= limits.maxConnections
      ? "max_connections"
      : this.#files + files > this.#maxFiles
      ? "open_files"
      : undefined;
    if (full === undefined) {
      this.#visitors++;
      this.#files += files;
    } else {
      counters.add("limits_hit", { label: full });
      counters.add("visitors_refused", { label: full });
    }
    return full;
  }

  /** Gives a place back, once the sockets are really closed. @param files As many as it was taken with. */
  leave(files = 1): void {
    this.#visitors--;
    this.#files -= files;
  }

  /**
   * A visitor could not be accepted. Where the system's limit is not known, this is how it is learnt: from then on there is a
   * reserve below what could be had.
   */
  acceptFailed(error: Error): void {
    if (!isOutOfFiles(error) && !isOutOfFiles(error.cause)) return;
    const files = Math.max(1, withoutReserve(this.#files));
    if (files >= this.#maxFiles) return;
    this.#maxFiles = files;
    this.#options.logger.warn(
      "No further file could be opened: from now on at most {files} are for visitors; " +
        "raise the system's limit (ulimit -n, LimitNOFILE) or lower limits.maxConnections",
      { files },
    );
  }
}

function isOutOfFiles(error: unknown): boolean {
  const code = fileErrorCode(error);
  return code === "EMFILE" || code === "ENFILE";
}

function withoutReserve(files: number): number {
  return files - Math.min(RESERVED_FILES, Math.ceil(files * RESERVED_SHARE));
}
