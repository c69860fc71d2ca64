/**
 * Configuration: defaults, a YAML file, environment variables and flags become one checked value that knows the origin
 * of its every part.
 *
 * @example
 * ```ts
 * import { loadConfig, renderConfig, resolveServer } from "./mod.ts";
 *
 * const loaded = loadConfig("server", {
 *   file: { path: "server.yaml", text: "bind: 127.0.0.1:0\ntoken: opensesame" },
 *   environment: () => undefined,
 *   flags: new Map(),
 *   machineName: "box",
 * });
 * console.log(renderConfig(loaded)); // the token is shown as ***
 * const { options } = await resolveServer(loaded, { readTextFile: () => Promise.reject(new Error("not needed")) });
 * console.log(options.bind); // { hostname: "127.0.0.1", port: 0 }
 * ```
 *
 * @module
 */
export { parseAddress, type ParseAddressOptions } from "./address.ts";
export { type ConfigChange, type Configured, describeChange, diffClient, diffServer } from "./diff.ts";
export { escapeControls, TOKEN_EXPECTED, TOKEN_PATTERN } from "./fields.ts";
export { type ConfigSources, loadConfig, type LoadedConfig, recognizeRole } from "./load.ts";
export type { Entry } from "./merge.ts";
export { describeOrigin, formatPath, type Origin, type Path } from "./origin.ts";
export { ConfigError, formatProblem, type Problem } from "./problem.ts";
export { defaultOf, jsonSchema, meaningOf, referenceTable, settingsTable } from "./reference.ts";
export { renderConfig } from "./render.ts";
export {
  type AdminSettings,
  lacksToken,
  type ProgramSettings,
  resolveClient,
  type ResolvedConfig,
  type ResolveOptions,
  resolveServer,
} from "./resolve.ts";
export { type ClientConfig, type Role, ROLES, type ServerConfig } from "./schema.ts";
export { CONFIG_VARIABLE, type Setting, SETTINGS } from "./settings.ts";
export { LOG_FORMATS, LOG_LEVELS, type LogFormatName, type LogLevelName } from "./shared_schema.ts";
