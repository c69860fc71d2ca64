/**
 * Shows where a client's services can be reached.
 *
 * @module
 */
import { escapeControls } from "../config/mod.ts";
import { formatAddress } from "../format_address.ts";
import type { ClientEvent } from "../tunnel/events.ts";
import type { ServiceOptions } from "../tunnel/options.ts";

/**
 * Prints a line for each service as it becomes reachable, and again only when its address changed.
 *
 * @example
 * ```ts
 * import { ServiceBoard } from "./service_board.ts";
 *
 * const services = [{ name: "ssh", kind: "tcp" as const, local: { hostname: "127.0.0.1", port: 22 } }];
 * const board = new ServiceBoard(services, (line) => console.log(line));
 * board.take({ type: "service_ready", service: "ssh", publicUrl: "tcp://host:2222" });
 * // ssh  127.0.0.1:22 → tcp://host:2222
 * ```
 */
export class ServiceBoard {
  #local: ReadonlyMap<string, string> = new Map();
  readonly #shown = new Map<string, string>();
  #nameWidth = 0;
  #localWidth = 0;
  readonly #print: (line: string) => void;

  /**
   * @param services The client's services.
   * @param print Takes each line, without its end.
   */
  constructor(services: readonly ServiceOptions[], print: (line: string) => void) {
    this.#print = print;
    this.setServices(services);
  }

  /** The client shows these from now on. */
  setServices(services: readonly ServiceOptions[]): void {
    const before = this.#local;
    this.#local = new Map(services.map(({ name, local }) => [name, formatAddress(local)]));
    for (const [name, local] of before) if (this.#local.get(name) !== local) this.#shown.delete(name);
    this.#nameWidth = Math.max(...services.map(({ name }) => name.length));
    this.#localWidth = Math.max(...[...this.#local.values()].map((text) => text.length));
  }

  /** Takes what happened at the client. */
  take(event: ClientEvent): void {
    if (event.type !== "service_ready") return;
    // A server that speaks only version 1 tells no address.
    const publicUrl = escapeControls(event.publicUrl ?? "the server's shared port");
    if (this.#shown.get(event.service) === publicUrl) return;
    this.#shown.set(event.service, publicUrl);
    const local = (this.#local.get(event.service) ?? "").padEnd(this.#localWidth);
    this.#print(`${event.service.padEnd(this.#nameWidth)}  ${local} → ${publicUrl}`);
  }
}
