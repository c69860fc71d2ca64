/**
 * From a file, the environment and the command line to one checked configuration whose every value knows its origin.
 * Pure: texts in, values out.
 *
 * @module
 */
import { parseAddress } from "./address.ts";
import { type Entry, type Layer, mergeLayers, nest } from "./merge.ts";
import { formatPath, type Origin, type Path } from "./origin.ts";
import { ConfigError, type Places, type Problem, problemsOf } from "./problem.ts";
import { knownKeys } from "./reference.ts";
import { checkRules } from "./rules.ts";
import {
  type ConfigOf,
  DEFAULTS,
  type Role,
  ROLES,
  SCHEMAS,
  SERVICE_NAME,
  SERVICE_NAME_EXPECTED,
} from "./schema.ts";
import { showValue } from "./fields.ts";
import { readSetting, type Setting, SETTINGS } from "./settings.ts";
import { parseYaml } from "./yaml.ts";

/** Everything a configuration is made from. */
export interface ConfigSources {
  /** The configuration file, read. @default none */
  readonly file?: { readonly path: string; readonly text: string };
  /** Reads an environment variable. An empty one counts as unset. */
  readonly environment: (name: string) => string | undefined;
  /** The flags that were given, by name such as `--bind`; `true` for one without argument. */
  readonly flags: ReadonlyMap<string, string | true>;
  /** Name of this machine, for the names that are made from it. */
  readonly machineName: string;
}

/** A checked configuration. */
export interface LoadedConfig<R extends Role> {
  /** Whose it is. */
  readonly role: R;
  /** Its values. */
  readonly config: ConfigOf<R>;
  /** The same as they were written, with their origins. */
  readonly entries: readonly Entry[];
}

const MERGE = {
  whole: ["services", "tokens", "keys", "allowPorts"],
  alternatives: [["token", "tokenFile", "tokens", "keyFile"], ["admin.token", "admin.tokenFile"]],
} as const;

const DEFAULT_ORIGIN: Origin = { kind: "default" };
const NO_LAYER: Layer = { values: {}, origin: () => DEFAULT_ORIGIN };

/**
 * Merges and checks: defaults < file < environment < flags.
 *
 * @param role Whose configuration.
 * @param sources What it is made from.
 * @returns The configuration.
 * @throws {ConfigError} with everything that is wrong.
 *
 * @example
 * ```ts
 * import { loadConfig } from "./load.ts";
 *
 * const { config } = loadConfig("server", {
 *   file: { path: "server.yaml", text: "bind: 127.0.0.1:7835" },
 *   environment: () => undefined,
 *   flags: new Map([["--bind", "127.0.0.1:9000"]]),
 *   machineName: "box",
 * });
 * console.log(config.bind); // { hostname: "127.0.0.1", port: 9000 }
 * ```
 */
export function loadConfig<R extends Role>(role: R, sources: ConfigSources): LoadedConfig<R> {
  const problems: Problem[] = [];
  const layers: Layer[] = [{ values: DEFAULTS[role], origin: () => DEFAULT_ORIGIN }];
  if (sources.file !== undefined) {
    const file = parseYaml(sources.file.text, sources.file.path);
    problems.push(...file.problems);
    if (file.problems.length === 0) problems.push(...checkLayer(role, file.values, file));
    layers.push(file);
  }
  const environment = settingsLayer(role, (setting) => {
    const text = sources.environment(setting.variable);
    if (text === undefined || text === "") return undefined;
    // Files and shells like to leave a line end after a token.
    const value = setting.path.at(-1) === "token"
      ? text.replace(/[\r\n]+$/, "")
      : readSetting(text, setting.kind);
    return { value, origin: { kind: "environment", name: setting.variable } };
  });
  const flags = settingsLayer(role, (setting) => {
    const given = setting.flag === undefined ? undefined : sources.flags.get(setting.flag);
    if (given === undefined || setting.flag === undefined) return undefined;
    const value = given === true ? true : readSetting(given, setting.kind);
    return { value, origin: { kind: "flag", name: setting.flag } };
  });
  const single = singleService([environment, flags], sources.machineName, problems);
  for (const layer of [environment, flags, single]) {
    problems.push(...checkLayer(role, layer.values, { origin: layer.origin, keyOrigin: layer.origin }));
    layers.push(layer);
  }
  if (problems.length > 0) throw new ConfigError(problems);
  const entries = mergeLayers(layers, MERGE);
  // Every layer is valid by itself, and so is what the merge makes of them.
  const config = SCHEMAS[role].parse(nest(entries)) as ConfigOf<R>;
  problems.push(...checkRules(role, config, entries));
  if (problems.length > 0) throw new ConfigError(problems);
  return { role, config, entries };
}

function checkLayer(role: Role, values: unknown, places: Places): Problem[] {
  const result = SCHEMAS[role].safeParse(values);
  if (result.success) return [];
  return problemsOf(result.error.issues, places, (path) => knownKeys(role, path));
}

