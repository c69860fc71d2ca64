/**
 * Asks for a secret on the terminal without showing it.
 *
 * @module
 */
import process from "node:process";
import { EXIT, UsageError } from "./exit.ts";

/** What a {@linkcode SecretLine} made of the keys so far. */
export type LineState = "open" | "done" | "aborted";

/**
 * A line that is typed without being shown. Pure: keys in, text out.
 *
 * @example
 * ```ts
 * import { SecretLine } from "./prompt.ts";
 *
 * const line = new SecretLine();
 * console.log(line.type("secreT\u007ft\r"), line.text); // "done" "secret"
 * ```
 */
export class SecretLine {
  /** What was typed. */
  text = "";
  #inEscape = false;

  /**
   * Takes keys as a terminal in raw mode sends them. Arrow keys and the like are escape sequences: Escape, then `[` or
   * `O`, digits and semicolons, then the one character that ends it.
   *
   * @param keys Characters and control characters.
   * @returns Whether the line is complete.
   */
  type(keys: string): LineState {
    for (const key of keys) {
      if (key === "\r" || key === "\n" || key === "\u0004") return "done";
      if (key === "\u0003") return "aborted";
      if (this.#inEscape) this.#inEscape = /[[O\d;]/.test(key);
      else if (key === "\u001b") this.#inEscape = true;
      else if (key === "\u007f" || key === "\b") this.text = this.text.slice(0, -1);
      else if (key === "\u0015") this.text = "";
      else if (key >= " ") this.text += key;
    }
    return "open";
  }
}

/** Whether somebody can be asked. */
export function canPrompt(): boolean {
  return process.stdin.isTTY === true;
}

/** Options of {@linkcode promptSecret}. */
export interface PromptOptions {
  /** Shows text without a line end. */
  readonly show: (text: string) => void;
  /** Ends the program, when Ctrl-C is pressed. */
  readonly exit: (code: number) => never;
}

/**
 * Asks for a secret.
 *
 * @param question What to ask.
 * @param options How to show it.
 * @returns What was typed.
 * @throws {UsageError} when nothing was typed.
 */
export function promptSecret(question: string, options: PromptOptions): Promise<string> {
  const { stdin } = process;
  const line = new SecretLine();
  // In this order: what is typed the moment the question appears must not be shown.
  stdin.setRawMode(true);
  options.show(question);
  return new Promise((resolve, reject) => {
    const onData = (data: Uint8Array | string): void => {
      const state = line.type(typeof data === "string" ? data : new TextDecoder().decode(data));
      if (state === "open") return;
      stdin.off("data", onData);
      stdin.setRawMode(false);
      stdin.pause();
      options.show("\n");
      if (state === "aborted") options.exit(EXIT.interrupted);
      if (line.text === "") reject(new UsageError("Nothing was typed"));
      else resolve(line.text);
    };
    stdin.on("data", onData);
    stdin.resume();
  });
}
