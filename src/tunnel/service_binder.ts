/**
 * Gives registered services their public ports.
 *
 * @module
 */
import { formatAddress } from "../format_address.ts";
import { describeError, TunnelError } from "../errors.ts";
import type { SocketAddress } from "../runtime/types.ts";
import type { Register, RegisterAck, RegisterStatus } from "../wire/messages.ts";
import type { PortRange } from "./options.ts";
import { isAllowed, portCandidates } from "./ports.ts";
import type { ServerSession } from "./server_session.ts";
import { type Claim, type Identity, ServiceRegistry } from "./services.ts";
import { SharedPort, type SharedPortHolder } from "./shared_port.ts";
import type { Clock } from "../clock.ts";

/** A bound public port. */
export interface VisitorPort {
  readonly address: SocketAddress;
  /** Takes no more visitors and frees the port; those that are there stay. */
  close(): Promise<void>;
}

/** What a public port leads to. */
export interface VisitorTarget {
  /** Name of the service; undefined for a client that knows only one. */
  readonly service: string | undefined;
  /** The client that serves it. */
  readonly session: ServerSession;
}

/** Binds a public port; visitors go where `target` says at the time, nowhere while it is undefined. */
export type BindPort = (
  address: SocketAddress,
  target: () => VisitorTarget | undefined,
) => Promise<VisitorPort>;

/** How a service is reached: by a port of its own, or by the shared one. */
export type Binding =
  | { readonly kind: "port"; readonly requestedPort: number; readonly port: VisitorPort }
  | { readonly kind: "shared"; readonly holder: SharedPortHolder<VisitorTarget> };

/** A claimed service. */
export type ServiceClaim = Claim<ServerSession, Binding>;

/** The answer to a registration, and the address that was bound if it succeeded. */
export type RegisterAnswer = RegisterAck & { readonly address?: SocketAddress };

/** Options of a {@linkcode ServiceBinder}. */
export interface ServiceBinderOptions {
  readonly clock: Clock;
  readonly bindPort: BindPort;
  readonly serviceHost: string;
  readonly publicHost: string | undefined;
  readonly allowPorts: readonly PortRange[];
  readonly maxServices: number;
  readonly graceMs: number;
  /** A service is gone for good. */
  readonly onReleased: (claim: ServiceClaim) => void;
}

/** Why a registration is refused. */
class Refusal extends Error {
  constructor(readonly status: RegisterStatus, message: string) {
    super(message);
  }
}

const SERVICE_NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/;

/**
 * Names that are kept for lost clients of one token, as a multiple of what one client may have. Without this bound a client
 * that comes back under ever new tunnel ids would hold as many ports again each time.
 */
const ORPHANS_PER_TOKEN = 2;

/** Registers services and binds their ports. */
export class ServiceBinder {
  /** Who has which name. */
  readonly registry: ServiceRegistry<ServerSession, Binding>;
  /** Who has the shared port. */
  readonly shared = new SharedPort<VisitorTarget>();
  readonly #options: ServiceBinderOptions;
  #sharedAddress: SocketAddress | undefined;

  /** @param options What is allowed, and how ports are bound. */
  constructor(options: ServiceBinderOptions) {
    this.#options = options;
    this.registry = new ServiceRegistry({
      clock: options.clock,
      graceMs: options.graceMs,
      maxOrphansPerToken: ORPHANS_PER_TOKEN * options.maxServices,
      onReleased: (claim) => this.#released(claim),
    });
  }

  /** The shared port is bound there. */
  sharedPortBound(address: SocketAddress): void {
    this.#sharedAddress = address;
  }

  /** Registers a service. Never rejects. */
  async register(
    session: ServerSession,
    message: Register,
  ): Promise<RegisterAnswer> {
    try {
      const address = await this.#register(session, message);
      const hostname = this.#options.publicHost ?? address.hostname;
      const publicUrl = `tcp://${formatAddress({ hostname, port: address.port })}`;
      return { type: "register_ack", publicUrl, status: "success", address };
    } catch (error) {
      const status = error instanceof Refusal ? error.status : "quota_exceeded";
      return { type: "register_ack", publicUrl: describeError(error), status };
    }
  }