/** Flags or variables, with those of the command line's one service kept apart. */
interface SettingsLayer extends Layer {
  readonly service: ReadonlyMap<string, { readonly value: unknown; readonly origin: Origin }>;
}

function settingsLayer(
  role: Role,
  read: (setting: Setting) => { value: unknown; origin: Origin } | undefined,
): SettingsLayer {
  const entries: Entry[] = [];
  const service = new Map<string, { value: unknown; origin: Origin }>();
  const origins = new Map<string, Origin>();
  for (const setting of SETTINGS[role]) {
    const found = read(setting);
    if (found === undefined) continue;
    if (setting.path[0] === "service") service.set(String(setting.path[1]), found);
    else entries.push({ path: setting.path, ...found });
    origins.set(formatPath(setting.path), found.origin);
  }
  // Of a token and a token's file in the environment the token counts.
  const isOutdone = ({ path }: Entry): boolean => {
    return path.at(-1) === "tokenFile" && origins.has(formatPath([...path.slice(0, -1), "token"]));
  };
  const values = nest(entries.filter((entry) => !isOutdone(entry)));
  const origin = (path: Path): Origin => {
    for (let length = path.length; length > 0; length--) {
      const found = origins.get(formatPath(path.slice(0, length)));
      if (found !== undefined) return found;
    }
    return DEFAULT_ORIGIN;
  };
  return { values, origin, service };
}

/** Makes the one service that flags and variables describe into a layer of its own, above both. */
function singleService(layers: readonly SettingsLayer[], machineName: string, problems: Problem[]): Layer {
  const given = new Map(layers.flatMap((layer) => [...layer.service]));
  const local = given.get("local");
  if (local === undefined) {
    for (const [key, { origin }] of given) {
      // Set for a whole machine, a variable may well be of no use to one call.
      if (origin.kind !== "flag") continue;
      problems.push({
        origin,
        path: [],
        message: `Needs --local-addr, the service whose ${describeKey(key)} this is`,
      });
    }
    return NO_LAYER;
  }
  const name = given.get("name") ??
    { value: defaultServiceName(String(local.value), machineName), origin: local.origin };
  if (!SERVICE_NAME.test(String(name.value))) {
    const message = `Expected ${SERVICE_NAME_EXPECTED} but got ${showValue(name.value)}`;
    problems.push({ origin: name.origin, path: [], message });
    return NO_LAYER;
  }
  const type = given.get("type")?.value ?? "tcp";
  const service: Record<string, unknown> = { type };
  for (const [key, { value, origin }] of given) {
    const only = KEY_OF_TYPE[key];
    if (key === "name" || key === "type") continue;
    if (only === undefined || only === type) service[key] = value;
    else if (origin.kind === "flag") {
      problems.push({ origin, path: [], message: `Is for services of type ${only}: give --type ${only}` });
    }
  }
  return {
    values: { services: { [String(name.value)]: service } },
    origin: (path) => {
      if (path.length === 2) return name.origin;
      return given.get(String(path[2]))?.origin ?? local.origin;
    },
  };
}

/** The type of service that alone has a key. */
const KEY_OF_TYPE: Readonly<Record<string, string>> = {
  remotePort: "tcp",
  mode: "tcp",
  hosts: "http",
  paths: "http",
  rewriteHost: "http",
};

function describeKey(key: string): string {
  const words: Readonly<Record<string, string>> = {
    remotePort: "public port",
    hosts: "host",
    paths: "path",
    rewriteHost: "rewritten host",
  };
  return words[key] ?? key;
}

/**
 * A name for a service that was given none. The machine's name is in it because names are unique on a server.
 *
 * @param local Where the service is.
 * @param machineName Name of this machine.
 */
export function defaultServiceName(local: string, machineName: string): string {
  const port = parseAddress(local, { defaultHost: "127.0.0.1" })?.port ?? 0;
  const machine = machineName.split(".")[0]?.replace(/[^A-Za-z0-9-]+/g, "-").replace(/^-+/, "").slice(0, 48);
  return `${machine === undefined || machine === "" ? "service" : machine}-${port}`;
}

/**
 * Tells from its keys whose configuration a file is.
 *
 * @param text The file's content.
 * @param path Its name for messages.
 * @returns The role, or undefined when its keys could be either's.
 * @throws {ConfigError} when it is not YAML.
 */
export function recognizeRole(text: string, path: string): Role | undefined {
  const file = parseYaml(text, path);
  if (file.problems.length > 0) throw new ConfigError(file.problems);
  const keys = Object.keys(file.values);
  const scores = ROLES.map((role) => {
    const others = ROLES.filter((other) => other !== role).flatMap((other) => knownKeys(other, []));
    const own = knownKeys(role, []).filter((key) => !others.includes(key));
    return { role, score: keys.filter((key) => own.includes(key)).length };
  }).sort((left, right) => right.score - left.score);
  const [best, next] = scores;
  return best === undefined || best.score === next?.score ? undefined : best.role;
}
