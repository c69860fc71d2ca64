/**
 * The kinds of fields that configurations are made of. Every one says in its own words what it expects, and what it
 * got instead, unless that may be a secret.
 *
 * @module
 */
import { z } from "zod";
import type { SocketAddress } from "../runtime/types.ts";
import { type PortRange } from "../tunnel/options.ts";
import { MAX_TOKEN_BYTES } from "../wire/limits.ts";
import { isHost, parseAddress, type ParseAddressOptions, parsePortRange } from "./address.ts";
import { suggest } from "./suggest.ts";

/** Longest value that is repeated in a message. */
const MAX_SHOWN_LENGTH = 60;

/**
 * Writes a value for a message: on one line, without control characters, not too long.
 *
 * @param value Anything.
 */
export function showValue(value: unknown): string {
  if (value === undefined || value === null) return "nothing";
  if (Array.isArray(value)) return "a list";
  if (typeof value === "object") return "a mapping";
  const text = typeof value === "string" ? value.slice(0, MAX_SHOWN_LENGTH) : value;
  return escapeControls(JSON.stringify(text) ?? typeof value);
}

/**
 * Replaces control characters by their escapes, so that no value can write to a terminal or begin a line.
 *
 * @param text Any text.
 */
export function escapeControls(text: string): string {
  let escaped = "";
  for (const character of text) {
    escaped += isControl(character.charCodeAt(0))
      ? `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`
      : character;
  }
  return escaped;
}

/** C0, DEL, C1, and the two separators that some tools break lines at. */
function isControl(code: number): boolean {
  return code < 0x20 || (code >= 0x7f && code <= 0x9f) || code === 0x2028 || code === 0x2029;
}

type ErrorMap = (issue: { readonly input?: unknown }) => string;

function expected(what: string): ErrorMap {
  return (issue) => `Expected ${what} but got ${showValue(issue.input)}`;
}

/** A mapping with known keys. */
export function mapping<Shape extends z.core.$ZodShape>(shape: Shape): z.ZodObject<Shape, z.core.$strict> {
  return z.strictObject(shape, { error: expected("a mapping") });
}

/** A mapping in whose place a secret may stand by mistake, which no message then repeats. */
export function mappingWithSecret<Shape extends z.core.$ZodShape>(
  shape: Shape,
): z.ZodObject<Shape, z.core.$strict> {
  return z.strictObject(shape, {
    error: ({ code }) => code === "invalid_type" ? "Expected a mapping" : undefined,
  });
}

/** `true` or `false`. */
export function yesOrNo(): z.ZodBoolean {
  return z.boolean({ error: expected("true or false") });
}

/** One of several mappings, told apart by a word at `key`. */
export function kinds<
  const Mappings extends readonly [z.core.$ZodTypeDiscriminable, ...z.core.$ZodTypeDiscriminable[]],
  const Key extends string,
>(key: Key, mappings: Mappings): z.ZodDiscriminatedUnion<Mappings, Key> {
  const words = mappings.flatMap((one) => [...one._zod.propValues?.[key] ?? []]).map(String);
  return z.discriminatedUnion(key, mappings, {
    error: ({ code, input }) => {
      if (code !== "invalid_union") return `Expected a mapping but got ${showValue(input)}`;
      const given = new Map<string, unknown>(Object.entries(input ?? {})).get(key);
      return expectedWord(words, given);
    },
  });
}

/** A whole number from `min` to `max`. */
export function wholeNumber(min: number, max: number): z.ZodInt {
  const error = expected(`a whole number from ${min} to ${max}`);
  return z.int({ error }).min(min, { error }).max(max, { error });
}

/** One of a few words. */
export function choice<const Words extends readonly [string, ...string[]]>(
  words: Words,
): z.ZodEnum<{ [Word in Words[number]]: Word }> {
  return z.enum(words, { error: ({ input }) => expectedWord(words, input) });
}

function expectedWord(words: readonly string[], input: unknown): string {
  const meant = typeof input === "string" ? suggest(input, words) : undefined;
  const hint = meant === undefined ? "" : `; did you mean "${meant}"?`;
  return `Expected one of ${words.join(", ")} but got ${showValue(input)}${hint}`;
}

/** The name of a file, or of what else `what` says. */
export function filePath(what = "the path of a file"): z.ZodString {
  const error = expected(what);
  return z.string({ error }).min(1, { error });
}

/** Text with a pattern; `what` says in words what the pattern allows. */
export function patterned(pattern: RegExp, what: string): z.ZodString {
  const error = expected(what);
  return z.string({ error }).regex(pattern, { error });
}

/** Like {@linkcode patterned}, where a secret may stand by mistake: no message repeats it. */
export function patternedUnshown(pattern: RegExp, what: string): z.ZodString {
  const error = `Expected ${what}`;
  return z.string({ error }).regex(pattern, { error });
}

/** What a token looks like: printable ASCII, no longer than the wire carries. */
export const TOKEN_PATTERN: RegExp = new RegExp(
  `^[\\x21-\\x7e](?:[\\x20-\\x7e]{0,${MAX_TOKEN_BYTES - 2}}[\\x21-\\x7e])?$`,
);
/** {@linkcode TOKEN_PATTERN} in words. */
export const TOKEN_EXPECTED =
  `1 to ${MAX_TOKEN_BYTES} printable ASCII characters without spaces around them (in quotes when it looks like a number)`;

