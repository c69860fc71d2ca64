import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { parse } from "yaml";
import {
  jsonSchema,
  recognizeRole,
  referenceTable,
  type Role,
  ROLES,
  settingsTable,
} from "../../src/config/mod.ts";
import { type JsonSchema, referenceRows } from "../../src/config/reference.ts";
import { DEFAULT_CLIENT_LIMITS, DEFAULT_SERVER_LIMITS } from "../../src/tunnel/options.ts";
import { test } from "../harness.ts";
import { load } from "./support.ts";

const ROOT = new URL("../../", import.meta.url);

function read(name: string): string {
  return readFileSync(new URL(name, ROOT), "utf8");
}

/** What stands between the marks of a section of the documentation. */
function section(text: string, mark: string): string {
  const found = new RegExp(`<!-- ${mark} -->\n([^]*?)<!-- end -->`).exec(text);
  assert.ok(found, `no section "${mark}"`);
  return found[1]?.trim() ?? "";
}

for (const role of ROLES) {
  test(`docs/configuration.md has every key of a ${role} with its default and meaning`, () => {
    assert.equal(section(read("docs/configuration.md"), `${role} keys`), referenceTable(role));
  });

  test(`docs/cli.md has every flag and variable of a ${role}`, () => {
    assert.equal(section(read("docs/cli.md"), `${role} settings`), settingsTable(role));
  });
}

const EXAMPLES: Record<Role, readonly string[]> = {
  server: ["server", "http_server", "https_server"],
  client: ["client", "http_client", "grpc_client"],
};
for (const role of ROLES) {
  for (const name of EXAMPLES[role]) {
    test(`examples/${name}.yaml is a valid ${role} configuration, by the program and by the JSON Schema`, () => {
      const text = read(`examples/${name}.yaml`);
      assert.equal(recognizeRole(text, "file"), role);
      load(role, { file: text });
      assert.deepEqual(violations(jsonSchema(role), parse(text), ""), []);
    });
  }
}

test("examples/ has no YAML file that is not tested", () => {
  const names = readdirSync(new URL("examples/", ROOT)).filter((name) => name.endsWith(".yaml"));
  assert.deepEqual(
    names.sort(),
    ROLES.flatMap((role) => EXAMPLES[role]).map((name) => `${name}.yaml`).sort(),
  );
});

test("The schema has every limit of the tunnel, with the tunnel's default", () => {
  const defaults: [Role, object][] = [["server", DEFAULT_SERVER_LIMITS], ["client", DEFAULT_CLIENT_LIMITS]];
  for (const [role, limits] of defaults) {
    const rows = referenceRows(role).filter(({ key }) => key.startsWith("limits."));
    const found = Object.fromEntries(
      rows.map(({ key, fallback }) => [key.slice("limits.".length), Number(fallback)]),
    );
    assert.deepEqual(found, { ...limits });
  }
});

test("Every key of a configuration has a meaning", () => {
  for (const role of ROLES) {
    for (const { key, meaning } of referenceRows(role)) assert.ok(meaning.length > 3, key);
  }
});

test("The JSON Schema refuses what the program refuses", () => {
  const wrong: [Role, string][] = [
    ["server", "bnid: 1"],
    ["server", "limits: {maxStreams: 0}"],
    ["server", "log: {level: loud}"],
    ["server", "allowPorts: []"],
    ["server", "token: 5"],
    ["client", "services: {ssh: {local: 22}}"],
    ["client", "services: {'a b': {type: tcp, local: 22}}"],
    ["client", "services: {web: {type: htpt, local: 22}}"],
    ["client", "services: {web: {type: http, local: 22, remotePort: 0}}"],
    ["client", "services: {web: {type: tcp, local: 22, hosts: [a]}}"],
    ["client", "services: {web: {type: http, local: 22, hosts: []}}"],
    ["server", "http: {https: {bind: '0.0.0.0:1'}}"],
    ["server", "http: {https: {bind: '0.0.0.0:1', certificates: [{cert: a}]}}"],
  ];
  for (const [role, text] of wrong) {
    assert.notDeepEqual(violations(jsonSchema(role), parse(text), ""), [], text);
    assert.throws(() => load(role, { file: text }), text);
  }
});

interface CheckedSchema extends JsonSchema {
  minimum?: number;
  maximum?: number;
  pattern?: string;
  minItems?: number;
  propertyNames?: CheckedSchema;
}

/** As much of a JSON Schema validator as these schemas need. */
function violations(schema: CheckedSchema, value: unknown, at: string): string[] {
  const alternatives = schema.anyOf ?? schema.oneOf;
  if (alternatives !== undefined) {
    const results = alternatives.map((option) => violations(option, value, at));
    return results.some((result) => result.length === 0) ? [] : [`${at}: none of the alternatives`];
  }
  const found: string[] = [];
  const isType: Record<string, boolean> = {
    object: typeof value === "object" && value !== null && !Array.isArray(value),
    array: Array.isArray(value),
    string: typeof value === "string",
    integer: Number.isInteger(value),
    boolean: typeof value === "boolean",
  };
  if (schema.type !== undefined && isType[schema.type] !== true) return [`${at}: not ${schema.type}`];
  if (schema.const !== undefined && schema.const !== value) found.push(`${at}: not ${schema.const}`);
  if (schema.enum !== undefined && !schema.enum.includes(value)) found.push(`${at}: not one of the words`);
  if (typeof value === "number") {
    if (value < (schema.minimum ?? value) || value > (schema.maximum ?? value)) {
      found.push(`${at}: out of range`);
    }
  } else if (typeof value === "string") {
    if (schema.pattern !== undefined && !new RegExp(schema.pattern).test(value)) found.push(`${at}: pattern`);
  } else if (Array.isArray(value)) {
    if (value.length < (schema.minItems ?? 0)) found.push(`${at}: too short`);
    for (const item of value) found.push(...violations(schema.items ?? {}, item, `${at}[]`));
  } else if (typeof value === "object" && value !== null) {
    for (const name of schema.required ?? []) {
      if (!Object.hasOwn(value, name)) found.push(`${at}.${name}: missing`);
    }
    for (const [name, child] of Object.entries(value)) {
      if (schema.propertyNames !== undefined) {
        found.push(...violations(schema.propertyNames, name, `${at}.${name}`));
      }
      const field = schema.properties?.[name] ?? schema.additionalProperties;
      if (typeof field === "object") found.push(...violations(field, child, `${at}.${name}`));
      else if (field === false) found.push(`${at}.${name}: unknown`);
    }
  }
  return found;
}
