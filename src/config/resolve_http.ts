/**
 * The HTTP part of a checked configuration, as the tunnel is told it.
 *
 * @module
 */
import type {
  CertificateOptions,
  HeaderRules,
  HttpServerOptions,
  HttpsOptions,
  ServiceOptions,
} from "../tunnel/options.ts";
import { compact, defined } from "./compact.ts";
import type { Path } from "./origin.ts";
import { type PluginFiles, resolvePlugins } from "./resolve_plugins.ts";
import type { ClientConfig, ServerConfig } from "./schema.ts";

/** Reads the files that a server's HTTP part names. */
export interface HttpFiles extends PluginFiles {
  /** A certificate and its key; undefined when they cannot be used, which is noted. */
  readCertificate(
    path: Path,
    files: { readonly cert: string; readonly key: string },
  ): Promise<CertificateOptions | undefined>;
}

/**
 * Makes a server's HTTP options.
 *
 * @param http What the configuration says; without a port it counts as nothing.
 * @param files Reads the files that it names, and remembers what is wrong with them.
 */
export async function resolveHttp(
  http: ServerConfig["http"],
  files: HttpFiles,
): Promise<HttpServerOptions | undefined> {
  if (http === undefined || (http.bind === undefined && http.https === undefined)) return undefined;
  const { bind, domain, publicPort, allowHosts, trustedProxies } = http;
  const https = await resolveHttps(http.https, files);
  const plugins = await resolvePlugins(http, files);
  return { ...compact({ bind, domain, publicPort, allowHosts, trustedProxies, https }), ...plugins };
}

async function resolveHttps(
  https: NonNullable<ServerConfig["http"]>["https"],
  reader: HttpFiles,
): Promise<HttpsOptions | undefined> {
  if (https === undefined) return undefined;
  const { bind, publicPort, redirect, hsts } = https;
  const certificates: CertificateOptions[] = [];
  for (const [index, files] of https.certificates.entries()) {
    const certificate = await reader.readCertificate(["http", "https", "certificates", index], files);
    if (certificate !== undefined) certificates.push(certificate);
  }
  return {
    bind,
    certificates,
    ...compact({ publicPort, redirect }),
    ...defined("hsts", hsts === undefined ? undefined : compact(hsts)),
  };
}

/**
 * Makes the options of a service.
 *
 * @param name Its name.
 * @param service What the configuration says of it.
 */
export function resolveService(
  name: string,
  service: NonNullable<ClientConfig["services"]>[string],
): ServiceOptions {
  const { local } = service;
  if (service.type === "tcp") {
    const { remotePort, mode } = service;
    return { name, kind: "tcp", local, ...defined("remotePort", remotePort), ...defined("mode", mode) };
  }
  const { hosts, paths, rewriteHost, protocol, plugins } = service;
  const requestHeaders = headerRules(service.requestHeaders);
  const responseHeaders = headerRules(service.responseHeaders);
  return {
    name,
    kind: "http",
    local,
    ...compact({ hosts, paths, rewriteHost, protocol, requestHeaders, responseHeaders, plugins }),
  };
}

function headerRules(
  rules: { set?: Record<string, string> | undefined; remove?: string[] | undefined } | undefined,
): HeaderRules | undefined {
  return rules === undefined ? undefined : compact({ set: rules.set, remove: rules.remove });
}
