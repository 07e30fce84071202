/** The statements that write rows in bulk: one text per table and set of columns. Pure. */
import { travelsAsText } from "../cells/arrays.ts"
import { literal, quoted, versionFunctionName, versionTrigger } from "../tables/names.ts"
import type { Op } from "./fold.ts"
import { keyTextOf } from "./keys.ts"
import { literalOf } from "./literals.ts"
import type { Target } from "./target.ts"

/** A statement with its parameters, all of them texts. */
export interface Statement {
  readonly text: string
  readonly params: ReadonlyArray<string>
}

const cached = (target: Target, name: string, make: () => string): string => {
  let text = target.texts.get(name)
  if (text === undefined) target.texts.set(name, text = make())
  return text
}

const nameOf = ({ columns }: Target, column: number): string => quoted(columns[column]!.name)

/** The type in which the cells of a column are sent, if it is not the column's: it is cast from that. */
const castFrom = ({ columns }: Target, column: number): string | undefined => {
  // A text of money is read as `lc_monetary` says, where 1.00 may be a hundred.
  if (columns[column]!.kind === "money") return "numeric"
  return travelsAsText(columns[column]!) ? "text" : undefined
}

const sentType = (target: Target, column: number): string => castFrom(target, column) ?? target.columns[column]!.type

const source = (
  target: Target,
  columns: ReadonlyArray<number>,
  more: ReadonlyArray<readonly [name: string, type: string]> = []
): string => {
  const types = columns.map((column) => sentType(target, column))
  const params = [...types, ...more.map(([, type]) => type)].map((type, i) => `$${i + 1}::text::${type}[]`)
  const names = [...columns.map((column) => `c${column}`), ...more.map(([name]) => name)]
  return `unnest(${params.join(", ")}) AS s(${names.join(", ")})`
}

/** The cell of a column, as of the column's type. */
const cellOf = (target: Target, column: number, name = `s.c${column}`): string =>
  castFrom(target, column) === undefined ? name : `${name}::${target.columns[column]!.type}`

const onKey = (target: Target): string =>
  target.key.map((column) => `t.${nameOf(target, column)} = ${cellOf(target, column)}`).join(" AND ")

/** Whether the row in the table is not newer than that of the source. */
const isNewer = (target: Target, of: string): string => {
  if (target.guard === undefined) return ""
  const version = `t.${nameOf(target, target.guard.column)}`
  return `(${version} IS NULL OR ${version} <= ${of})`
}

/** Deleted keys are remembered: an older event must not bring one back. */
const remembered = [["k", "text"], ["v", "numeric"]] as const

const notDeleted = ({ guard, name }: Target): string =>
  guard === undefined
    ? ""
    : ` WHERE NOT EXISTS (SELECT 1 FROM ${guard.deleted} d WHERE d.table_name = ${literal(name)}`
      + " AND d.key = s.k AND d.version > s.v)"

/** Whether `INSERT` would refuse such a row before it looks for one that is there. */
const lacksValue = (target: Target, columns: ReadonlyArray<number>): boolean =>
  target.columns.some(({ hasDefault, isNullable }, i) => !isNullable && !hasDefault && !columns.includes(i))

