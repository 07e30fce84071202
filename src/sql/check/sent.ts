/** A value as Debezium sends it, to ask a column of the target whether it takes such values. Pure. */
import type { Modes } from "../cells/modes.ts"
import type { ColumnType } from "../TableModel.ts"

const isText = ({ times }: Modes): boolean => times === undefined || times === "isostring"

const decimal = ({ typmod }: ColumnType, { decimals }: Modes): unknown => {
  if (decimals === "string") return "1"
  if (decimals === "double") return 1
  return typmod < 4 ? { scale: 0, value: "AQ==" } : "AQ=="
}

/** `undefined` where the text of a value is all that is known of it, which may fit. */
export const sentOf = (type: ColumnType, modes: Modes): unknown => {
  switch (type.kind) {
    case "boolean":
      return true
    case "integer":
    case "bigint":
    case "oid":
    case "float":
      return 1
    case "numeric":
      return decimal(type, modes)
    case "date":
      return isText(modes) ? "2026-01-02Z" : 20_455
    case "time":
      return isText(modes) ? "01:02:03Z" : 1_000
    case "timestamp":
      return isText(modes) ? "2026-01-02T03:04:05Z" : 1_767_323_045_000
    case "timestamptz":
      return "2026-01-02T03:04:05Z"
    case "timetz":
      return "01:02:03Z"
    case "bytes":
      return modes.binaries === "hex" ? "01" : "AQ=="
    case "bit":
      return type.typmod === 1 ? true : "AQ=="
    case "json":
      return "{}"
    case "array": {
      const element = type.element === undefined ? undefined : sentOf(type.element, modes)
      return element === undefined ? undefined : [element]
    }
    default:
      return undefined
  }
}
