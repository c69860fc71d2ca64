/**
 * Which deadline of a visitor's connection has passed. Pure.
 *
 * @module
 */
import type { ServerLimits } from "../../tunnel/options.ts";
import type { ExchangeWait } from "./exchange.ts";

/** How long a visitor has to end its side once this side has ended. */
export const LINGER_MS = 2_000;

/** What a connection is doing. */
export type VisitorPhase =
  /** Waits for a request, or reads its head. */
  | "head"
  /** A request is under way. */
  | "exchange"
  /** The response was complete before the request: its rest is thrown away. */
  | "discard"
  /** Another protocol is spoken. */
  | "switched"
  /** This side has ended. */
  | "closing";

/** A connection at the end of a round. */
export interface VisitorState {
  readonly phase: VisitorPhase;
  /** For how long nothing has moved. */
  readonly ms: number;
  /** Whether no request came before this one, or its head has begun to come. */
  readonly wantsHead: boolean;
  /** What the exchange waits for. */
  readonly waitsFor: ExchangeWait;
  /** Whether the rest of the request is for the visitor to send, and not for the local service to take. */
  readonly visitorsTurn: boolean;
  /** Whether the visitor has to take something, or has ended its side and may be gone for good. */
  readonly mayBeGone: boolean;
}

/** Whose deadline has passed. */
export type Overdue =
  | "nobody"
  /** The visitor's, between requests or in a head. */
  | "head"
  /** The visitor's, within a request or its response. */
  | "visitor"
  | "service"
  /** That of a connection which is over anyway. */
  | "linger";

/** Finds the deadline that has passed. */
export function overdue(state: VisitorState, limits: ServerLimits): Overdue {
  const { phase, ms } = state;
  switch (phase) {
    case "head":
      return ms >= (state.wantsHead ? limits.httpHeadTimeoutMs : limits.httpKeepAliveMs) ? "head" : "nobody";
    case "exchange":
      return ofExchange(state, limits);
    case "switched": // May be silent for as long as it likes.
      return "nobody";
    default:
      return ms >= LINGER_MS ? "linger" : "nobody";
  }
}

function ofExchange({ waitsFor, ms, visitorsTurn, mayBeGone }: VisitorState, limits: ServerLimits): Overdue {
  const visitor = ms >= limits.httpBodyIdleTimeoutMs ? "visitor" : "nobody";
  const service = ms >= limits.httpResponseTimeoutMs ? "service" : "nobody";
  if (waitsFor === "request") return visitorsTurn ? visitor : service;
  if (waitsFor === "response") return service;
  return mayBeGone ? visitor : "nobody"; // A service may be silent within a response.
}
