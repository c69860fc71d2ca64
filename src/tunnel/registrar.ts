/**
 * Asks the server for the client's services, and remembers the answers.
 *
 * @module
 */
import type { CancelTimer } from "../clock.ts";
import { formatHost } from "../format_address.ts";
import type { Logger } from "../log.ts";
import { spawn } from "../spawn.ts";
import type { ClientSession, Registration } from "./client_session.ts";
import type { TunnelEnvironment } from "./environment.ts";
import type { ClientEvent } from "./events.ts";
import type { ServiceOptions } from "./options.ts";
import type { ServiceChanges } from "./service_changes.ts";

/** How a service stands at the server. */
export interface ServiceState {
  /** Name of the service. */
  readonly name: string;
  /** Where visitors reach it; undefined when it was refused, or when the server does not say. */
  readonly publicUrl: string | undefined;
  /** Why the server refused it. */
  readonly error: string | undefined;
}

/** What a {@linkcode Registrar} needs of the client. */
export interface RegistrarHost {
  readonly environment: TunnelEnvironment;
  readonly logger: Logger;
  readonly services: ReadonlyMap<string, ServiceOptions>;
  /** The host name by which the server was dialled. */
  serverHostname(): string;
  /** Something happened. */
  emit(event: ClientEvent): void;
  /** The server has answered for every service. */
  answered(states: readonly ServiceState[]): void;
  /** A mistake in the program. */
  failed(error: unknown): void;
}

/** How often a service that was refused because it is taken is asked for again. */
const REGISTER_AGAIN_MS = 15_000;

/** Registers the services on one of the client's connections at a time. */
export class Registrar {
  readonly #host: RegistrarHost;
  readonly #states = new Map<string, ServiceState>();
  /** Services to be asked for again. */
  readonly #temporary = new Set<string>();
  #speaker: ClientSession | undefined;
  #cancelTimer: CancelTimer = () => {};

  /** @param host The client. */
  constructor(host: RegistrarHost) {
    this.#host = host;
  }

  /** Whether the server has answered for every service. */
  get complete(): boolean {
    return this.#states.size === this.#host.services.size;
  }

  /** The connection on which it asks. */
  get speaker(): ClientSession | undefined {
    return this.#speaker;
  }

  /** How a service stands. */
  stateOf(name: string): ServiceState | undefined {
    return this.#states.get(name);
  }

  /** Asks for everything on this connection. Resolves when it was answered, or the connection is not asked any more. */
  begin(session: ClientSession): Promise<void> {
    this.clear();
    return this.moveTo(session);
  }

  /** Asks on this connection for what has no final answer yet. */
  async moveTo(session: ClientSession): Promise<void> {
    this.#cancelTimer();
    this.#speaker = session;
    const open = [...this.#host.services.values()].filter(({ name }) =>
      !this.#states.has(name) || this.#temporary.has(name)
    );
    await this.#register(session, open);
  }

  /** Takes back what is gone and asks for what has changed, if there is a connection; else the next one is asked. */
  async change({ removed, changed }: ServiceChanges): Promise<void> {
    const session = this.#speaker;
    for (const name of [...removed, ...changed.map((service) => service.name)]) {
      this.#states.delete(name);
      this.#temporary.delete(name);
    }
    if (session === undefined) return;
    const withdrawn = removed.map((name) => this.#withdraw(session, name)); // Sent before what is asked for.
    await this.#register(session, changed);
    await Promise.all(withdrawn);
  }

  /** The connections are lost, and with them every answer. */
  clear(): void {
    this.#cancelTimer();
    this.#speaker = undefined;
    this.#states.clear();
    this.#temporary.clear();
  }

  /** Asks for nothing any more. */
  stop(): void {
    this.#cancelTimer();
  }

  async #register(session: ClientSession, services: readonly ServiceOptions[]): Promise<void> {
    await Promise.all(services.map(async (service) => {
      const registration = await session.register(service);
      if (session === this.#speaker) this.#registered(service, registration);
    }));
    if (session !== this.#speaker) return;
    this.#host.answered([...this.#states.values()]);
    if (this.#temporary.size === 0) return;
    const again = (): void =>
      spawn(async () => {
        if (session === this.#speaker) await this.moveTo(session);
      }, (error) => this.#host.failed(error));
    this.#cancelTimer = this.#host.environment.clock.setTimer(again, REGISTER_AGAIN_MS);
  }

  async #withdraw(session: ClientSession, name: string): Promise<void> {
    if (await session.withdraw(name)) {
      return this.#host.logger.info("Service {service} is gone", { service: name });
    }
    this.#host.logger.warn(
      "This server takes no service back; until the client connects anew, visitors of {service} are refused here",
      { service: name },
    );
  }

  #registered({ name }: ServiceOptions, { publicUrl, error, temporary }: Registration): void {
    const { logger, environment } = this.#host;
    const url = publicUrl === undefined ? undefined : withDialledHost(publicUrl, this.#host.serverHostname());
    this.#states.set(name, { name, publicUrl: url, error });
    if (temporary) this.#temporary.add(name);
    else this.#temporary.delete(name);
    if (error === undefined) {
      logger.info("Service {service} is at {publicUrl}", {
        service: name,
        publicUrl: url ?? "the server's own port",
      });
      this.#host.emit({ type: "service_ready", service: name, publicUrl: url });
    } else {
      environment.counters.add("registrations_refused", { label: "by_server" });
      logger.error("The server refused service {service}: {reason}", { service: name, reason: error });
      this.#host.emit({ type: "service_refused", service: name, reason: error });
    }
  }
}

/** A server that does not know its public name answers with the address it is bound to, which may be "any". */
function withDialledHost(publicUrl: string, hostname: string): string {
  const dialled = formatHost(hostname);
  return publicUrl.replace(/^(\w+:\/\/)(0\.0\.0\.0|\[::\])(?=[:/]|$)/, `$1${dialled}`);
}
