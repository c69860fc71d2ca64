/**
 * Answers that several plugins give.
 *
 * @module
 */
import { HeaderList } from "../http/header_list.ts";
import type { RequestVerdict } from "./types.ts";

/** Turns a visitor away with the server's own page. */
export function refuse(status: number, fields: readonly (readonly [name: string, value: string])[] = []): {
  readonly answer: { readonly status: number; readonly headers: HeaderList };
} {
  return { answer: { status, headers: new HeaderList([...fields]) } };
}

/** Asks a visitor to come again. @param waitMs Until when; told in whole seconds, at least one. */
export function refuseUntil(status: number, waitMs: number): RequestVerdict {
  return refuse(status, [["retry-after", String(Math.max(1, Math.ceil(waitMs / 1000)))]]);
}
