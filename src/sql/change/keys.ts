/** Keys of Debezium's records: the table that a merged topic's key names, and the other key of a changed one. Pure. */
import * as Headers from "../../Headers.ts"
import { described } from "./connectSchema.ts"
import { parseExact } from "./exactJson.ts"
import { type Delete, Malformed, type Values, type Version } from "./model.ts"
import { isValues, put } from "./values.ts"

/** What `ByLogicalTableRouter` adds to keys. */
export const tableField = "__dbz__physicalTableIdentifier"

/** `schema.table` of `<prefix>.<schema>.<table>`; the prefix may have dots. */
export const tableOf = (identifier: string): string => identifier.split(".").slice(-2).join(".")

/** The table that a key names, and the key without that. */
export const splitKey = (key: Values, field: string): { readonly key: Values; readonly table: string | undefined } => {
  const identifier = key[field]
  if (typeof identifier !== "string") return { key, table: undefined }
  const rest: { [field: string]: unknown } = {}
  for (const name of Object.keys(key)) if (name !== field) put(rest, name, key[name])
  return { key: rest, table: tableOf(identifier) }
}

const parsed = (text: string): unknown => {
  try {
    // A converter of headers may write schemas, and keys may have more digits than a double.
    return described(parseExact(text))
  } catch {
    return undefined
  }
}

/** The key in a header `__debezium.newkey` or `__debezium.oldkey`, which is JSON whatever the converter of keys is. */
export const keyIn = (headers: Headers.Headers, name: string): Values | undefined => {
  const text = Headers.get(headers, name)
  const key = text === undefined ? undefined : parsed(text)
  return isValues(key) ? key : undefined
}

/** What a null says: the row of its key is gone. */
export const gone = (
  key: Values,
  table: string | undefined,
  headers: Headers.Headers,
  version?: Version
): Delete | Malformed =>
  Object.keys(key).length === 0
    ? new Malformed({ field: "key", problem: "there is neither a key nor a value, so that no row is meant" })
    : { _tag: "Delete", table, key, version, before: undefined, newKey: keyIn(headers, "__debezium.newkey") }
