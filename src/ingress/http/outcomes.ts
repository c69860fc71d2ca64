/**
 * How exchanges end: what the visitor is told, and what is counted.
 *
 * @module
 */
import type { Counters } from "../../observe/counters.ts";
import type { CloseReason } from "../../wire/messages.ts";
import type { BackFailure } from "./sides.ts";

/** Why a request was not answered by the local service, or not to the end. Labels of the counter `http_failed`. */
export type Failure =
  /** Nobody has the host, or not with this path. */
  | "unknown_host"
  /** The client of the service is not connected at the moment. */
  | "client_away"
  /** The session has no stream left, or takes none. */
  | "no_stream"
  /** The server is short of memory. */
  | "overloaded"
  /** The client cannot reach the local service. */
  | "service_unreachable"
  /** The local service, or the way to it, was lost. */
  | "service_lost"
  /** What the local service answers breaks the rules. */
  | "service_broken"
  /** The local service has not begun its answer in time. */
  | "service_timeout"
  /** A plugin failed. */
  | "plugin_failed"
  /** What the visitor sends breaks the rules. */
  | "bad_request"
  /** The visitor does not send its request, or does not take the answer. */
  | "visitor_timeout"
  /** The visitor has left. */
  | "visitor_gone";

/** What the visitor is told, while it can be told. */
export const FAILURES: Readonly<Record<Failure, { readonly status: number; readonly retryAfterS?: number }>> =
  {
    "unknown_host": { status: 404 },
    "client_away": { status: 503, retryAfterS: 5 },
    "no_stream": { status: 503, retryAfterS: 1 },
    "overloaded": { status: 503, retryAfterS: 1 },
    "service_unreachable": { status: 502 },
    "service_lost": { status: 502 },
    "service_broken": { status: 502 },
    "service_timeout": { status: 504 },
    "plugin_failed": { status: 500 },
    "bad_request": { status: 400 },
    "visitor_timeout": { status: 408 },
    "visitor_gone": { status: 499 },
  };

/** What a failure of the local service's side is called. */
export const FAILURE_OF_SERVICE: Readonly<Record<BackFailure, Failure>> = {
  unreachable: "service_unreachable",
  timeout: "service_timeout",
  lost: "service_lost",
  broken: "service_broken",
};

/** What a back fails with when its stream is closed. */
export function failureOf(reason: CloseReason | undefined): BackFailure {
  if (reason?.kind === "local_service_unreachable") return "unreachable";
  return reason?.kind === "timeout" ? "timeout" : "lost";
}

const CLASSES = ["none", "1xx", "2xx", "3xx", "4xx", "5xx"] as const;

/** Counts an exchange that is over. @param status 0 when the visitor has not got a whole answer */
export function countOutcome(counters: Counters, status: number, outcome: Failure | "complete"): void {
  counters.add("http_requests", { label: CLASSES[Math.trunc(status / 100)] ?? "other" });
  if (outcome !== "complete") counters.add("http_cut_off", { label: outcome });
}
