/**
 * Gives registered services their public ports.
 *
 * @module
 */
import { formatAddress } from "../format_address.ts";
import { describeError, TunnelError } from "../errors.ts";
import type { SocketAddress } from "../runtime/types.ts";
import type { Register, RegisterAck, RegisterStatus } from "../wire/messages.ts";
import { type HttpBinding, HttpRefusal, type HttpServices } from "./http_services.ts";
import type { PortRange } from "./options.ts";
import { isAllowed, portCandidates } from "./ports.ts";
import { commonPorts, portRefusal, type ScopedService, scopeRefusal } from "./scope.ts";
import type { ScopeOptions } from "./scope_options.ts";
import type { ClientTeam, ServerSession } from "./server_session.ts";
import { type Claim, type Identity, ServiceRegistry } from "./services.ts";
import { SharedPort, type SharedPortHolder } from "./shared_port.ts";
import type { BindPort, VisitorPort, VisitorTarget } from "./visitors.ts";
import type { Clock } from "../clock.ts";

/** How a service is reached: by a port of its own, by the shared one, or by host and path over HTTP. */
export type Binding =
  | { readonly kind: "port"; readonly requestedPort: number; readonly port: VisitorPort }
  | { readonly kind: "shared"; readonly holder: SharedPortHolder<VisitorTarget> }
  | { readonly kind: "http"; readonly http: HttpBinding };

/** A claimed service. */
export type ServiceClaim = Claim<ClientTeam, Binding>;

/** Where visitors of a service come in. */
export interface ServicePlace {
  readonly address: SocketAddress;
  readonly publicUrl: string;
}

/** The answer to a registration, and where the service is if it succeeded. */
export type RegisterAnswer = RegisterAck & { readonly place?: ServicePlace };

/** Options of a {@linkcode ServiceBinder}. */
export interface ServiceBinderOptions {
  readonly clock: Clock;
  readonly bindPort: BindPort;
  /** Binds services over HTTP; undefined when the server has no port for them. */
  readonly http?: HttpServices | undefined;
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
  readonly registry: ServiceRegistry<ClientTeam, Binding>;
  /** Who has the shared port. */
  readonly shared = new SharedPort<VisitorTarget>();
  #options: ServiceBinderOptions;
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

  /** Takes other rules for registrations from now on. */
  change(rules: Partial<Pick<ServiceBinderOptions, "publicHost" | "allowPorts" | "maxServices">>): void {
    this.#options = { ...this.#options, ...rules };
  }

  /** What a claimed service is in terms of what a token permits. */
  scopedService({ name, binding }: ServiceClaim): ScopedService {
    if (binding?.kind === "http") return { name, kind: "http", hosts: binding.http.hosts };
    return {
      name,
      kind: "tcp",
      port: binding?.kind === "port"
        ? binding.port.address.port
        : binding?.kind === "shared"
        ? this.#sharedAddress?.port
        : undefined,
    };
  }

  /** Why the server's own rules do not allow a service that is bound; undefined when they do. */
  ruleRefusal({ binding }: ServiceClaim): string | undefined {
    if (binding?.kind === "http") return this.#options.http?.refusal(binding.http);
    if (binding?.kind !== "port") return undefined;
    return portRefusal(binding.port.address.port, this.#options.allowPorts);
  }

  /** Why a client that cannot name a service may not have the shared port: its tunnel id stands for the name. */
  refusalOfUnnamed({ grant, identity }: ServerSession): string | undefined {
    const port = this.#sharedAddress?.port;
    return scopeRefusal(grant?.scope ?? {}, { name: identity?.tunnelId ?? "", kind: "tcp", port });
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
      const place = await this.#register(session, message);
      return { type: "register_ack", publicUrl: place.publicUrl, status: "success", place };
    } catch (error) {
      const status = error instanceof Refusal ? error.status : "quota_exceeded";
      return { type: "register_ack", publicUrl: describeError(error), status };
    }
  }

  /** Gives up a service of the client, which knows that it has it no longer. Visitors who are there stay. */
  withdraw(team: ClientTeam, name: string): RegisterAck {
    this.registry.releaseOne(name, team);
    team.directServices.delete(name);
    return { type: "register_ack", publicUrl: "", status: "success" };
  }