  async #register(session: ServerSession, message: Register): Promise<SocketAddress> {
    const { serviceName: name, protocol, metadata } = message;
    if (!SERVICE_NAME.test(name)) {
      throw new Refusal(
        "invalid_service_name",
        `Service name ${JSON.stringify(name)} is not 1 to 63 of A-Z a-z 0-9 . _ -`,
      );
    }
    if (protocol !== "tcp") {
      throw new Refusal("invalid_service_name", `Services of kind ${protocol} are not served`);
    }
    const requested = parsePort(metadata.get("remote_port"));
    this.#checkAllowed(requested);
    const identity = session.identity;
    if (identity === undefined) throw new TypeError("A session registers after its handshake");
    if (this.registry.lookup(name) === undefined) this.#makeRoom(identity);
    const claim = this.registry.claim(name, identity, session);
    if (claim === undefined) {
      throw new Refusal("service_name_taken", `Service name ${name} belongs to another client`);
    }
    try {
      return requested === undefined ? this.#bindShared(claim) : await this.#bindOwn(claim, requested);
    } catch (error) {
      this.registry.releaseOne(name, session);
      throw error;
    }
  }

  #checkAllowed(port: number | undefined): void {
    if (port === undefined || port === 0 || isAllowed(port, this.#options.allowPorts)) return;
    const allowed = this.#options.allowPorts.map(({ from, to }) => from === to ? `${from}` : `${from}-${to}`);
    throw new Refusal(
      "quota_exceeded",
      `Port ${port} is not allowed by the server, which allows ${allowed.join(", ")}`,
    );
  }

  /** What is kept for a client counts as its own; it gives way to what the client wants now. */
  #makeRoom(identity: Identity): void {
    const { maxServices } = this.#options;
    if (this.registry.countOf(identity) < maxServices || this.registry.releaseOldestOrphan(identity)) return;
    throw new Refusal("quota_exceeded", `The server allows ${maxServices} services for one client`);
  }

  #bindShared(claim: ServiceClaim): SocketAddress {
    if (this.#sharedAddress === undefined) {
      throw new Refusal(
        "quota_exceeded",
        "The server has no shared port; ask for a remote port, 0 lets the server pick",
      );
    }
    if (claim.binding?.kind === "port") {
      void claim.binding.port.close();
      claim.binding = undefined;
    }
    claim.binding ??= { kind: "shared", holder: { target: () => targetOf(claim) } };
    if (!this.shared.take(claim.binding.holder)) {
      throw new Refusal("service_name_taken", "The server's shared port serves another service");
    }
    return this.#sharedAddress;
  }

  async #bindOwn(claim: ServiceClaim, requested: number): Promise<SocketAddress> {
    const bound = claim.binding;
    if (
      bound?.kind === "port" && (requested === bound.requestedPort || requested === bound.port.address.port)
    ) {
      return bound.port.address;
    }
    if (bound !== undefined) await this.#unbind(bound);
    claim.binding = undefined;
    const port = await this.#listen(claim, requested);
    if (this.registry.lookup(claim.name) !== claim) { // Given up meanwhile.
      await port.close();
      throw new TunnelError("CLOSED", `Service ${claim.name} was given up while its port was being bound`);
    }
    claim.binding = { kind: "port", requestedPort: requested, port };
    return port.address;
  }

  async #listen(claim: ServiceClaim, requested: number): Promise<VisitorPort> {
    const { serviceHost: hostname, allowPorts, bindPort } = this.#options;
    const target = (): VisitorTarget | undefined => targetOf(claim);
    let failure: unknown = new Refusal("quota_exceeded", "The server allows no ports");
    for (const port of requested === 0 ? portCandidates(allowPorts) : [requested]) {
      try {
        return await bindPort({ hostname, port }, target);
      } catch (error) {
        failure = error;
      }
    }
    throw new Refusal("service_name_taken", describeError(failure));
  }

  #released(claim: ServiceClaim): void {
    const { binding } = claim;
    claim.binding = undefined;
    if (binding !== undefined) void this.#unbind(binding);
    this.#options.onReleased(claim);
  }

  async #unbind(binding: Binding): Promise<void> {
    if (binding.kind === "port") await binding.port.close();
    else this.shared.leave(binding.holder);
  }
}

function targetOf(claim: ServiceClaim): VisitorTarget | undefined {
  return claim.owner === undefined ? undefined : { service: claim.name, session: claim.owner };
}

function parsePort(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const port = /^\d{1,5}$/.test(text) ? Number(text) : NaN;
  if (!(port <= 65535)) {
    throw new Refusal("quota_exceeded", `Remote port ${JSON.stringify(text)} is not 0 to 65535`);
  }
  return port;
}
