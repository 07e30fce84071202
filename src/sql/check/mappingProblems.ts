/** Whether the columns of a source table have places in the target. Pure. */
import { destinationOf, type Mapping, renamed } from "../sync/mapping.ts"
import type { Table } from "../TableModel.ts"
import { quoted, shownTable } from "../tables/names.ts"
import type { Problem } from "./problems.ts"

/** Unique indexes that rows are in which are only marked as deleted. */
const markedProblems = ({ target }: Mapping): ReadonlyArray<Problem> => {
  const { softDelete, sql, table } = target
  if (softDelete === undefined) return []
  const mark = target.columns[softDelete]!
  const key = target.key.map((place) => target.columns[place]!.name).toSorted().join()
  const there = mark.kind === "boolean" ? "IS NOT TRUE" : "IS NULL"
  return table.uniques
    .filter(({ columns, isExpression, isPartial, isPrimary }) =>
      !isPartial && !isPrimary && (isExpression || columns.toSorted().join() !== key)
    )
    .map(({ columns, isExclusion, isExpression, name }): Problem => ({
      side: "target",
      subject: target.name,
      severity: "warning",
      problem: `the unique index ${name} has the rows that are marked as deleted, too`,
      breaks: "a row is refused that gets a value which such a row had",
      mend: isExpression || isExclusion
        ? undefined
        : `DROP INDEX ${name} (or its constraint), then CREATE UNIQUE INDEX ON ${sql} (${
          columns.map(quoted).join(", ")
        }) WHERE ${quoted(mark.name)} ${there}`
    }))
}

export const mappingProblems = (source: Table, mapping: Mapping): ReadonlyArray<Problem> => {
  const { settings, target } = mapping
  const problems: Array<Problem> = []
  const base = { side: "target", subject: target.name } as const
  const filled = new Set<number>(target.softDelete === undefined ? [] : [target.softDelete])
  if (target.guard !== undefined) filled.add(target.guard.column)
  for (const column of source.columns) {
    if (column.isGenerated) continue
    const place = destinationOf(mapping, column.name)
    if (place === "unknown" && settings.unknownFields !== "ignore") {
      const name = renamed(settings.rename, column.name)
      problems.push({
        ...base,
        severity: "error",
        problem: `it has no column ${name} for ${shownTable(source)}.${column.name}`,
        breaks: "each record with this field is refused",
        mend: `ALTER TABLE ${target.sql} ADD COLUMN ${quoted(name)} ${column.type}`
      })
    }
    if (typeof place !== "number") continue
    filled.add(place)
    const other = target.columns[place]!
    if (column.isNullable && !other.isNullable && !target.key.includes(place)) {
      problems.push({
        ...base,
        severity: "warning",
        problem: `column ${other.name} is NOT NULL, and ${shownTable(source)}.${column.name} may be null`,
        breaks: "records with a null there are refused",
        mend: `ALTER TABLE ${target.sql} ALTER COLUMN ${quoted(other.name)} DROP NOT NULL`
      })
    }
  }
  target.columns.forEach(({ hasDefault, isNullable, name }, place) => {
    if (isNullable || hasDefault || filled.has(place)) return
    problems.push({
      ...base,
      severity: "error",
      problem: `column ${name} is NOT NULL without a default, and ${shownTable(source)} has nothing for it`,
      breaks: "each new row is refused",
      mend: `ALTER TABLE ${target.sql} ALTER COLUMN ${quoted(name)} DROP NOT NULL`
    })
  })
  return [...problems, ...markedProblems(mapping)]
}
