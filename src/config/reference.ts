/**
 * Walks the schemas: the JSON Schema for editors, the keys known at a place, the table of the documentation.
 *
 * @module
 */
import { z } from "zod";
import { formatPath, type Path } from "./origin.ts";
import { SETTINGS } from "./settings.ts";
import { DEFAULTS, type Role, SCHEMAS } from "./schema.ts";

/** The part of JSON Schema that the schemas here use. */
export interface JsonSchema {
  /** What it describes. */
  description?: string;
  /** The value when none is given. */
  default?: unknown;
  /** The kind of value. */
  type?: string;
  /** Fields of a mapping. */
  properties?: Record<string, JsonSchema>;
  /** Values of a mapping with free keys; false when there are none. */
  additionalProperties?: JsonSchema | boolean;
  /** Entries of a list. */
  items?: JsonSchema;
  /** Alternatives. */
  anyOf?: JsonSchema[];
  /** Alternatives of which one fits: mappings told apart by a word. */
  oneOf?: JsonSchema[];
  /** Permitted words. */
  enum?: unknown[];
  /** The one permitted word. */
  const?: unknown;
  /** True for secrets, which are never shown. */
  writeOnly?: boolean;
  /** Names of fields that must be there. */
  required?: string[];
}

/**
 * The JSON Schema of a role's configuration file, draft 2020-12, with every default.
 *
 * @param role Whose file.
 */
export function jsonSchema(role: Role): JsonSchema {
  // zod's type of a JSON Schema admits more than the schemas of this project use.
  const schema = z.toJSONSchema(SCHEMAS[role], { io: "input" }) as JsonSchema;
  addDefaults(schema, DEFAULTS[role]);
  return schema;
}

function addDefaults(schema: JsonSchema, defaults: Record<string, unknown>): void {
  for (const [name, value] of Object.entries(defaults)) {
    const field = schema.properties?.[name];
    if (field === undefined) throw new TypeError(`The default of "${name}" is for no field`);
    if (field.properties === undefined) field.default = value;
    else addDefaults(field, Object.fromEntries(Object.entries(value ?? {})));
  }
}

const cache = new Map<Role, JsonSchema>();

function schemaAt(role: Role, path: Path): JsonSchema | undefined {
  let schema = cache.get(role);
  if (schema === undefined) cache.set(role, schema = jsonSchema(role));
  for (const part of path) {
    const additional: JsonSchema | boolean | undefined = schema.additionalProperties;
    const next: JsonSchema | undefined = typeof part === "number"
      ? schema.items
      : propertiesOf(schema)[part] ?? (typeof additional === "object" ? additional : undefined);
    if (next === undefined) return undefined;
    schema = next;
  }
  return schema;
}

/**
 * The keys that a mapping in a configuration file may have.
 *
 * @param role Whose file.
 * @param path Place of the mapping.
 */
export function knownKeys(role: Role, path: Path): readonly string[] {
  return Object.keys(propertiesOf(schemaAt(role, path) ?? {}));
}

/** The fields of a mapping; of alternatives those of all. */
function propertiesOf(schema: JsonSchema): Record<string, JsonSchema> {
  const { properties = {}, oneOf = [] } = schema;
  if (oneOf.length === 0) return properties;
  const merged: Record<string, JsonSchema> = {};
  for (const [name, field] of oneOf.flatMap((one) => Object.entries(one.properties ?? {}))) {
    const { description, const: word } = field;
    const words = [...merged[name]?.enum ?? [], word];
    if (word === undefined) merged[name] ??= field;
    else merged[name] = { ...(description === undefined ? {} : { description }), enum: words };
  }
  return merged;
}

/** A field that not all alternatives have says of which it is. */
function describeAlternatives(schema: JsonSchema): Record<string, JsonSchema> {
  const alternatives = schema.oneOf ?? [];
  const fields = Object.entries(propertiesOf(schema)).map(([name, field]): [string, JsonSchema] => {
    const having = alternatives.filter(({ properties }) => properties?.[name] !== undefined);
    if (having.length === alternatives.length) return [name, field];
    const words = having.flatMap(({ properties = {} }) => {
      return Object.values(properties).flatMap(({ const: word }) =>
        word === undefined ? [] : [`\`${word}\``]
      );
    });
    return [name, { ...field, description: `${words.join(", ")}: ${field.description}` }];
  });
  return Object.fromEntries(fields);
}

