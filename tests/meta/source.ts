/**
 * Just enough of TypeScript's lexical grammar to tell code from comments and strings.
 *
 * @module
 */

/** A stretch of source text. */
interface Token {
  readonly kind: "code" | "comment" | "text";
  readonly source: string;
}

/** After these, a slash begins a regular expression; after anything else it divides. */
const BEFORE_REGEXP = /(?:^|[([{,;:=!&|?+\-*%~^<>]|\b(?:return|typeof|case|in|of|yield|await))\s*$/;

const PATTERNS = {
  comment: /\/\/[^\n]*|\/\*[\s\S]*?\*\//y,
  string: /"(?:[^"\\\n]|\\[\s\S])*"|'(?:[^'\\\n]|\\[\s\S])*'/y,
  regexp: /\/(?![*/])(?:[^/\\[\n]|\\.|\[(?:[^\]\\\n]|\\.)*\])+\/[a-z]*/y,
};

/**
 * Replaces comments, and strings too when asked, by blanks; lines keep their numbers.
 *
 * @param source TypeScript.
 * @param options Whether strings, templates' text and regular expressions are blanked as well.
 * @returns The code.
 */
export function codeOf(source: string, options: { keepStrings: boolean }): string {
  const blank = (token: Token): boolean =>
    token.kind === "comment" || (token.kind === "text" && !options.keepStrings);
  return tokensOf(source).map((token) => blank(token) ? token.source.replace(/[^\n]/g, " ") : token.source)
    .join("");
}

/**
 * Picks out the comments.
 *
 * @param source TypeScript.
 * @returns Every comment with the number of its first line, from 1.
 */
export function commentsOf(source: string): { line: number; text: string }[] {
  const comments: { line: number; text: string }[] = [];
  let line = 1;
  for (const token of tokensOf(source)) {
    if (token.kind === "comment") comments.push({ line, text: token.source });
    line += token.source.split("\n").length - 1;
  }
  return comments;
}

function tokensOf(source: string): Token[] {
  const tokens: Token[] = [];
  /** For each template that is open, how many braces are open inside its `${`. */
  const templates: number[] = [];
  let code = "";
  let position = 0;
  const push = (kind: Token["kind"], end: number): void => {
    if (code !== "") tokens.push({ kind: "code", source: code });
    code = "";
    tokens.push({ kind, source: source.slice(position, end) });
    position = end;
  };
  const matchEnd = (pattern: RegExp): number | undefined => {
    pattern.lastIndex = position;
    return pattern.test(source) ? pattern.lastIndex : undefined;
  };
  while (position < source.length) {
    const character = source[position] ?? "";
    const comment = character === "/" ? matchEnd(PATTERNS.comment) : undefined;
    const quoted = character === '"' || character === "'" ? matchEnd(PATTERNS.string) : undefined;
    const regexp = character === "/" && BEFORE_REGEXP.test(code.slice(-20))
      ? matchEnd(PATTERNS.regexp)
      : undefined;
    const depth = templates.at(-1);
    if (comment !== undefined) push("comment", comment);
    else if (quoted !== undefined) push("text", quoted);
    else if (regexp !== undefined) push("text", regexp);
    else if (character === "`" || (character === "}" && depth === 0)) {
      if (character === "}") templates.pop();
      const end = templateTextEnd(source, position + 1);
      if (source.startsWith("${", end - 2)) templates.push(0);
      push("text", end);
    } else {
      if (depth !== undefined && character === "{") templates[templates.length - 1] = depth + 1;
      if (depth !== undefined && character === "}") templates[templates.length - 1] = depth - 1;
      code += character;
      position++;
    }
  }
  if (code !== "") tokens.push({ kind: "code", source: code });
  return tokens;
}

/** Where a template's text ends: behind its closing quote or behind the `${` that interrupts it. */
function templateTextEnd(source: string, start: number): number {
  for (let position = start; position < source.length; position++) {
    if (source[position] === "\\") position++;
    else if (source[position] === "`") return position + 1;
    else if (source.startsWith("${", position)) return position + 2;
  }
  return source.length;
}
