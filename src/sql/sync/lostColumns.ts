/** Columns whose values Debezium leaves out of its events, without a word in them. Pure. */
import { problemsOf } from "../cells/losses.ts"
import type { Modes } from "../cells/modes.ts"
import type { Column } from "../TableModel.ts"
import type { TableSettings } from "./settings.ts"

/** What a start has to say about such a column; naming its field says that the connector sends it. */
export const lossOf = (column: Column, { fields, rename = {} }: TableSettings, modes: Modes): string | undefined => {
  if (modes.source !== "debezium" || modes.lossy === "accept" || column.isGenerated) return undefined
  if (!problemsOf({ columns: [column] }, modes).some(({ kind }) => kind === "absent")) return undefined
  // Such arrays are left out by every setting of the connector.
  const isNever = column.kind === "array"
  const renamed = Object.keys(rename).filter((field) => rename[field] === column.name)
  const names = [column.name, ...renamed]
  const isIn = (list: ReadonlyArray<string>) => list.some((field) => names.includes(field))
  if (fields !== undefined && "exclude" in fields && isIn(fields.exclude)) return undefined
  if (fields !== undefined && "include" in fields && !isIn(fields.include)) return undefined
  if (isNever) {
    return `Debezium never sends values of type ${column.type}, so it would stay empty; exclude the field, or set `
      + "lossy to \"accept\""
  }
  const isNamed = renamed.length > 0 || (fields !== undefined && "include" in fields)
  return isNamed
    ? undefined
    : `Debezium leaves values of type ${column.type} out unless the connector has include.unknown.datatypes, and it `
      + "would stay empty; exclude the field, or set that, and `unknownTypes` of the format"
}
