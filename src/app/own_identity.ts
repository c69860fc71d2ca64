/**
 * The TLS identity that a server has when it is given none.
 *
 * @module
 */
import { TunnelError } from "../errors.ts";
import type { Logger } from "../log.ts";
import type { Runtime } from "../runtime/types.ts";
import { openIdentity } from "../trust/identity_store.ts";
import { defaultStateDirectory } from "../trust/state_directory.ts";
import type { ServerOptions } from "../tunnel/options.ts";

/** What {@linkcode withIdentity} runs on. */
export interface IdentityDependencies {
  readonly runtime: Pick<Runtime, "env" | "userId">;
  readonly logger: Logger;
}

/**
 * Gives a server that speaks TLS and has no certificate its own, from its state directory; makes it the first time.
 *
 * @param options What the server is told.
 * @param dependencies What it runs on.
 * @returns The options, complete.
 * @throws {TunnelError} `CONFIG` when the identity can be kept nowhere, or is damaged
 */
export async function withIdentity(
  options: ServerOptions,
  { runtime, logger }: IdentityDependencies,
): Promise<ServerOptions> {
  const { tls } = options;
  if (tls === undefined || tls.cert !== undefined || tls.key !== undefined) return options;
  const directory = options.stateDir ?? stateDirectory(runtime);
  const { cert, key, fingerprint, created, warning } = await openIdentity({ directory });
  if (created) logger.info("Made a TLS key in {directory}: {fingerprint}", { directory, fingerprint });
  if (warning !== undefined) logger.warn("{warning}", { warning });
  return { ...options, tls: { ...tls, cert, key } };
}

/**
 * The state directory when none is named.
 *
 * @param runtime Knows the user and the environment.
 * @throws {TunnelError} `CONFIG` when there is no place for one
 */
export function stateDirectory(runtime: IdentityDependencies["runtime"]): string {
  const directory = defaultStateDirectory({
    environment: (name) => runtime.env(name),
    userId: runtime.userId(),
  });
  if (directory !== undefined) return directory;
  throw new TunnelError(
    "CONFIG",
    "Cannot find a directory for the server's TLS key, because HOME is not known: name one (--state-dir)",
  );
}
