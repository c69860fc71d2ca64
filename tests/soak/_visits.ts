/**
 * Every kind of visit of a soak.
 *
 * @module
 */
import { TCP_VISITS } from "./_tcp_visits.ts";
import type { Visit } from "./_visit.ts";
import { WEB_VISITS } from "./_web_visits.ts";

const visits = new Map<string, Visit>();
for (const [name, visit] of Object.entries(TCP_VISITS)) {
  visits.set(name, ({ tcp }, roll) => visit(tcp, roll));
  visits.set(`direct ${name}`, ({ direct }, roll) => visit(direct, roll));
}
for (const [name, visit] of Object.entries(WEB_VISITS)) visits.set(name, ({ web }, roll) => visit(web, roll));

/** By name. */
export const VISITS: ReadonlyMap<string, Visit> = visits;
