/** Plain text tables. Pure. */
import { plain } from "./values.ts"

/** Columns as wide as their widest cell, two spaces apart; numbers to the right. */
export const table = (
  header: ReadonlyArray<string>,
  rows: ReadonlyArray<ReadonlyArray<string | number>>
): ReadonlyArray<string> => {
  const cells = [header, ...rows.map((row) => row.map((cell) => plain(String(cell))))]
  const widths = header.map((_, column) => cells.reduce((width, row) => Math.max(width, row[column]?.length ?? 0), 0))
  return cells.map((row, line) =>
    row.map((cell, column) =>
      line > 0 && typeof rows[line - 1]![column] === "number"
        ? cell.padStart(widths[column]!)
        : cell.padEnd(widths[column]!)
    ).join("  ").trimEnd()
  )
}
