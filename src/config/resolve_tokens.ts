/**
 * Who may connect to a server, and with what a client comes.
 *
 * @module
 */
import { parsePrivateKey } from "../trust/client_key.ts";
import type { KeyOptions, ScopeOptions, TokenOptions } from "../tunnel/options.ts";
import { compact } from "./compact.ts";
import type { Path } from "./origin.ts";
import type { ClientConfig, ServerConfig } from "./schema.ts";

/** Reads files, and takes note of what is wrong with them. */
export interface TokenFiles {
  add(path: Path, message: string): void;
  read(path: Path, name: string | undefined): Promise<string | undefined>;
  readToken(path: Path, name: string | undefined): Promise<string | undefined>;
}

type Scoped = NonNullable<ServerConfig["tokens"]>[number] | NonNullable<ServerConfig["keys"]>[number];

/** The tokens of a server. @param given One from elsewhere, such as a prompt. */
export async function resolveTokens(
  config: ServerConfig,
  files: TokenFiles,
  given: string | undefined,
): Promise<TokenOptions[]> {
  const tokens: TokenOptions[] = [];
  for (const [index, entry] of (config.tokens ?? []).entries()) {
    const { name, hash, tokenFile } = entry;
    const common = { name, ...scopeOf(entry) };
    if (hash !== undefined) {
      tokens.push({ ...common, hash: hash.toLowerCase() });
      continue;
    }
    const token = entry.token ?? await files.readToken(["tokens", index, "tokenFile"], tokenFile);
    if (token === undefined) continue;
    const same = tokens.find((other) => other.token === token);
    if (same !== undefined) files.add(["tokens", index, "name"], `Has the same token as "${same.name}"`);
    tokens.push({ ...common, token });
  }
  const only = config.token ?? await files.readToken(["tokenFile"], config.tokenFile) ?? given;
  if (only !== undefined) tokens.push({ name: "default", token: only });
  return tokens;
}

/** The keys of a server. */
export function resolveKeys(config: ServerConfig): KeyOptions[] {
  return (config.keys ?? []).map((entry) => ({
    name: entry.name,
    publicKey: entry.publicKey,
    ...scopeOf(entry),
  }));
}

/** The private key of a client, PEM; undefined when it has none, or one that cannot be used. */
export async function resolveKey(config: ClientConfig, files: TokenFiles): Promise<string | undefined> {
  const pem = await files.read(["keyFile"], config.keyFile);
  if (pem === undefined || parsePrivateKey(pem) !== undefined) return pem;
  files.add(["keyFile"], `Expected a private key made by \`ferrotunnel key\` in ${config.keyFile}`);
  return undefined;
}

function scopeOf(entry: Scoped): ScopeOptions {
  const { services, hosts, ports, kinds, maxConnections, maxStreams, bandwidth, expires } = entry;
  return compact({ services, hosts, ports, kinds, maxConnections, maxStreams, bandwidth, expires });
}
