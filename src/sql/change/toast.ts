/**
 * What Debezium writes for a value that PostgreSQL did not send, because it is stored out of line and unchanged: a
 * placeholder, in a form that depends on the column's type (`UnchangedToastedPlaceholder` of its connector). Pure.
 */
import { createHash } from "node:crypto"
import { put } from "./values.ts"

/** Tells whether a value is the placeholder. */
export type IsUnchanged = (value: unknown) => boolean

/** Java's `UUID.nameUUIDFromBytes`, which elements of `uuid[]` are. */
const uuidOf = (bytes: Buffer): string => {
  const hash = createHash("md5").update(bytes).digest()
  hash[6] = hash[6]! & 0x0f | 0x30
  hash[8] = hash[8]! & 0x3f | 0x80
  return hash.toString("hex").replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5")
}

/** The tests for the placeholder that the connector has as `unavailable.value.placeholder`. */
export const isUnchangedOf = (placeholder: string): IsUnchanged => {
  const bytes = Buffer.from(placeholder)
  const object = JSON.stringify({ [placeholder]: placeholder })
  const encoded = ["base64", "base64url", "hex"] as const
  const forms = [placeholder, object, ...encoded.map((form) => bytes.toString(form)), uuidOf(bytes)]
  // A base64 of the same length without and with padding are both among them.
  const texts: ReadonlySet<string> = new Set(forms)
  const lengths: ReadonlySet<number> = new Set(forms.map((text) => text.length))
  const isText = (value: unknown): boolean => typeof value === "string" && lengths.has(value.length) && texts.has(value)
  const isBytes = (value: unknown): boolean =>
    value instanceof Uint8Array && value.length === bytes.length && bytes.equals(value)
  const isArray = (value: ReadonlyArray<unknown>): boolean => {
    if (value.length === 1) return isText(value[0]) || isBytes(value[0])
    // Each byte is an element where those are integers.
    return value.length === bytes.length && value.every((element, i) => Number(element) === bytes[i])
  }
  return (value) => {
    if (typeof value === "string") return lengths.has(value.length) && texts.has(value)
    if (typeof value !== "object" || value === null) return false
    if (Array.isArray(value)) return isArray(value)
    if (value instanceof Uint8Array) return isBytes(value)
    return (value as { readonly [field: string]: unknown })[placeholder] === placeholder
  }
}

/** The row without the fields that are unchanged; the same object where all of them were sent. */
export const withoutUnchanged = (
  row: { readonly [field: string]: unknown },
  isUnchanged: IsUnchanged
): { readonly [field: string]: unknown } => {
  const fields = Object.keys(row)
  if (!fields.some((field) => isUnchanged(row[field]))) return row
  const sent: { [field: string]: unknown } = {}
  for (const field of fields) if (!isUnchanged(row[field])) put(sent, field, row[field])
  return sent
}
