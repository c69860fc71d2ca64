/**
 * What all exchanges of a port share.
 *
 * @module
 */
import type { Logger } from "../../log.ts";
import type { Counters } from "../../observe/counters.ts";
import type { TunnelEnvironment } from "../../tunnel/environment.ts";
import type { HttpRoutes } from "../../tunnel/http_ingress.ts";
import type { Http2Origins } from "./http2_origins.ts";
import type { OriginPools } from "./origin_pool.ts";
import type { HttpSettings } from "./settings.ts";

/** What all exchanges of a port share. */
export interface HttpPort {
  readonly environment: TunnelEnvironment & { readonly counters: Counters };
  /** What counts for requests that begin now; another value after a reload. */
  readonly settings: HttpSettings;
  readonly logger: Logger;
  readonly routes: HttpRoutes;
  readonly origins: OriginPools;
  /** The same for services that speak HTTP/2. */
  readonly http2Origins: Http2Origins;
  /** How visitors reach it. */
  readonly scheme: "http" | "https";
  /** Whether no more requests than those under way are wanted. */
  readonly stopping: boolean;
}
