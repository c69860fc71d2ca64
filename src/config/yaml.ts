/**
 * YAML text → plain values that know their line and column. The only file that knows the YAML parser.
 *
 * @module
 */
import { isAlias, isMap, isScalar, isSeq, LineCounter, parseDocument, type YAMLError } from "yaml";
import type { Origin, Path } from "./origin.ts";
import { type Problem } from "./problem.ts";

/** A YAML file, read. */
export interface YamlFile {
  /** The whole content; an empty mapping when there are problems. */
  readonly values: Record<string, unknown>;
  /** What is wrong with the text as YAML. */
  readonly problems: readonly Problem[];
  /** Where the value at `path` stands, or its nearest parent. */
  origin(path: Path): Origin;
  /** Where the key that ends `path` stands, or its nearest parent. */
  keyOrigin(path: Path): Origin;
}

interface Place {
  readonly key: number;
  readonly value: number;
}

const BAD_ALIAS = "An alias refers to no finished anchor: put a value that begins with * in quotes";

/** Most values that a file may have after its aliases are followed, so that a small file cannot grow huge. */
const MAX_VALUES = 10_000;

/**
 * Reads YAML 1.2. Refuses duplicate keys, several documents, and anything but a mapping at the top.
 *
 * @param text The file's content.
 * @param file The name to print in messages.
 * @returns Values and places, or problems.
 */
export function parseYaml(text: string, file: string): YamlFile {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false, uniqueKeys: false });
  const reader = new Reader(file, lines);
  for (const error of [...document.errors, ...document.warnings]) {
    reader.report(error.pos[0], explain(error));
  }
  let values: Record<string, unknown> = {};
  if (reader.problems.length === 0) {
    const root = document.contents;
    if (root === null || (isScalar(root) && root.value === null)) {
      reader.report(0, "Expected a mapping but the file is empty");
    } else if (!isMap(root)) {
      reader.report(
        root.range?.[0] ?? 0,
        'Expected a mapping, such as "bind: 0.0.0.0:7835", at the top of the file',
      );
    } else {
      values = reader.readMap(root.items, []);
    }
  }
  return {
    values: reader.problems.length === 0 ? values : {},
    problems: reader.problems,
    origin: (path) => reader.origin(path, "value"),
    keyOrigin: (path) => reader.origin(path, "key"),
  };
}

/** Walks the parser's tree. */
class Reader {
  readonly problems: Problem[] = [];
  readonly #file: string;
  readonly #lines: LineCounter;
  readonly #places = new Map<string, Place>();
  readonly #anchors = new Map<string, unknown>();
  #count = 0;

  constructor(file: string, lines: LineCounter) {
    this.#file = file;
    this.#lines = lines;
  }

  report(offset: number, message: string, path: Path = []): void {
    this.problems.push({ origin: this.#originAt(offset), path, message });
  }

  origin(path: Path, part: keyof Place): Origin {
    for (let length = path.length; length >= 0; length--) {
      const place = this.#places.get(JSON.stringify(path.slice(0, length)));
      if (place !== undefined) return this.#originAt(length === path.length ? place[part] : place.key);
    }
    return this.#originAt(0);
  }

  read(node: unknown, path: Path): unknown {
    if (++this.#count > MAX_VALUES) {
      if (this.#count === MAX_VALUES + 1) {
        this.report(offsetOf(node), `The file has more than ${MAX_VALUES} values`);
      }
      return undefined;
    }
    if (isAlias(node)) {
      const target = this.#anchors.get(node.source);
      // An anchor that is still being read would contain itself.
      if (target === undefined) {
        this.report(offsetOf(node), BAD_ALIAS, path);
      }
      return target === undefined ? undefined : this.read(target, path);
    }
    let value: unknown;
    if (isMap(node)) value = this.readMap(node.items, path);
    else if (isSeq(node)) value = node.items.map((item, index) => this.#readItem(item, [...path, index]));
    else if (isScalar(node)) value = node.value;
    if (isAnchored(node)) this.#anchors.set(node.anchor, node);
    return value;
  }

  #readItem(item: unknown, path: Path): unknown {
    const offset = offsetOf(item);
    this.#places.set(JSON.stringify(path), { key: offset, value: offset });
    return this.read(item, path);
  }

  readMap(items: readonly { key: unknown; value: unknown }[], path: Path): Record<string, unknown> {
    const values: Record<string, unknown> = {};
    for (const { key, value } of items) {
      if (!isScalar(key) || key.value === null) {
        this.report(offsetOf(key), "Expected a name as key", path);
        continue;
      }
      const name = String(key.value);
      const offset = offsetOf(key);
      const valuePath = [...path, name];
      if (name === "__proto__") this.report(offset, `Unknown key "${name}"`, path);
      else if (Object.hasOwn(values, name)) this.report(offset, `Key "${name}" is given twice`, path);
      else {
        this.#places.set(JSON.stringify(valuePath), { key: offset, value: offsetOf(value, offset) });
        values[name] = value === null ? null : this.read(value, valuePath);
      }
    }
    return values;
  }

  #originAt(offset: number): Origin {
    const { line, col } = this.#lines.linePos(offset);
    return { kind: "file", file: this.#file, line: Math.max(1, line), column: Math.max(1, col) };
  }
}

function offsetOf(node: unknown, fallback = 0): number {
  const ranged = isMap(node) || isSeq(node) || isScalar(node) || isAlias(node);
  return ranged ? node.range?.[0] ?? fallback : fallback;
}

function isAnchored(node: unknown): node is { anchor: string } {
  return (isMap(node) || isSeq(node) || isScalar(node)) && node.anchor !== undefined;
}

/** The parser's own texts may quote the file, and what is quoted may be a secret. */
function explain(error: YAMLError): string {
  switch (error.code) {
    case "TAB_AS_INDENT":
      return "Tabs cannot indent YAML: use spaces";
    case "BAD_ALIAS":
      return BAD_ALIAS;
    case "MULTIPLE_DOCS":
      return "Expected one document but a second one begins here";
    case "MISSING_CHAR":
      return "A quote, bracket or comma is missing here";
    default:
      return `Not valid YAML: ${error.message.replace(/:? *["'].*$/s, "")}`;
  }
}
