/** Whether the columns of a source table have places in the target. Pure. */
import { BadCell } from "../cells/cell.ts"
import type { Modes } from "../cells/modes.ts"
import { destinationOf, type Mapping, renamed } from "../sync/mapping.ts"
import type { Column, Table } from "../TableModel.ts"
import { quoted, shownTable } from "../tables/names.ts"
import type { Problem } from "./problems.ts"
import { sentOf } from "./sent.ts"

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

/** Why a column refuses all that Debezium sends of another one. */
const refusalOf = (mapping: Mapping, place: number, column: Column, modes: Modes): string | undefined => {
  const sent = modes.source === "plain" ? undefined : sentOf(column, modes)
  const cell = sent === undefined ? undefined : mapping.converts[place]!(sent)
  // Losses are problems of their own.
  return cell instanceof BadCell && !cell.isLoss ? cell.problem : undefined
}

/** `modes`: those of the sync's format. */
export const mappingProblems = (source: Table, mapping: Mapping, modes: Modes): ReadonlyArray<Problem> => {
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
    const refusal = refusalOf(mapping, place, column, modes)
    if (refusal !== undefined) {
      const name = `${shownTable(source)}.${column.name}`
      problems.push({
        ...base,
        severity: "error",
        problem: `column ${other.name} is ${other.type}, and ${name} is ${column.type}: ${refusal}`,
        breaks: "records with a value there are refused",
        mend: `ALTER TABLE ${target.sql} ALTER COLUMN ${quoted(other.name)} TYPE ${column.type} USING ${
          quoted(other.name)
        }::text::${column.type}`
      })
    }
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
