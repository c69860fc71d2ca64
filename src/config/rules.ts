/**
 * Rules that span several values, or that hold only once all sources are merged.
 *
 * @module
 */
import { describeError } from "../errors.ts";
import { encodeHttpService } from "../tunnel/http_service.ts";
import { isLoopback, leadsToLoopback } from "../trust/loopback.ts";
import { showValue } from "./fields.ts";
import type { Entry } from "./merge.ts";
import { formatPath, type Origin, type Path } from "./origin.ts";
import type { Problem } from "./problem.ts";
import { resolveService } from "./resolve_http.ts";
import type { ClientConfig, ConfigOf, Role, ServerConfig } from "./schema.ts";
import { suggest } from "./suggest.ts";
import { clientSpeaksTls, serverSpeaksTls } from "./resolve_tls.ts";

/** Collects problems at places of a merged configuration. */
class Findings {
  readonly problems: Problem[] = [];
  readonly #origins: ReadonlyMap<string, Origin>;

  constructor(entries: readonly Entry[]) {
    this.#origins = new Map(entries.map(({ path, origin }) => [formatPath(path), origin]));
  }

  add(path: Path, message: string): void {
    this.problems.push({ origin: this.originWithin(path), path, message });
  }

  originOf(path: Path): Origin {
    return this.#origins.get(formatPath(path)) ?? { kind: "default" };
  }

  /** Where the first of the values within came from. */
  originWithin(path: Path): Origin {
    const start = formatPath(path);
    for (const [text, origin] of this.#origins) {
      if (text === start || text.startsWith(`${start}.`) || text.startsWith(`${start}[`)) return origin;
    }
    return { kind: "default" };
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
  const { tls, tokens, keys } = config;
  if (tls?.ca !== undefined && !serverSpeaksTls(tls)) {
    findings.add(["tls", "ca"], "Has no effect without TLS: give --tls or set tls.enabled");
  }
  if (tls?.cert !== undefined && !serverSpeaksTls(tls)) {
    findings.add(["tls", "cert"], "Has no effect with tls.enabled: false");
  }
  if (tokens !== undefined && (config.token !== undefined || config.tokenFile !== undefined)) {
    findings.add(["tokens", 0, "name"], "Expected tokens alone but got token or tokenFile beside it");
  }
  // A token that has no name of its own is called "default".
  const names = new Set(config.token === undefined && config.tokenFile === undefined ? [] : ["default"]);
  tokens?.forEach((entry, index) => {
    if (names.has(entry.name)) findings.add(["tokens", index, "name"], `Name "${entry.name}" is given twice`);
    names.add(entry.name);
    const given = [entry.token, entry.tokenFile, entry.hash].filter((value) => value !== undefined).length;
    if (given !== 1) {
      const got = given === 0 ? "none" : given === 2 ? "two" : "all";
      findings.add(
        ["tokens", index, "name"],
        `Expected one of token, hash and tokenFile beside it but got ${got}`,
      );
    }
  });
  keys?.forEach((entry, index) => {
    if (names.has(entry.name)) findings.add(["keys", index, "name"], `Name "${entry.name}" is given twice`);
    names.add(entry.name);
    const same = keys.slice(0, index).find(({ publicKey }) => publicKey === entry.publicKey);
    if (same !== undefined) findings.add(["keys", index, "publicKey"], `Is the key of "${same.name}" too`);
  });
  checkHttp(config, findings);
  checkPluginNames(config, findings);
  findings.ordered(config.limits, "maxUnauthenticatedPerAddress", "maxUnauthenticated");
}

function checkHttp({ http }: ServerConfig, findings: Findings): void {
  if (http === undefined || http.bind !== undefined) return;
  if (http.https === undefined) {
    for (const key of Object.keys(http)) {
      // A variable may be set for the whole machine; in a file or on a command line it is a mistake.
      if (findings.originWithin(["http", key]).kind === "environment") continue;
      findings.add(["http", key], "Has no effect without http.bind (--http-bind) or http.https");
    }
  } else if (http.https.redirect === true) {
    findings.add(["http", "https", "redirect"], "Has no effect without http.bind (--http-bind)");
  }
}

function checkPluginNames({ http }: ServerConfig, findings: Findings): void {
  const names = Object.keys(http?.plugins ?? {});
  const check = (use: readonly string[] | undefined, path: Path): void => {
    use?.forEach((name, index) => {
      if (names.includes(name)) return;
      const meant = suggest(name, names);
      const hint = meant === undefined ? "" : `; did you mean "${meant}"?`;
      findings.add([...path, index], `No plugin in http.plugins has the name ${showValue(name)}${hint}`);
    });
  };
  check(http?.use, ["http", "use"]);
  for (const [name, { use }] of Object.entries(http?.services ?? {})) {
    check(use, ["http", "services", name, "use"]);
  }
}

/** The token goes to whatever server there is. */
function checkSkipVerify({ tls, server }: ClientConfig, findings: Findings): void {
  if (tls?.skipVerify !== true) return;
  for (const key of ["ca", "pins", "serverName"] as const) {
    if (tls[key] !== undefined) findings.add(["tls", key], "Has no effect beside tls.skipVerify");
  }
  const remote = [server ?? []].flat().find(({ hostname }) => !leadsToLoopback(hostname));
  if (remote === undefined) return;
  findings.add(
    ["tls", "skipVerify"],
    `Would give the token to anybody between here and ${remote.hostname}: only for a server on this machine; ` +
      "pin the server's key (--pin) instead",
  );
}

function checkClient(config: ClientConfig, findings: Findings): void {
  if (config.keyFile !== undefined && (config.token !== undefined || config.tokenFile !== undefined)) {
    findings.add(["keyFile"], "Expected one of keyFile, token and tokenFile but got more");
  }
  if (config.server === undefined) {
    findings.add(["server"], "Missing: give --server, FERROTUNNEL_SERVER or server in a configuration file");
  }
  if (Object.keys(config.services ?? {}).length === 0) {
    findings.add(
      ["services"],
      "Missing: give --local-addr, FERROTUNNEL_LOCAL_ADDR or services in a configuration file",
    );
  }
  for (const [name, service] of Object.entries(config.services ?? {})) {
    const options = resolveService(name, service);
    try {
      if (options.kind === "http") encodeHttpService(options);
    } catch (error) {
      findings.add(["services", name, "type"], describeError(error));
    }
  }
  // Somebody who names an authority or a certificate believes to speak TLS; plain TCP in silence would betray that.
  if (!clientSpeaksTls(config.tls) && config.tls?.enabled === undefined) {
    for (const key of ["ca", "cert", "key", "serverName", "skipVerify"] as const) {
      const origin = findings.originOf(["tls", key]);
      if (origin.kind === "default") continue;
      findings.add(["tls", key], "Has no effect without TLS: give --tls or set tls.enabled");
    }
  }
  checkSkipVerify(config, findings);
  findings.ordered(config.limits, "reconnectMinMs", "reconnectMaxMs");
}