  /** Where visitors of a claimed service come in; undefined while it has no place. */
  placeOf({ binding }: ServiceClaim): ServicePlace | undefined {
    if (binding === undefined) return undefined;
    if (binding.kind === "http") return binding.http;
    const address = binding.kind === "port" ? binding.port.address : this.#sharedAddress;
    if (address === undefined) return undefined;
    const hostname = this.#options.publicHost ?? address.hostname;
    return { address, publicUrl: `tcp://${formatAddress({ hostname, port: address.port })}` };
  }

  async #register(session: ServerSession, message: Register): Promise<ServicePlace> {
    const { serviceName: name, protocol, metadata } = message;
    if (!SERVICE_NAME.test(name)) {
      throw new Refusal(
        "invalid_service_name",
        `Service name ${JSON.stringify(name)} is not 1 to 63 of A-Z a-z 0-9 . _ -`,
      );
    }
    if (protocol !== "tcp" && protocol !== "http") {
      throw new Refusal("invalid_service_name", `Services of kind ${protocol} are not served`);
    }
    const requested = protocol === "http" ? undefined : parsePort(metadata.get("remote_port"));
    this.#checkAllowed(requested);
    const { team, grant } = session;
    if (team === undefined) throw new TypeError("A session registers after its handshake");
    const scope = grant?.scope ?? {};
    const port = protocol === "http" ? undefined : requested ?? this.#sharedAddress?.port;
    refuseOutside(scope, { name, kind: protocol, port: port === 0 ? undefined : port });
    const { identity } = team;
    if (this.registry.lookup(name) === undefined) this.#makeRoom(identity);
    const claim = this.registry.claim(name, identity, team);
    if (claim === undefined) {
      throw new Refusal("service_name_taken", `Service name ${name} belongs to another client`);
    }
    try {
      if (protocol === "http") this.#bindHttp(claim, metadata, scope);
      else if (requested === undefined) this.#bindShared(claim);
      else await this.#bindOwn(claim, requested, commonPorts(this.#options.allowPorts, scope.ports));
      // The scope and the rules may have changed while the port was being bound.
      const refusal = this.ruleRefusal(claim);
      if (refusal !== undefined) throw new Refusal("quota_exceeded", refusal);
      if (claim.binding !== undefined) refuseOutside(grant?.scope ?? {}, this.scopedService(claim));
      if (isDirect(message) && team.direct !== undefined) team.directServices.add(name);
      else team.directServices.delete(name);
      const place = this.placeOf(claim);
      if (place === undefined) throw new TunnelError("CLOSED", `Service ${name} was given up meanwhile`);
      return place;
    } catch (error) {
      this.registry.releaseOne(name, team);
      throw error;
    }
  }

  #bindHttp(claim: ServiceClaim, metadata: Register["metadata"], scope: ScopeOptions): void {
    const { http } = this.#options;
    if (http === undefined) throw new Refusal("quota_exceeded", "The server has no port for HTTP services");
    if (claim.binding?.kind !== "http") void this.#unbind(claim);
    const { name, identity, binding } = claim;
    const before = binding?.kind === "http" ? binding.http : undefined;
    claim.binding = undefined;
    try {
      const target = (): VisitorTarget | undefined => targetOf(claim);
      const permit = (hosts: readonly string[]): void => refuseOutside(scope, { name, kind: "http", hosts });
      claim.binding = { kind: "http", http: http.bind({ name, identity, metadata, target, permit }, before) };
    } catch (error) {
      if (!(error instanceof HttpRefusal)) throw error;
      throw new Refusal(error.taken ? "service_name_taken" : "quota_exceeded", error.message);
    }
  }

  #checkAllowed(port: number | undefined): void {
    if (port === undefined || port === 0) return;
    const refusal = portRefusal(port, this.#options.allowPorts);
    if (refusal !== undefined) throw new Refusal("quota_exceeded", refusal);
  }

  /** What is kept for a client counts as its own; it gives way to what the client wants now. */
  #makeRoom(identity: Identity): void {
    const { maxServices } = this.#options;
    if (this.registry.countOf(identity) < maxServices || this.registry.releaseOldestOrphan(identity)) return;
    throw new Refusal("quota_exceeded", `The server allows ${maxServices} services for one client`);
  }

  #bindShared(claim: ServiceClaim): void {
    if (this.#sharedAddress === undefined) {
      throw new Refusal(
        "quota_exceeded",
        "The server has no shared port; ask for a remote port, 0 lets the server pick",
      );
    }
    if (claim.binding?.kind !== "shared") void this.#unbind(claim);
    claim.binding ??= { kind: "shared", holder: { target: () => targetOf(claim) } };
    if (claim.binding.kind === "shared" && !this.shared.take(claim.binding.holder)) {
      throw new Refusal("service_name_taken", "The server's shared port serves another service");
    }
  }

  async #bindOwn(claim: ServiceClaim, requested: number, allowed: readonly PortRange[]): Promise<void> {
    const bound = claim.binding;
    if (
      bound?.kind === "port" &&
      (requested === bound.requestedPort || requested === bound.port.address.port) &&
      isAllowed(bound.port.address.port, allowed)
    ) {
      return;
    }
    await this.#unbind(claim);
    const port = await this.#listen(claim, requested, allowed);
    if (this.registry.lookup(claim.name) !== claim) { // Given up meanwhile.
      await port.close();
      throw new TunnelError("CLOSED", `Service ${claim.name} was given up while its port was being bound`);
    }
    claim.binding = { kind: "port", requestedPort: requested, port };
  }

  async #listen(claim: ServiceClaim, requested: number, allowed: readonly PortRange[]): Promise<VisitorPort> {
    const { serviceHost: hostname, bindPort } = this.#options;
    const target = (): VisitorTarget | undefined => targetOf(claim);
    let failure: unknown = new Refusal("quota_exceeded", "The server allows no ports");
    for (const port of requested === 0 ? portCandidates(allowed) : [requested]) {
      try {
        return await bindPort({ hostname, port }, target);
      } catch (error) {
        failure = error;
      }
    }
    throw new Refusal("service_name_taken", describeError(failure));
  }

  #released(claim: ServiceClaim): void {
    void this.#unbind(claim);
    this.#options.onReleased(claim);
  }

  /** Frees what is bound for a claim. The claim has no binding from the call on. */
  async #unbind(claim: ServiceClaim): Promise<void> {
    const { binding } = claim;
    claim.binding = undefined;
    if (binding?.kind === "port") await binding.port.close();
    else if (binding?.kind === "shared") this.shared.leave(binding.holder);
    else if (binding?.kind === "http") this.#options.http?.release(binding.http);
  }
}

