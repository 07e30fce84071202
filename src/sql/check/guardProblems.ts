/** Whether what marks the rows of a table, or gives them versions, fits the table. Pure. */
import type { Table } from "../TableModel.ts"
import { quotedTable, shownTable } from "../tables/names.ts"
import type { Guards, Mark } from "./guardSql.ts"
import type { Problem } from "./problems.ts"

/** What is to be run again. */
const addSkipColumn = (table: string, { column }: Mark, key: ReadonlyArray<string> | undefined): string => {
  const options = {
    ...(column === "kafka_skip" ? {} : { column }),
    ...(key === undefined ? {} : { key })
  }
  const more = Object.keys(options).length === 0 ? "" : `, ${JSON.stringify(options)}`
  return `LoopGuard.addSkipColumn(${JSON.stringify(table)}${more})`
}

/** `key`: the columns of the records' key where a sync names them. */
export const guardProblems = (
  side: "source" | "target",
  table: Table,
  guards: Guards,
  key: ReadonlyArray<string> | undefined
): ReadonlyArray<Problem> => {
  const { isVersioned, later, marks, partial, placing, versionKey } = guards
  if (marks.length === 0 && !isVersioned) return []
  const subject = shownTable(table)
  const warning = (problem: string, breaks: string, mend: string): Problem => ({
    severity: "warning",
    side,
    subject,
    problem,
    breaks,
    mend
  })
  const problems: Array<Problem> = []
  for (const mark of marks) {
    const given = key ?? (mark.isKeyGiven ? mark.known.filter((column) => !placing.includes(column)) : undefined)
    const missing = [...new Set([...given ?? guards.key, ...placing])].filter((column) => !mark.known.includes(column))
    if (missing.length === 0) continue
    problems.push(warning(
      `the triggers of the mark ${mark.column} do not see changes of ${missing.join(", ")}`,
      "the other side keeps rows under keys that they have left, and an update to another partition fails",
      addSkipColumn(subject, mark, given)
    ))
  }
  if (isVersioned && JSON.stringify(versionKey) !== JSON.stringify(table.primaryKey)) {
    problems.push(warning(
      `the trigger of row versions does not know the key ${table.primaryKey.join(", ")}`,
      "deleted rows are remembered under keys that no sync looks for, and may come back",
      `RowVersion.add(${JSON.stringify(subject)}, …) with the site of this database`
    ))
  }
  for (const one of partial) {
    problems.push(warning(
      `${shownTable(one)} has no REPLICA IDENTITY FULL`,
      `its deletions carry ${marks.length > 0 ? "no mark, and come back to the side that sent them" : "no version"}`,
      `ALTER TABLE ${quotedTable(one)} REPLICA IDENTITY FULL`
    ))
  }
  for (const trigger of later) {
    problems.push(warning(
      `the trigger ${trigger} is called behind those of ${marks.length > 0 ? "the mark" : "row versions"}`,
      "where it changes the key of a row, the other side keeps the old one, and where the partition, updates fail",
      "rename it, so that it sorts before ~"
    ))
  }
  return problems
}