/** A secret. No message repeats it; the overview masks it. */
export function secret(): z.ZodString {
  const error = `Expected ${TOKEN_EXPECTED}`;
  return z.string({ error }).regex(TOKEN_PATTERN, { error }).meta({ writeOnly: true });
}

type Parsed<Input extends z.ZodType, Output> = z.ZodPipe<Input, z.ZodTransform<Output, z.output<Input>>>;

function parsed<Input extends z.ZodType, Output>(
  input: Input,
  parse: (value: z.output<Input>) => Output | undefined,
  error: ErrorMap,
): Parsed<Input, Output> {
  return input.transform((value, context): Output => {
    const result = parse(value);
    if (result !== undefined) return result;
    context.addIssue({ code: "custom", message: error({ input: value }) });
    return z.NEVER;
  });
}

/** A name or an IP address, without a port. */
export function host(what: string, ipOnly: boolean): Parsed<z.ZodString, string> {
  const error = expected(what);
  return parsed(z.string({ error }), (text) => isHost(text, ipOnly) ? text : undefined, error);
}

/** `host:port`. */
export function address(what: string, options: ParseAddressOptions): Parsed<z.ZodString, SocketAddress> {
  const error = expected(what);
  return parsed(z.string({ error }), (text) => parseAddress(text, options), error);
}

/** `host:port`, or a list of such. */
export function addresses(
  what: string,
  options: ParseAddressOptions,
): Parsed<z.ZodUnion<readonly [z.ZodString, z.ZodArray<z.ZodString>]>, SocketAddress | SocketAddress[]> {
  const error = expected(`${what}, or a list of such`);
  const input = z.union([z.string({ error }), z.array(z.string({ error }), { error }).min(1, { error })], {
    error,
  });
  return input.transform((value, context): SocketAddress | SocketAddress[] => {
    const found = [value].flat().map((text, index) => {
      const result = parseAddress(text, options);
      if (result === undefined) {
        const path = typeof value === "string" ? [] : [index];
        context.addIssue({ code: "custom", path, message: expected(what)({ input: text }) });
      }
      return result;
    });
    const valid = found.filter((address) => address !== undefined);
    const [first] = valid;
    return first === undefined || valid.length < found.length
      ? z.NEVER
      : typeof value === "string"
      ? first
      : valid;
  });
}

/** `host:port`, or a port of this machine. */
export function localAddress(): Parsed<z.ZodUnion<readonly [z.ZodInt, z.ZodString]>, SocketAddress> {
  const error = expected('an address such as "127.0.0.1:22", or a port of this machine');
  const input = z.union([z.int({ error }), z.string({ error })], { error });
  return parsed(input, (value) => parseAddress(String(value), { defaultHost: "127.0.0.1" }), error);
}

/** A port, or a range of ports. */
export function portRange(): Parsed<z.ZodUnion<readonly [z.ZodInt, z.ZodString]>, PortRange> {
  const error = expected('a port from 1 to 65535, or a range such as "2000-3000"');
  const input = z.union([z.int({ error }), z.string({ error })], { error });
  return parsed(input, (value) => parsePortRange(String(value)), error);
}

/** Text in one canonical spelling, which `parse` finds. */
export function canonicalText(
  what: string,
  parse: (text: string) => string | undefined,
): Parsed<z.ZodString, string> {
  const error = expected(what);
  return parsed(z.string({ error }), parse, error);
}

/** For {@linkcode canonicalText}: text that may be so stays as it is. */
export function keptWhen(holds: (text: string) => boolean): (text: string) => string | undefined {
  return (text) => holds(text) ? text : undefined;
}

/** Text that no message repeats and the overview masks. */
export function hiddenText(what: string, isGood: (text: string) => boolean): z.ZodString {
  const error = `Expected ${what}`;
  return z.string({ error }).refine(isGood, { error }).meta({ writeOnly: true });
}

const MOMENT = /^\d{4}-\d\d-\d\d(?:T\d\d:\d\d(?::\d\d(?:\.\d{1,3})?)?(?:Z|[+-]\d\d:\d\d))?$/;

/** A moment, with its zone; a day alone begins in UTC. */
export function moment(): Parsed<z.ZodString, Date> {
  const error = expected('a moment such as "2027-01-01T00:00:00Z"');
  const parse = (text: string): Date | undefined => {
    const date = new Date(MOMENT.test(text) ? text : NaN);
    return Number.isNaN(date.getTime()) ? undefined : date;
  };
  return parsed(z.string({ error }), parse, error);
}

/** A list whose entries differ. */
export function setOf<Item extends z.ZodType<string>>(item: Item): z.ZodArray<Item> {
  return listOf(item).superRefine((values, context) => {
    values.forEach((value, index) => {
      if (values.indexOf(value) === index) return;
      context.addIssue({ code: "custom", path: [index], message: `${showValue(value)} is given twice` });
    });
  });
}

/** A list. */
export function listOf<Item extends z.ZodType>(item: Item): z.ZodArray<Item> {
  const error = "Expected a list with at least one entry";
  return z.array(item, { error }).min(1, { error });
}
