/**
 * Tables in Markdown, set as `deno fmt` sets them.
 *
 * @module
 */

/**
 * Sets a table.
 *
 * @param rows The head, then the rows, each with as many cells as the head.
 * @returns Markdown with a line end after every row.
 * @throws {RangeError} when there is no head or a row has another number of cells.
 */
export function markdownTable(rows: readonly (readonly string[])[]): string {
  const [head, ...body] = rows;
  if (head === undefined) throw new RangeError("Cannot set a table without a head");
  const odd = body.find((row) => row.length !== head.length);
  if (odd !== undefined) {
    throw new RangeError(
      `Expected ${head.length} cells in every row but got ${odd.length}: ${odd.join(", ")}`,
    );
  }
  const cells = rows.map((row) => row.map((cell) => cell.replaceAll("|", "\\|")));
  // A rule of fewer than three hyphens is no table to some readers.
  const widths = head.map((_, column) => Math.max(3, ...cells.map((row) => widthOf(row[column] ?? ""))));
  const line = (row: readonly string[]): string =>
    `| ${
      row.map((cell, column) => cell + " ".repeat((widths[column] ?? 0) - widthOf(cell))).join(" | ")
    } |\n`;
  const rule = line(widths.map((width) => "-".repeat(width)));
  const [first = [], ...rest] = cells;
  return line(first) + rule + rest.map(line).join("");
}

function widthOf(text: string): number {
  return [...text].length;
}
