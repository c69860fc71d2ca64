/**
 * Names that are one and the same to many services: gateways such as CGI and WSGI make no difference between `-` and `_`.
 *
 * @module
 */
import type { HeaderList } from "./header_list.ts";

/**
 * Takes away every field that a service could read as the one of this name: in any case, with `_` for `-`. Whoever removes or sets
 * a field of a request means all of them, or a visitor could say the same in another spelling.
 *
 * @param headers Of a request.
 * @param name A token.
 *
 * @example
 * ```ts
 * import { HeaderList } from "./header_list.ts";
 * import { deleteSpellings } from "./spellings.ts";
 *
 * const headers = new HeaderList([["X_User", "root"], ["x-user", "ann"], ["Accept", "*"]]);
 * deleteSpellings(headers, "X-User");
 * console.log(headers.size); // 1
 * ```
 */
export function deleteSpellings(headers: HeaderList, name: string): void {
  const wanted = plain(name);
  for (const [field] of [...headers]) {
    if (field.length === name.length && plain(field) === wanted) headers.delete(field);
  }
}

function plain(name: string): string {
  return name.toLowerCase().replaceAll("_", "-");
}
