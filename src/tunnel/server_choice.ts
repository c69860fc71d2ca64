/**
 * Which of several servers to dial. Pure.
 *
 * @module
 */
import type { SocketAddress } from "../runtime/types.ts";
import type { ServerOrder } from "./options.ts";

/** Options of {@linkcode ServerChoice}. */
export interface ServerChoiceOptions {
  /** At least one. */
  readonly servers: readonly SocketAddress[];
  readonly order: ServerOrder;
  /** A number from 0 to 1. @default Math.random */
  readonly random?: (() => number) | undefined;
}

/**
 * Goes through the servers in rounds: each is tried once before the client has to wait.
 *
 * @example
 * ```ts
 * import { ServerChoice } from "./server_choice.ts";
 *
 * const servers = ["a.example.com", "b.example.com"].map((hostname) => ({ hostname, port: 7835 }));
 * const choice = new ServerChoice({ servers, order: "in_order" });
 * console.log(choice.failed(), choice.current.hostname); // false "b.example.com"
 * console.log(choice.preferred?.hostname); // "a.example.com"
 * console.log(choice.failed(), choice.current.hostname); // true "a.example.com"
 * ```
 */
export class ServerChoice {
  readonly #options: ServerChoiceOptions;
  #round: readonly SocketAddress[] = [];
  #index = 0;

  /** @param options The servers. @throws {TypeError} without servers */
  constructor(options: ServerChoiceOptions) {
    if (options.servers.length === 0) throw new TypeError("A client needs at least one server");
    this.#options = options;
    this.newRound();
  }

  /** The server to dial, or the one that is connected. */
  get current(): SocketAddress {
    return this.#round[this.#index] as SocketAddress; // The index is always inside.
  }

  /** Whether there is another one. */
  get several(): boolean {
    return this.#round.length > 1;
  }

  /** The server that is better than the current one; undefined when that is the best. */
  get preferred(): SocketAddress | undefined {
    return this.#options.order === "in_order" && this.#index > 0 ? this.#round[0] : undefined;
  }

  /** The current one could not be reached. @returns whether the round is over, and with it the next one begun */
  failed(): boolean {
    if (this.#index + 1 < this.#round.length) {
      this.#index++;
      return false;
    }
    this.newRound();
    return true;
  }

  /** Begins from the start: with the first server, or in a new random order. */
  newRound(): void {
    const { servers, order, random = Math.random } = this.#options;
    this.#round = order === "random" ? shuffled(servers, random) : servers;
    this.#index = 0;
  }
}

/** Every order is as likely as every other. */
function shuffled<Item>(items: readonly Item[], random: () => number): Item[] {
  const left = [...items];
  const result: Item[] = [];
  while (left.length > 0) {
    const at = Math.min(Math.floor(random() * left.length), left.length - 1);
    result.push(...left.splice(at, 1));
  }
  return result;
}
