/**
 * Beginnings of paths, and how services see the path of a request. Pure.
 *
 * @module
 */

/** Characters of a path that mean themselves everywhere; no `%`, no `;`. */
const PREFIX = /^\/[A-Za-z0-9\-._~!$&'()*+,=:@/]*$/;
/** What a service may read as another path than the one that is written there: see {@linkcode resolvePath}. */
const AMBIGUOUS = /[%;\\]|\/\/|\/\.\.?(?:\/|$)/;

/**
 * Checks the beginning of a path that a service asks for.
 *
 * @param text For instance `/api/`.
 * @returns It without a slash at its end, or undefined when it cannot be one.
 */
export function canonicalPrefix(text: string): string | undefined {
  if (!PREFIX.test(text) || AMBIGUOUS.test(text)) return undefined;
  return text.length > 1 && text.endsWith("/") ? text.slice(0, -1) : text;
}

/** Whether a path lies at or below a prefix, by whole segments. */
export function isBelow(path: string, prefix: string): boolean {
  if (prefix === "/") return true;
  if (!path.startsWith(prefix)) return false;
  return path.length === prefix.length || path.charCodeAt(prefix.length) === 0x2f;
}

/** The path of a request's target. */
export function pathOf(target: string): string {
  const query = target.indexOf("?");
  return query < 0 ? target : target.slice(0, query);
}

/** Whether {@linkcode resolvePath} may lead elsewhere. */
export function isAmbiguous(path: string): boolean {
  return AMBIGUOUS.test(path);
}

/**
 * The path that the most liberal of services reads: escapes decoded, `\` taken for `/`, parameters behind `;` dropped, empty
 * segments, `.` and `..` resolved. A service reads something between this and what is written.
 *
 * @param path As it came.
 * @returns undefined for an escape that means nothing, and for one that means the end to some
 */
export function resolvePath(path: string): string | undefined {
  if (/%(?![0-9A-Fa-f]{2})/.test(path)) return undefined;
  // Byte by byte: what a byte over 0x7f means is of no concern here.
  const decoded = path.replace(/%../g, (escape) => String.fromCharCode(Number.parseInt(escape.slice(1), 16)));
  if (decoded.includes("\0")) return undefined; // Ends a path for some.
  const segments: string[] = [];
  for (const part of decoded.replaceAll("\\", "/").split("/")) {
    const semicolon = part.indexOf(";");
    const segment = semicolon < 0 ? part : part.slice(0, semicolon);
    if (segment === "..") segments.pop();
    else if (segment !== "" && segment !== ".") segments.push(segment);
  }
  return `/${segments.join("/")}`;
}
