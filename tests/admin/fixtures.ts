/**
 * A target and an application to test the admin endpoint with.
 *
 * @module
 */
import type { Hono } from "hono";
import { type AdminAppOptions, createAdminApp } from "../../src/admin/app.ts";
import type { AdminTarget } from "../../src/admin/mod.ts";
import { Counters } from "../../src/observe/counters.ts";

/** The token that opens the pages. */
export const TOKEN = "correct-horse";
/** The Host field of an honest request. */
export const HOST = "127.0.0.1:7836";

/** Makes a server that is ready and has nothing to tell, with `overrides` put over it. */
export function makeTarget(overrides: Partial<AdminTarget> = {}): AdminTarget {
  return {
    role: "server",
    ready: () => true,
    status: () => ({ sessions: 2 }),
    counters: new Counters(),
    gauges: () => [],
    ...overrides,
  };
}

/** Makes the application for a target, bound to {@linkcode HOST} unless told otherwise. */
export function makeApp(target: AdminTarget = makeTarget(), options: Partial<AdminAppOptions> = {}): Hono {
  return createAdminApp(target, {
    address: { hostname: "127.0.0.1", port: 7836 },
    token: TOKEN,
    facts: {
      version: "9.8.7",
      runtime: { name: "deno", version: "2.9.6" },
      residentBytes: () => 12345,
    },
    onError: () => {},
    ...options,
  });
}

/** Asks the application. `headers` come over an honest Host field and the right token; undefined removes a field. */
export async function ask(
  app: Hono,
  path: string,
  options: { method?: string; headers?: Record<string, string | undefined> } = {},
): Promise<Response> {
  const headers = new Headers();
  for (
    const [name, value] of Object.entries({
      host: HOST,
      authorization: `Bearer ${TOKEN}`,
      ...options.headers,
    })
  ) {
    if (value !== undefined) headers.set(name, value);
  }
  return await app.request(`http://${HOST}${path}`, { method: options.method ?? "GET", headers });
}
