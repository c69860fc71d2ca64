/**
 * The plugins of a checked configuration, as the tunnel is told them.
 *
 * @module
 */
import { describeError } from "../errors.ts";
import { isUserName } from "../plugins/basic.ts";
import { pluginFactory, type PluginSpec } from "../plugins/create_plugins.ts";
import { parsePasswordHash } from "../plugins/password.ts";
import { isTokenText } from "../plugins/token.ts";
import type { PluginFactory } from "../plugins/types.ts";
import type { HttpServerOptions } from "../tunnel/options.ts";
import { compact, defined } from "./compact.ts";
import type { Path } from "./origin.ts";
import type { ServerConfig } from "./schema.ts";

type Http = NonNullable<ServerConfig["http"]>;
type PluginConfig = NonNullable<Http["plugins"]>[string];
type Plain<Type extends PluginConfig["type"]> = Extract<PluginConfig, { type: Type }>;

/** Where plugins get what stands in files. A problem is noted, and `undefined` is what comes back. */
export interface PluginFiles {
  /** Notes what is wrong with the value at a path. */
  add(path: Path, message: string): void;
  /** The text of the file that the value at a path names. */
  read(path: Path, name: string | undefined): Promise<string | undefined>;
  /** What the module exports that the value at a path names. */
  importModule(path: Path, name: string): Promise<unknown>;
}

/**
 * Makes what the tunnel is told about plugins.
 *
 * @param http What the configuration says.
 * @param files Reads what it names.
 */
export async function resolvePlugins(
  http: Http,
  files: PluginFiles,
): Promise<Pick<HttpServerOptions, "plugins" | "use" | "services">> {
  const factories: Record<string, PluginFactory> = {};
  for (const [name, config] of Object.entries(http.plugins ?? {})) {
    const path = ["http", "plugins", name];
    const spec = await specOf(config, path, files);
    try {
      if (spec !== undefined) factories[name] = pluginFactory(spec);
    } catch (error) {
      files.add([...path, "type"], describeError(error));
    }
  }
  const services = Object.entries(http.services ?? {}).map(([name, policy]) => [name, compact(policy)]);
  return {
    ...(http.plugins === undefined ? {} : { plugins: factories }),
    ...defined("use", http.use),
    ...(http.services === undefined ? {} : { services: Object.fromEntries(services) }),
  };
}

async function specOf(config: PluginConfig, path: Path, files: PluginFiles): Promise<PluginSpec | undefined> {
  switch (config.type) {
    case "token": {
      const tokens = [...config.tokens ?? [], ...await readTokens(config, path, files) ?? []];
      if (config.tokensFile !== undefined && tokens.length === 0) return undefined; // Noted already.
      const { header, forward } = config;
      return { type: "token", tokens, ...compact({ header, forward }) };
    }
    case "basic": {
      const users = { ...config.users, ...await readUsers(config, path, files) };
      if (config.usersFile !== undefined && Object.keys(users).length === 0) return undefined;
      const { realm, forward, rememberMs } = config;
      return { type: "basic", users, ...compact({ realm, forward, rememberMs }) };
    }
    case "rateLimit": {
      const { perSecond, burst, by, byHeader, maxKeys } = config;
      if (by !== undefined && byHeader !== undefined) {
        files.add([...path, "byHeader"], "Expected one of by and byHeader but got both");
      }
      const key = byHeader === undefined ? by : { header: byHeader };
      return { type: "rateLimit", perSecond, ...compact({ burst, maxKeys }), ...defined("by", key) };
    }
    case "headers": {
      const { request, response } = config;
      return {
        type: "headers",
        ...defined("request", request && compact(request)),
        ...defined("response", response && compact(response)),
      };
    }
    case "module": {
      const module = await files.importModule([...path, "path"], config.path);
      if (module === undefined) return undefined;
      const { options, failOpen } = config;
      return { type: "module", module, ...compact({ options, failOpen }) };
    }
    case "ip":
      return { type: config.type, ...compact({ allow: config.allow, deny: config.deny }) };
    case "breaker": {
      const { type, failures, windowMs, openMs } = config;
      return { type, ...compact({ failures, windowMs, openMs }) };
    }
    case "log": {
      const { type, format, headers, redactQuery } = config;
      return { type, ...compact({ format, headers, redactQuery }) };
    }
  }
}

async function readTokens(
  { tokensFile }: Plain<"token">,
  path: Path,
  files: PluginFiles,
): Promise<string[] | undefined> {
  const lines = linesOf(await files.read([...path, "tokensFile"], tokensFile));
  const wrong = lines?.find(({ text }) => !isTokenText(text));
  if (wrong !== undefined) {
    files.add([...path, "tokensFile"], `Expected a token, or sha256: and its hash, in line ${wrong.number}`);
  } else if (lines?.length === 0) {
    files.add([...path, "tokensFile"], "Expected a token but the file has none");
  }
  return lines?.map(({ text }) => text);
}

async function readUsers(
  { usersFile }: Plain<"basic">,
  path: Path,
  files: PluginFiles,
): Promise<Record<string, string> | undefined> {
  const lines = linesOf(await files.read([...path, "usersFile"], usersFile));
  if (lines?.length === 0) files.add([...path, "usersFile"], "Expected a user but the file has none");
  return lines && Object.fromEntries(lines.flatMap(({ number, text }) => {
    const colon = text.indexOf(":");
    const [name, hash] = [text.slice(0, colon), text.slice(colon + 1)];
    if (isUserName(name) && parsePasswordHash(hash) !== undefined) return [[name, hash]];
    files.add([...path, "usersFile"], `Expected a user, : and the hash of a password in line ${number}`);
    return [];
  }));
}

/** Lines with something in them; those that begin with # are comments. */
function linesOf(text: string | undefined): { readonly number: number; readonly text: string }[] | undefined {
  return text?.split("\n").map((line, index) => ({ number: index + 1, text: line.trim() }))
    .filter((line) => line.text !== "" && !line.text.startsWith("#"));
}
