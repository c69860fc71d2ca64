/**
 * The admin endpoint's requests and answers, as a Hono application without a socket.
 *
 * | path | for whom | answer |
 * | --- | --- | --- |
 * | `/healthz` | anyone | 200 while the process lives |
 * | `/readyz` | anyone | 200 when it can do its work, else 503 |
 * | `/api/v1/status` | bearer of the token | its state, as JSON |
 * | `/metrics` | bearer of the token | Prometheus' text format |
 * | `POST /api/v1/reload` | bearer of the token | reads the configuration again: what has changed, or 422 and why not |
 *
 * A request is checked in this order: the `Host` field, its site, the token, its method, how many there were lately, the path. No
 * body is ever read.
 *
 * @module
 */
import { type Context, Hono, type Next } from "hono";
import { systemClock } from "../clock.ts";
import { TokenBucket } from "../mux/token_bucket.ts";
import type { SocketAddress } from "../runtime/types.ts";
import { createBearerCheck } from "./auth.ts";
import { createHostCheck, isCrossSite } from "./hosts.ts";
import { type ProcessFacts, renderMetrics } from "./metrics.ts";
import type { AdminTarget } from "./target.ts";

const OPEN_PATHS = new Set(["/healthz", "/readyz"]);
/** The one path at which something is done. */
const RELOAD_PATH = "/api/v1/reload";

/**
 * How often pages are made, for everybody together: some cost as much as thousands of frames, and whoever asks for them in a
 * loop must not slow down what the program is there for.
 */
export const PAGES = { burst: 1_000, perSecond: 200 };

const NO_TOKEN = "The admin endpoint has no token, so only /healthz and /readyz answer. " +
  "Set one in the configuration (admin.token) or in the environment (FERROTUNNEL_ADMIN_TOKEN) and restart";
const WRONG_TOKEN = "Send the admin token in the field 'Authorization: Bearer TOKEN'";

const SECURITY_HEADERS = {
  "cache-control": "no-store",
  "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
  "cross-origin-opener-policy": "same-origin",
  "cross-origin-resource-policy": "same-origin",
  "referrer-policy": "no-referrer",
  "x-content-type-options": "nosniff",
  "x-frame-options": "DENY",
};

/** Options of {@linkcode createAdminApp}. */
export interface AdminAppOptions {
  /** Where the endpoint is bound, with its real port. */
  readonly address: SocketAddress;
  /** The token that opens the pages; undefined or empty leaves them shut. */
  readonly token: string | undefined;
  /** About the process. */
  readonly facts: ProcessFacts;
  /** Milliseconds on a monotonic scale. @default the system's */
  readonly now?: () => number;
  /** Hears of errors that were answered 500; for the log. */
  readonly onError: (error: Error) => void;
}

/**
 * Makes the application.
 *
 * @param target What it shows.
 * @param options Its address, its token and what it reports.
 * @returns The application; its `fetch` takes requests from any server.
 *
 * @example
 * ```ts
 * import { Counters } from "../observe/counters.ts";
 * import { createAdminApp } from "./app.ts";
 *
 * const app = createAdminApp(
 *   { role: "server", ready: () => true, status: () => ({}), counters: new Counters(), gauges: () => [] },
 *   {
 *     address: { hostname: "127.0.0.1", port: 7836 },
 *     token: "secret",
 *     facts: { version: "0.1.0", runtime: { name: "deno", version: "2.9.6" }, residentBytes: () => undefined },
 *     onError: console.error,
 *   },
 * );
 * const response = await app.request("/healthz", { headers: { host: "localhost:7836" } });
 * console.log(response.status); // 200
 * ```
 */
export function createAdminApp(target: AdminTarget, options: AdminAppOptions): Hono {
  const app = new Hono();
  app.use(securityHeaders, siteGuard(options.address), methodAndTokenGuard(options.token));
  app.get("/healthz", (context) => context.text("ok"));
  app.get("/readyz", (context) => target.ready() ? context.text("ready") : context.text("not ready", 503));
  app.use(rateGuard(target, options.now ?? systemClock.now));
  app.get(
    "/api/v1/status",
    (context) => context.json({ role: target.role, ready: target.ready(), status: target.status() }),
  );
  app.get("/metrics", async (context) => {
    const page = await renderMetrics(target, options.facts);
    return context.body(page.body, 200, { "content-type": page.contentType });
  });
  app.post(RELOAD_PATH, async (context) => {
    const outcome = await target.reload?.();
    if (outcome === undefined) {
      return context.json({ error: "This program has no configuration to read" }, 404);
    }
    if (outcome.ok) return context.json({ changes: outcome.changes });
    return context.json({ error: "The configuration cannot be used", problems: outcome.problems }, 422);
  });
  app.notFound((context) => context.json({ error: "There is nothing at this path" }, 404));
  app.onError((error, context) => {
    options.onError(error);
    return context.json({ error: "The request failed inside; the log says why" }, 500);
  });
  return app;
}

/** Those who ask too often are told so, which costs next to nothing. */
function rateGuard(
  { counters }: AdminTarget,
  now: () => number,
): (context: Context, next: Next) => Promise<Response | void> {
  const bucket = new TokenBucket(PAGES, now);
  return async (context, next) => {
    if (bucket.take()) return await next();
    counters.add("limits_hit", { label: "admin_requests" });
    return context.json({ error: `More than ${PAGES.perSecond} requests a second` }, 429, {
      "retry-after": "1",
    });
  };
}

async function securityHeaders(context: Context, next: Next): Promise<void> {
  await next();
  for (const [name, value] of Object.entries(SECURITY_HEADERS)) context.res.headers.set(name, value);
}

function siteGuard(address: SocketAddress): (context: Context, next: Next) => Promise<Response | void> {
  const isAllowed = createHostCheck(address);
  return async (context, next) => {
    const host = context.req.header("host");
    if (host === undefined || !isAllowed(host)) {
      return context.json({ error: "The Host field names neither this machine nor the admin address" }, 421);
    }
    if (isCrossSite(context.req.raw.headers, host)) {
      return context.json({ error: "Requests from other sites are refused" }, 403);
    }
    return await next();
  };
}

function methodAndTokenGuard(
  token: string | undefined,
): (context: Context, next: Next) => Promise<Response | void> {
  const hasToken = token === undefined || token === "" ? undefined : createBearerCheck(token);
  return async (context, next) => {
    if (!OPEN_PATHS.has(context.req.path) && hasToken?.(context.req.header("authorization")) !== true) {
      const error = hasToken === undefined ? NO_TOKEN : WRONG_TOKEN;
      return context.json({ error }, 401, { "www-authenticate": 'Bearer realm="ferrotunnel admin"' });
    }
    const { method, path } = context.req;
    if (path === RELOAD_PATH) {
      if (method !== "POST") {
        return context.json({ error: "Only POST is known here" }, 405, { allow: "POST" });
      }
    } else if (method !== "GET" && method !== "HEAD") {
      return context.json({ error: "Only GET and HEAD are known here" }, 405, { allow: "GET, HEAD" });
    }
    return await next();
  };
}
