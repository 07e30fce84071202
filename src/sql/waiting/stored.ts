/** Operations as texts, for the table of those that wait. Pure. */
import type { Cell, Op, Row } from "../apply/fold.ts"
import { keyTextOf } from "../apply/keys.ts"
import type { Target } from "../apply/target.ts"

/** PostgreSQL has no text with a NUL in it. */
export const storedKey = (key: string): string => key.replaceAll("\0", "\u001F")

export const storedOp = ({ kind, row, target, version }: Op): string => {
  const cells: { [column: string]: Cell } = {}
  for (let i = 0; i < row.length; i++) {
    const cell = row[i]
    if (cell !== undefined) cells[target.columns[i]!.name] = cell
  }
  return JSON.stringify({ kind, row: cells, version: version === undefined ? undefined : String(version) })
}

const versionOf = (text: string): number | bigint => /^-?\d+$/.test(text) ? BigInt(text) : Number(text)

/** The operation again, for a table that may have other columns by now: those that are gone are left out. */
export const readOp = (target: Target, text: string, offset: number): Op => {
  const { kind, row: cells, version } = JSON.parse(text) as {
    readonly kind: "Write" | "Mark"
    readonly row: { readonly [column: string]: Cell }
    readonly version: string | undefined
  }
  const row: Row = target.columns.map(({ name }) => Object.hasOwn(cells, name) ? cells[name] : undefined)
  return {
    kind,
    target,
    key: keyTextOf(target, row),
    row,
    version: version === undefined ? undefined : versionOf(version),
    instead: undefined,
    offset
  }
}
