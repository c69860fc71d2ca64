/**
 * What a service's client wants done to the header fields of its messages.
 *
 * @module
 */
import type { HeaderList } from "../../http/header_list.ts";
import { deleteSpellings } from "../../http/spellings.ts";
import type { HeaderChanges } from "../../tunnel/http_ingress.ts";

/** Removes, then sets, in whatever spelling the fields came. */
export function changeHeaders(headers: HeaderList, { remove, set }: HeaderChanges): void {
  for (const name of remove) deleteSpellings(headers, name);
  for (const [name, value] of set) {
    deleteSpellings(headers, name);
    headers.append(name, value);
  }
}

export type { HeaderChanges };
