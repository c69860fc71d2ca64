/**
 * How thorough the tests are.
 *
 * @module
 */
import process from "node:process";

/** Whether the tests take their time (`FERROTUNNEL_LONG=1`): faults last as long as in real life, and crowds are as large. */
export const LONG: boolean = process.env["FERROTUNNEL_LONG"] === "1";
