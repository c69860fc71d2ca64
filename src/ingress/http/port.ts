/**
 * What all exchanges of a port share.
 *
 * @module
 */
import type { HeadLimits } from "../../http/head_limits.ts";
import type { Logger } from "../../log.ts";
import type { Counters } from "../../observe/counters.ts";
import type { TunnelEnvironment } from "../../tunnel/environment.ts";
import type { PluginRegistry } from "../../plugins/registry.ts";
import type { HttpRoutes } from "../../tunnel/http_ingress.ts";
import type { ServerLimits } from "../../tunnel/options.ts";
import type { Http2Origins } from "./http2_origins.ts";
import type { OriginPools } from "./origin_pool.ts";

/** What all exchanges of a port share. */
export interface HttpPort {
  readonly environment: TunnelEnvironment & { readonly counters: Counters };
  readonly limits: ServerLimits;
  readonly logger: Logger;
  readonly headLimits: HeadLimits;
  readonly routes: HttpRoutes;
  readonly origins: OriginPools;
  /** The same for services that speak HTTP/2. */
  readonly http2Origins: Http2Origins;
  /** What else sees requests: `plugins.chain(…)` names those of a service. */
  readonly plugins: PluginRegistry | undefined;
  /** How visitors reach it. */
  readonly scheme: "http" | "https";
  /** The public port of HTTPS to which every request is sent. */
  readonly redirectToPort: number | undefined;
  /** Value of `Strict-Transport-Security`. */
  readonly hsts: string | undefined;
  /** Whether no more requests than those under way are wanted. */
  readonly stopping: boolean;
  /** Whether an address is that of a proxy whose word is taken for who is behind it. */
  isTrusted(address: string): boolean;
}