const writeText = (target: Target, columns: ReadonlyArray<number>): string => {
  const { guard, key } = target
  const from = source(target, columns, guard === undefined ? [] : remembered)
  const names = columns.map((column) => nameOf(target, column)).join(", ")
  const changed = columns.filter((column) => !key.includes(column) && !target.columns[column]!.isIdentityAlways)
  const overriding = columns.some((column) => target.columns[column]!.isIdentityAlways)
    ? " OVERRIDING SYSTEM VALUE"
    : ""
  if (target.hasArbiter && !lacksValue(target, columns)) {
    const sets = changed.map((column) => `${nameOf(target, column)} = excluded.${nameOf(target, column)}`)
    const newer = guard === undefined ? "" : ` WHERE ${isNewer(target, `excluded.${nameOf(target, guard.column)}`)}`
    const action = sets.length === 0 ? "NOTHING" : `UPDATE SET ${sets.join(", ")}${newer}`
    return `INSERT INTO ${target.sql} AS t (${names})${overriding} SELECT ${
      columns.map((column) => cellOf(target, column)).join(", ")
    } FROM ${from}${notDeleted(target)} ON CONFLICT (${
      key.map((column) => nameOf(target, column)).join(", ")
    }) DO ${action}`
  }
  const cells = columns.map((column) => `${cellOf(target, column)} AS c${column}`).join(", ")
  const sets = changed.map((column) => `${nameOf(target, column)} = s.c${column}`)
  const newer = guard === undefined ? "" : ` AND ${isNewer(target, `s.c${guard.column}`)}`
  const matched = sets.length === 0 ? "DO NOTHING" : `UPDATE SET ${sets.join(", ")}`
  return `MERGE INTO ${target.sql} AS t USING (SELECT ${cells} FROM ${from}${notDeleted(target)}) AS s ON ${
    onKey(target)
  } WHEN MATCHED${newer} THEN ${matched} WHEN NOT MATCHED THEN INSERT (${names})${overriding} VALUES (${
    columns.map((column) => `s.c${column}`).join(", ")
  })`
}

const cellsOf = (ops: ReadonlyArray<Pick<Op, "row">>, columns: ReadonlyArray<number>): Array<string> =>
  columns.map((column) => literalOf(ops, ({ row }) => row[column]))

/** A key as it is remembered: PostgreSQL has no text with a NUL in it. */
const memorized = (key: string): string => key.replaceAll("\0", "\u001F")

const memory = (ops: ReadonlyArray<Pick<Op, "key" | "version">>): ReadonlyArray<string> => [
  literalOf(ops, ({ key }) => memorized(key)),
  literalOf(ops, ({ version }) => String(version))
]

/** Inserts rows or updates those that are there. All have the same columns, and different keys. */
export const write = (target: Target, shape: string, ops: ReadonlyArray<Op>): Statement => {
  const columns = target.columns.flatMap((_, column) => ops[0]!.row[column] === undefined ? [] : [column])
  const params = cellsOf(ops, columns)
  return {
    text: cached(target, `write ${shape}`, () => writeText(target, columns)),
    params: target.guard === undefined ? params : [...params, ...memory(ops)]
  }
}

/** Only reads the cells of rows with the same columns, as `write` does. */
export const read = (target: Target, shape: string, ops: ReadonlyArray<Pick<Op, "row">>): Statement => {
  const columns = target.columns.flatMap((_, column) => ops[0]!.row[column] === undefined ? [] : [column])
  return {
    text: cached(
      target,
      `read ${shape}`,
      () =>
        `SELECT count(ROW(${columns.map((column) => cellOf(target, column)).join(", ")})) FROM ${
          source(target, columns)
        }`
    ),
    params: cellsOf(ops, columns)
  }
}

const keyAndVersion = ({ guard, key }: Target): ReadonlyArray<number> =>
  guard === undefined ? key : [...new Set([...key, guard.column])]

/** Deletes rows by their keys. */
export const remove = (target: Target, ops: ReadonlyArray<Op>): Statement => {
  const columns = keyAndVersion(target)
  const make = () => {
    const newer = target.guard === undefined ? "" : ` AND ${isNewer(target, `s.c${target.guard.column}`)}`
    return `DELETE FROM ${target.sql} AS t USING ${source(target, columns)} WHERE ${onKey(target)}${newer}`
  }
  return { text: cached(target, "remove", make), params: cellsOf(ops, columns) }
}

/** The cell of the key that a row gets. */
const newCell = (target: Target, column: number): string => cellOf(target, column, `s.n${column}`)

const newKey = (target: Target): ReadonlyArray<readonly [string, string]> =>
  target.key.map((column) => [`n${column}`, sentType(target, column)])

const newCells = (target: Target, ops: ReadonlyArray<Op>): ReadonlyArray<string> =>
  target.key.map((column) => literalOf(ops, ({ to = [] }) => to[column]))

const all = (target: Target, pair: (column: number) => readonly [string, string]): string =>
  target.key.map((column) => pair(column).join(" = ")).join(" AND ")

