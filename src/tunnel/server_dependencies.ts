/**
 * What a server is handed beside its options.
 *
 * @module
 */
import type { Clock } from "../clock.ts";
import type { Logger } from "../log.ts";
import type { Counters } from "../observe/counters.ts";
import type { Runtime } from "../runtime/types.ts";
import type { TunnelEnvironment } from "./environment.ts";
import type { ServerEvent } from "./events.ts";
import type { HttpIngress } from "./http_ingress.ts";
import type { ServerLimits } from "./options.ts";
import type { BindPort } from "./visitors.ts";

/** What a server runs on. */
export interface ServerDependencies {
  readonly runtime: Runtime;
  /** Makes the function that binds public ports. */
  readonly ingress: (environment: TunnelEnvironment, limits: ServerLimits) => BindPort;
  /** Makes what takes visitors over HTTP. @default a server that is told of HTTP ports cannot be made */
  readonly httpIngress?: (environment: TunnelEnvironment, limits: ServerLimits) => HttpIngress;
  readonly logger?: Logger;
  readonly clock?: Clock;
  readonly counters?: Counters;
  /** Told what happens; must not throw. */
  readonly onEvent?: (event: ServerEvent) => void;
  /** Awaited when everything else has stopped; must not reject. */
  readonly onStopped?: () => Promise<void>;
}
