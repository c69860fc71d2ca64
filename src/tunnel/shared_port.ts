/**
 * The server's shared public port: it leads to exactly one service at a time.
 *
 * @module
 */

/** Who can hold the shared port. */
export interface SharedPortHolder<Target> {
  /** Where visitors go; undefined while the client is away. */
  readonly target: () => Target | undefined;
}

/** Remembers who holds the shared port, and who would like to. */
export class SharedPort<Target> {
  #holder: SharedPortHolder<Target> | undefined;
  readonly #waiting = new Set<SharedPortHolder<Target>>();

  /** Where visitors go now. */
  target(): Target | undefined {
    return this.#holder?.target();
  }

  /** Takes the port. @returns false when another holds it */
  take(holder: SharedPortHolder<Target>): boolean {
    this.#holder ??= holder;
    return this.#holder === holder;
  }

  /** Takes the port now, or when everybody who came before has left. */
  takeOrWait(holder: SharedPortHolder<Target>): void {
    if (!this.take(holder)) this.#waiting.add(holder);
  }

  /** Leaves the port, or the queue for it. */
  leave(holder: SharedPortHolder<Target>): void {
    this.#waiting.delete(holder);
    if (this.#holder !== holder) return;
    const [next] = this.#waiting;
    this.#holder = next;
    if (next !== undefined) this.#waiting.delete(next);
  }
}