/**
 * Gives rows other keys, unless there is one under that, or a newer one under its own. Under a key that was deleted
 * later it would stay: what the record behind this one says of that key is too old.
 */
export const move = (target: Target, ops: ReadonlyArray<Op>): Statement => {
  const { guard, key, name, sql } = target
  const columns = keyAndVersion(target)
  const make = () => {
    const more = guard === undefined ? newKey(target) : [...newKey(target), ...remembered]
    const sets = key.map((column) => `${nameOf(target, column)} = ${newCell(target, column)}`).join(", ")
    const newer = guard === undefined ? "" : ` AND ${isNewer(target, `s.c${guard.column}`)}`
    const isThere = all(target, (column) => [`o.${nameOf(target, column)}`, newCell(target, column)])
    const isItself = all(target, (column) => [`o.${nameOf(target, column)}`, cellOf(target, column)])
    const kept = guard === undefined
      ? ""
      : ` AND NOT EXISTS (SELECT 1 FROM ${guard.deleted} d WHERE d.table_name = ${literal(name)}`
        + " AND d.key = s.k AND d.version > s.v)"
    return `UPDATE ${sql} AS t SET ${sets} FROM ${source(target, columns, more)} WHERE ${onKey(target)}${newer}`
      + ` AND NOT EXISTS (SELECT 1 FROM ${sql} AS o WHERE ${isThere} AND NOT (${isItself}))${kept}`
  }
  const params = [...cellsOf(ops, columns), ...newCells(target, ops)]
  if (guard !== undefined) {
    params.push(...memory(ops.map(({ to = [], version }) => ({ key: keyTextOf(target, to), version }))))
  }
  return { text: cached(target, "move", make), params }
}

/** Deletes the rows that {@link move} has left where they were, unless both keys are those of one row. */
export const leave = (target: Target, ops: ReadonlyArray<Op>): Statement => {
  const { guard, sql } = target
  const columns = keyAndVersion(target)
  const make = () => {
    const stays = all(target, (column) => [cellOf(target, column), newCell(target, column)])
    const newer = guard === undefined ? "" : ` AND ${isNewer(target, `s.c${guard.column}`)}`
    return `DELETE FROM ${sql} AS t USING ${source(target, columns, newKey(target))} WHERE ${
      onKey(target)
    } AND NOT (${stays})${newer}`
  }
  return { text: cached(target, "leave", make), params: [...cellsOf(ops, columns), ...newCells(target, ops)] }
}

/**
 * Deletes what was just written under keys that were deleted later: a write does not see a deletion that was not
 * committed when it began. Who wrote a row has waited for those who delete it, so that they are seen by now.
 */
export const removeDeleted = (target: Target, deleted: string, ops: ReadonlyArray<Op>): Statement => {
  const columns = keyAndVersion(target)
  const make = () =>
    `DELETE FROM ${target.sql} AS t USING ${source(target, columns, remembered)} WHERE ${onKey(target)} AND ${
      isNewer(target, `s.c${target.guard!.column}`)
    } AND EXISTS (SELECT 1 FROM ${deleted} d WHERE d.table_name = ${literal(target.name)}`
    + " AND d.key = s.k AND d.version > s.v)"
  return { text: cached(target, "removeDeleted", make), params: [...cellsOf(ops, columns), ...memory(ops)] }
}

/**
 * Waits for the transactions of other syncs. Nothing else keeps one that deletes a key without a row from one that is
 * writing that row: they have no row in common. `alone`: waits also for those that are not alone, and they for it.
 */
export const lock = ({ name }: Target, alone: boolean): Statement => ({
  text: `SELECT pg_advisory_xact_lock${alone ? "" : "_shared"}(hashtext('millrace versions'), hashtext(${
    literal(name)
  }))`,
  params: []
})

