/** Plain text tables. */
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
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

/** Prints a table. */
export const printTable = (
  header: ReadonlyArray<string>,
  rows: ReadonlyArray<ReadonlyArray<string | number>>
): Effect.Effect<void> => Effect.forEach(table(header, rows), (line) => Console.log(line), { discard: true })