/** @throws {Refusal} for a service that is not permitted */
function refuseOutside(scope: ScopeOptions, service: ScopedService): void {
  const refusal = scopeRefusal(scope, service);
  if (refusal !== undefined) throw new Refusal("quota_exceeded", refusal);
}

function targetOf(claim: ServiceClaim): VisitorTarget | undefined {
  const { name, owner } = claim;
  const session = owner?.pick();
  if (session === undefined) return undefined;
  return {
    service: name,
    session,
    direct: owner?.directServices.has(name) === true ? owner.direct : undefined,
  };
}

/** Requests over HTTP are streams in any case. @throws {Refusal} for a mode that does not exist */
function isDirect({ protocol, metadata }: Register): boolean {
  const mode = metadata.get("mode") ?? "multiplexed";
  if (mode === "multiplexed" || (mode === "direct" && protocol === "tcp")) return mode === "direct";
  throw new Refusal(
    "quota_exceeded",
    `Mode ${JSON.stringify(mode)} is not one for services of kind ${protocol}`,
  );
}

function parsePort(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const port = /^\d{1,5}$/.test(text) ? Number(text) : NaN;
  if (!(port <= 65535)) {
    throw new Refusal("quota_exceeded", `Remote port ${JSON.stringify(text)} is not 0 to 65535`);
  }
  return port;
}