/** Marks rows as deleted. */
export const mark = (target: Target, ops: ReadonlyArray<Op>): Statement => {
  const { guard, softDelete } = target
  const columns = [...keyAndVersion(target), softDelete!]
  const make = () => {
    const sets = [softDelete!, ...(guard === undefined ? [] : [guard.column])]
      .map((column) => `${nameOf(target, column)} = s.c${column}`)
    const newer = guard === undefined ? "" : ` AND ${isNewer(target, `s.c${guard.column}`)}`
    return `UPDATE ${target.sql} AS t SET ${sets.join(", ")} FROM ${source(target, columns)} WHERE ${
      onKey(target)
    }${newer}`
  }
  return { text: cached(target, "mark", make), params: cellsOf(ops, columns) }
}

/**
 * What is added to a version that is remembered. One that `RowVersion` gave is of one write alone: when that comes
 * again, it is the one that was deleted. Other versions may come back with another row.
 */
const above = ({ guard, sql, table }: Target): string =>
  guard?.isOfRows === true
    ? ` + EXISTS (SELECT FROM pg_trigger WHERE tgrelid = ${literal(sql)}::regclass AND tgname IN (${
      literal(versionTrigger)
    }, ${literal(versionFunctionName(table.name))}))::int`
    : ""

/** Remembers the versions of deleted keys. */
export const remember = (target: Target, deleted: string, ops: ReadonlyArray<Op>): Statement => ({
  text: cached(
    target,
    "remember",
    () =>
      `INSERT INTO ${deleted} AS d (table_name, key, version) SELECT ${literal(target.name)}, k, v${
        above(target)
      } FROM unnest(${
        remembered.map(([, type], i) => `$${i + 1}::text::${type}[]`).join(", ")
      }) AS s(k, v) ON CONFLICT (table_name, key) DO UPDATE SET version = greatest(d.version, excluded.version),`
      + " deleted_at = now()"
  ),
  params: memory(ops)
})

/** Empties a table. `TRUNCATE` refuses tables that others refer to, and those with rows that are yet to be checked. */
export const truncate = ({ isDeferrable, sql, table }: Target): Statement => ({
  text: table.referencedBy.length === 0 && !isDeferrable ? `TRUNCATE ${sql}` : `DELETE FROM ${sql}`,
  params: []
})

/** Takes the values of these columns away from rows that other rows are about to take them from. */
export const park = (target: Target, columns: ReadonlyArray<number>, ops: ReadonlyArray<Op>): Statement => ({
  text: cached(target, `park ${columns.join()}`, () => {
    const sets = columns.map((column) => `${nameOf(target, column)} = NULL`)
    return `UPDATE ${target.sql} AS t SET ${sets.join(", ")} FROM ${source(target, target.key)} WHERE ${onKey(target)}`
  }),
  params: cellsOf(ops, target.key)
})

/**
 * Which rows have to go before others: pairs of places in `ops`, the taker of a unique value and its holder. A holder
 * that is not among them is null.
 */
export const holders = (target: Target, columns: ReadonlyArray<number>, ops: ReadonlyArray<Op>): Statement => {
  const all = [...new Set([...target.key, ...columns])]
  const make = () => {
    const shares = columns.map((column) => `t.${nameOf(target, column)} = s.c${column}`).join(" AND ")
    const others = target.key.map((column) => `${cellOf(target, column, `h.c${column}`)} = t.${nameOf(target, column)}`)
      .join(
        " AND "
      )
    const names = all.map((column) => `c${column}`).join(", ")
    const params = all.map((column, i) => `$${i + 1}::text::${sentType(target, column)}[]`)
    return `WITH s AS (SELECT * FROM unnest(${params.join(", ")}) WITH ORDINALITY AS s(${names}, place))`
      + ` SELECT s.place::text, h.place::text FROM s JOIN ${target.sql} AS t ON ${shares} AND NOT (${onKey(target)})`
      + ` LEFT JOIN s AS h ON ${others}`
  }
  return { text: cached(target, `holders ${columns.join()}`, make), params: cellsOf(ops, all) }
}

/** Lets deferrable constraints wait for the end. */
export const defer = "SET CONSTRAINTS ALL DEFERRED"

/** Checks deferrable constraints at this place. */
export const check = "SET CONSTRAINTS ALL IMMEDIATE"
