/**
 * What configurations say about HTTP.
 *
 * @module
 */
import { z } from "zod";
import { canonicalHost, parseHostPattern } from "../http/host.ts";
import { canonicalPrefix } from "../tunnel/http_paths.ts";
import { isPluginName, isRewriteHost, isRuleName, isRuleValue } from "../tunnel/http_service.ts";
import { HTTP_SERVICE_PROTOCOLS } from "../tunnel/options.ts";
import { isIpRange } from "./address.ts";
import { httpPluginFields } from "./plugins_schema.ts";
import {
  address,
  canonicalText,
  choice,
  filePath,
  hiddenText,
  keptWhen,
  listOf,
  mapping,
  setOf,
  wholeNumber,
  yesOrNo,
} from "./fields.ts";

/** Two years: as long as anybody asks browsers to remember anything. */
const MAX_HSTS_SECONDS = 63_072_000;

const hostPattern = canonicalText(
  'a host such as "app.example.com", or a pattern such as "*.example.com"',
  parseHostPattern,
);
const hostOnly = canonicalText('a host such as "example.com"', canonicalHost);
const fieldName =
  "the name of a header field that rules may change; not Host, Connection or one that frames the body";
const ruleName = canonicalText(fieldName, keptWhen(isRuleName));

function headerRules(whose: string): z.ZodOptional<
  z.ZodObject<{
    set: z.ZodOptional<z.ZodRecord<z.ZodString, z.ZodType<string>>>;
    remove: z.ZodOptional<z.ZodArray<typeof ruleName>>;
  }, z.core.$strict>
> {
  // It may well be a token: no message repeats it, and the overview masks it.
  const value = hiddenText("printable ASCII without spaces around it", isRuleValue);
  return mapping({
    set: z.record(z.string().refine(isRuleName, { error: `Expected ${fieldName}` }), value, {
      error: "Expected a mapping of header fields to values",
    }).describe(`Header fields that ${whose} get, by name`).optional(),
    remove: setOf(ruleName).describe(`Header fields that ${whose} lose; before any are set`).optional(),
  }).describe(`What the server changes about ${whose}`).optional();
}

const port = wholeNumber(1, 65535);
const bind = address('an IP address and port such as "0.0.0.0:8080"', { ipOnly: true, allowPortZero: true });

/** What a client says of a service over HTTP, beside its type and where it is. */
export const httpServiceFields = {
  hosts: setOf(hostPattern)
    .describe("Hosts and patterns such as `*.example.com`; its name below the server's domain when left out")
    .optional(),
  paths: setOf(canonicalText('the beginning of a path such as "/api", in plain characters', canonicalPrefix))
    .describe("Beginnings of paths, in whole segments; every path when left out").optional(),
  rewriteHost: canonicalText('a host such as "app.internal", or with a port', keptWhen(isRewriteHost))
    .describe("`Host` that the service is given; the visitor's when left out").optional(),
  protocol: choice(HTTP_SERVICE_PROTOCOLS)
    .describe("What it speaks; gRPC calls go to it by HTTP/2 in any case").optional(),
  requestHeaders: headerRules("requests"),
  responseHeaders: headerRules("responses"),
  plugins: setOf(canonicalText("the name of a plugin of the server", keptWhen(isPluginName)))
    .describe("Plugins of the server that are to see its requests, in this order").optional(),
};

/** What a server says about HTTP. */
export const httpServerSchema = mapping({
  bind: bind.describe("Where visitors over plain HTTP come in").optional(),
  domain: hostOnly.describe("Services without hosts get their name below this one").optional(),
  publicPort: port.describe("Port in public URLs; that of `bind` when left out").optional(),
  allowHosts: setOf(hostPattern)
    .describe("Hosts and patterns that clients may ask for, beside names below `domain`; all when left out")
    .optional(),
  trustedProxies: setOf(
    canonicalText('an IP address, or a range such as "10.0.0.0/8"', keptWhen(isIpRange)),
  ).describe("Proxies in front whose `X-Forwarded-*` and `Forwarded` are believed").optional(),
  https: mapping({
    bind: bind.describe("Where visitors over HTTPS come in"),
    certificates: listOf(mapping({
      cert: filePath().describe("Certificate chain, PEM"),
      key: filePath().describe("Private key of `cert`, PEM"),
    })).describe("Chosen by the name that the visitor asks for; the first when none fits"),
    publicPort: port.describe("Port in public URLs; that of `bind` when left out").optional(),
    redirect: yesOrNo().describe("Whether visitors of the plain port are sent here").optional(),
    hsts: mapping({
      maxAgeSeconds: wholeNumber(0, MAX_HSTS_SECONDS)
        .describe("Seconds that browsers remember to come by HTTPS only"),
      includeSubdomains: yesOrNo().describe("Whether it holds for every name below the host too").optional(),
    }).describe("`Strict-Transport-Security`; not sent when left out").optional(),
  }).describe("HTTPS for visitors").optional(),
  ...httpPluginFields,
}).describe("HTTP for visitors: hosts and paths in place of ports");
