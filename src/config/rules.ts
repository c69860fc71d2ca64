/**
 * Rules that span several values, or that hold only once all sources are merged.
 *
 * @module
 */
import { isLoopback } from "./address.ts";
import type { Entry } from "./merge.ts";
import { formatPath, type Origin, type Path } from "./origin.ts";
import type { Problem } from "./problem.ts";
import type { ClientConfig, ConfigOf, Role, ServerConfig } from "./schema.ts";

/** Collects problems at places of a merged configuration. */
class Findings {
  readonly problems: Problem[] = [];
  readonly #origins: ReadonlyMap<string, Origin>;

  constructor(entries: readonly Entry[]) {
    this.#origins = new Map(entries.map(({ path, origin }) => [formatPath(path), origin]));
  }

  add(path: Path, message: string): void {
    this.problems.push({ origin: this.originOf(path), path, message });
  }

  originOf(path: Path): Origin {
    return this.#origins.get(formatPath(path)) ?? { kind: "default" };
  }

  /** Adds a problem unless `large` is at least `small`; blames the one that somebody set. */
  ordered(limits: object | undefined, small: string, large: string): void {
    const values = new Map<string, unknown>(Object.entries(limits ?? {}));
    const smallValue = values.get(small);
    const largeValue = values.get(large);
    if (typeof smallValue !== "number" || typeof largeValue !== "number" || largeValue >= smallValue) return;
    const largeSet = this.originOf(["limits", large]).kind !== "default";
    const message = largeSet
      ? `Expected at least ${smallValue}, which is ${small}, but got ${largeValue}`
      : `Expected at most ${largeValue}, which is ${large}, but got ${smallValue}`;
    this.add(["limits", largeSet ? large : small], message);
  }
}

/**
 * Checks what the schema cannot.
 *
 * @param role Whose configuration.
 * @param config It, valid by the schema.
 * @param entries Its values with their origins.
 * @returns What is wrong.
 */
export function checkRules<R extends Role>(
  role: R,
  config: ConfigOf<R>,
  entries: readonly Entry[],
): Problem[] {
  const findings = new Findings(entries);
  checkShared(config, findings);
  if (role === "server") checkServer(config as ServerConfig, findings);
  else checkClient(config as ClientConfig, findings);
  return findings.problems;
}

function checkShared(config: ServerConfig | ClientConfig, findings: Findings): void {
  const { tls, admin, limits } = config;
  if (config.token !== undefined && config.tokenFile !== undefined) {
    findings.add(["tokenFile"], "Expected one of token and tokenFile but got both");
  }
  if (tls?.cert !== undefined && tls.key === undefined) {
    findings.add(["tls", "cert"], "Needs its private key in tls.key");
  }
  if (tls?.key !== undefined && tls.cert === undefined) {
    findings.add(["tls", "key"], "Needs its certificate in tls.cert");
  }
  if (admin?.token !== undefined && admin.tokenFile !== undefined) {
    findings.add(["admin", "tokenFile"], "Expected one of admin.token and admin.tokenFile but got both");
  }
  const adminToken = admin?.token !== undefined || admin?.tokenFile !== undefined;
  if (admin?.bind !== undefined && !isLoopback(admin.bind.hostname)) {
    if (admin.allowRemote !== true) {
      findings.add(
        ["admin", "bind"],
        "Other machines reach this address: use 127.0.0.1, or set admin.allowRemote",
      );
    } else if (!adminToken) {
      findings.add(["admin", "bind"], "Other machines reach this address: set admin.tokenFile");
    }
  }
  for (const key of ["token", "tokenFile"] as const) {
    // A variable may be set for the whole machine; in a file or on a command line it is a mistake.
    const origin = findings.originOf(["admin", key]);
    if (admin?.bind === undefined && admin?.[key] !== undefined && origin.kind !== "environment") {
      findings.add(["admin", key], "Has no effect without admin.bind");
    }
  }
  findings.ordered(limits, "windowBytes", "maxWindowBytes");
  findings.ordered(limits, "sessionBufferBytes", "processBufferBytes");
  findings.ordered(limits, "heartbeatIntervalMs", "deadAfterMs");
}

function checkServer(config: ServerConfig, findings: Findings): void {
  const { tls, tokens } = config;
  if (tls?.ca !== undefined && tls.cert === undefined) {
    findings.add(["tls", "ca"], "Needs the server's own certificate in tls.cert and tls.key");
  }
  if (tokens !== undefined && (config.token !== undefined || config.tokenFile !== undefined)) {
    findings.add(["tokens", 0, "name"], "Expected tokens alone but got token or tokenFile beside it");
  }
  const names = new Set<string>();
  tokens?.forEach((entry, index) => {
    if (names.has(entry.name)) findings.add(["tokens", index, "name"], `Name "${entry.name}" is given twice`);
    names.add(entry.name);
    if ((entry.token === undefined) === (entry.tokenFile === undefined)) {
      const got = entry.token === undefined ? "neither" : "both";
      findings.add(["tokens", index, "name"], `Expected one of token and tokenFile beside it but got ${got}`);
    }
  });
  findings.ordered(config.limits, "maxUnauthenticatedPerAddress", "maxUnauthenticated");
}

function checkClient(config: ClientConfig, findings: Findings): void {
  if (config.server === undefined) {
    findings.add(["server"], "Missing: give --server, FERROTUNNEL_SERVER or server in a configuration file");
  }
  if (Object.keys(config.services ?? {}).length === 0) {
    findings.add(
      ["services"],
      "Missing: give --local-addr, FERROTUNNEL_LOCAL_ADDR or services in a configuration file",
    );
  }
  // Somebody who names an authority or a certificate believes to speak TLS; plain TCP in silence would betray that.
  if (config.tls?.enabled !== true && findings.originOf(["tls", "enabled"]).kind === "default") {
    for (const key of ["ca", "cert", "key", "serverName"] as const) {
      const origin = findings.originOf(["tls", key]);
      if (origin.kind === "default") continue;
      findings.add(["tls", key], "Has no effect without TLS: give --tls or set tls.enabled");
    }
  }
  findings.ordered(config.limits, "reconnectMinMs", "reconnectMaxMs");
}
