/**
 * The program's entry.
 *
 * @module
 */
import { runCli } from "./cli/cli.ts";
import { runtime } from "./runtime/mod.ts";

runtime.exit(await runCli(runtime));