/**
 * Whether the value at a place is a secret, which must not be shown. A place that the schema does not know counts as one.
 *
 * @param role Whose configuration.
 * @param path Place of the value.
 */
export function isSecret(role: Role, path: Path): boolean {
  return schemaAt(role, path)?.writeOnly ?? schemaAt(role, path) === undefined;
}

/**
 * What the value at a place is for.
 *
 * @param role Whose configuration.
 * @param path Place of the value.
 */
export function meaningOf(role: Role, path: Path): string {
  return schemaAt(role, path)?.description ?? "";
}

/**
 * The default at a place, as it could stand in a file.
 *
 * @param role Whose configuration.
 * @param path Place of the value.
 */
export function defaultOf(role: Role, path: Path): unknown {
  return schemaAt(role, path)?.default;
}

/** One key of a configuration file, for the documentation. */
export interface ReferenceRow {
  /** The key, with `NAME` and `[]` for what is free. */
  readonly key: string;
  /** Its type in words. */
  readonly type: string;
  /** Its default, "" when it has none. */
  readonly fallback: string;
  /** Its meaning. */
  readonly meaning: string;
}

/**
 * Every key of a role's configuration file.
 *
 * @param role Whose file.
 */
export function referenceRows(role: Role): ReferenceRow[] {
  const rows: ReferenceRow[] = [];
  const visit = (schema: JsonSchema, key: string): void => {
    if (key !== "") {
      const fallback = schema.default === undefined ? "" : JSON.stringify(schema.default);
      rows.push({ key, type: typeName(schema), fallback, meaning: schema.description ?? "" });
    }
    for (const [name, field] of Object.entries(describeAlternatives(schema))) {
      visit(field, formatPath([key, name]).replace(/^\./, ""));
    }
    if (typeof schema.additionalProperties === "object") visit(schema.additionalProperties, `${key}.NAME`);
    if (schema.items?.properties !== undefined) visit({ properties: schema.items.properties }, `${key}[]`);
  };
  visit(jsonSchema(role), "");
  return rows.filter(({ meaning }) => meaning !== "");
}

function typeName(schema: JsonSchema): string {
  if (schema.const !== undefined) return `\`${schema.const}\``;
  if (schema.enum !== undefined) return schema.enum.map((word) => `\`${word}\``).join(", ");
  if (schema.anyOf !== undefined) return schema.anyOf.map(typeName).join(" or ");
  switch (schema.type) {
    case "object":
      return "mapping";
    case "array":
      return `list of ${schema.items === undefined ? "values" : typeName(schema.items)}`;
    case "string":
      return "text";
    case "integer":
      return "number";
    case "boolean":
      return "true or false";
    default:
      return schema.type ?? "";
  }
}

/**
 * The table of a role's keys for the documentation, in Markdown.
 *
 * @param role Whose file.
 */
export function referenceTable(role: Role): string {
  const rows = referenceRows(role).map(({ key, type, fallback, meaning }) => {
    return [`\`${key}\``, type, fallback === "" ? "" : `\`${fallback}\``, meaning];
  });
  return markdownTable([["key", "type", "default", "meaning"], ...rows]);
}

/**
 * The table of a role's flags and environment variables for the documentation, in Markdown.
 *
 * @param role Whose.
 */
export function settingsTable(role: Role): string {
  const rows = SETTINGS[role].map(({ path, flag, argument, variable, meaning }) => {
    const call = argument === undefined ? flag : `${flag} <${argument}>`;
    const inFile = path[0] === "service" ? "" : `\`${formatPath(path)}\``;
    return [
      flag === undefined ? "" : `\`${call}\``,
      `\`${variable}\``,
      inFile,
      meaning ?? meaningOf(role, path),
    ];
  });
  return markdownTable([["flag", "variable", "key in the file", "meaning"], ...rows]);
}

/**
 * A Markdown table with aligned columns, as the formatter would leave it.
 *
 * @param rows The rows; the first is the head.
 */
export function markdownTable(rows: readonly (readonly string[])[]): string {
  const head = rows[0] ?? [];
  const widths = head.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  const line = (cells: readonly string[]): string => {
    return `| ${widths.map((width, column) => (cells[column] ?? "").padEnd(width)).join(" | ")} |`;
  };
  const rule = widths.map((width) => "-".repeat(width));
  return [line(head), line(rule), ...rows.slice(1).map(line)].join("\n");
}
