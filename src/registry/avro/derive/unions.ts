/** Unions: which branch a value belongs to, and the wrapping that the Avro library wants where that is not obvious. */
import type { AvroJson, Convert, Shape } from "../shape.ts"
import { plain } from "../shape.ts"

/** A branch, with a test of encoded values. */
export interface Branch {
  readonly shape: Shape
  readonly is: (value: unknown) => boolean
}

const isNull = (json: AvroJson): boolean => json === "null"

const kindOf = (json: AvroJson): string => {
  if (typeof json === "string") return json
  if (Array.isArray(json)) return "union"
  return String((json as { readonly type?: unknown }).type)
}

/** How the Avro library names a branch: the full name, or the type. */
const branchName = (json: AvroJson): string => {
  if (typeof json !== "object" || Array.isArray(json)) return String(json)
  const { name, namespace, type } = json as {
    readonly name?: string
    readonly namespace?: string
    readonly type: string
  }
  if (name === undefined) return type
  return namespace === undefined || name.includes(".") ? name : `${namespace}.${name}`
}

/** Kinds whose values look alike to the Avro library; a name is a record, an enum or a fixed. */
const buckets: { readonly [kind: string]: string } = {
  null: "null",
  boolean: "boolean",
  int: "number",
  long: "number",
  float: "number",
  double: "number",
  string: "string",
  enum: "string",
  bytes: "buffer",
  fixed: "buffer",
  array: "array"
}

const isPrimitive = (json: string): boolean => json in buckets

/** Also where a branch is only a name, which may be of a record as well as of an enum. */
const isAmbiguous = (branches: ReadonlyArray<AvroJson>): boolean => {
  const others = branches.filter((json) => json !== "null")
  if (others.length > 1 && others.some((json) => typeof json === "string" && !isPrimitive(json))) return true
  const seen = branches.map((json) => buckets[kindOf(json)] ?? "object")
  return new Set(seen).size < seen.length
}

const call = (convert: Convert | undefined, value: unknown): unknown =>
  convert === undefined ? value : (convert as (value: unknown) => unknown)(value)

/** The only branch beside null: what is null stays null. */
const nullable = ({ shape: { fromAvro, toAvro } }: Branch): Pick<Shape, "toAvro" | "fromAvro"> => ({
  toAvro: toAvro && ((value: unknown) => value === null ? null : call(toAvro, value)),
  fromAvro: fromAvro && ((value: unknown) => value === null ? null : call(fromAvro, value))
})

/** Whether the library is to wrap the values of a union, as `{ branch: value }`; this module unwraps them. */
export const isWrapped = (json: ReadonlyArray<AvroJson>): boolean => isAmbiguous(json)

/** The shape of a union: the branches in order, null included. */
export const union = (branches: ReadonlyArray<Branch>): Shape => {
  const json = branches.map(({ shape }) => shape.json)
  const others = branches.filter(({ shape }) => !isNull(shape.json))
  if (others.length === 1) return { json, ...nullable(others[0]!) }
  const wrapped = isWrapped(json)
  const named = branches.map((branch) => ({ ...branch, name: branchName(branch.shape.json) }))
  const byName = new Map(named.map((branch) => [branch.name, branch]))
  const convertsAny = branches.some(({ shape }) => shape.toAvro !== undefined || shape.fromAvro !== undefined)
  if (!wrapped && !convertsAny) return { json, toAvro: undefined, fromAvro: undefined }
  const toAvro = (value: unknown): unknown => {
    const branch = named.find(({ is }) => is(value))
    // The library says what is wrong with it.
    if (branch === undefined || value === null) return value
    const converted = call(branch.shape.toAvro, value)
    return wrapped ? { [branch.name]: converted } : converted
  }
  const fromAvro = (value: unknown): unknown => {
    if (value === null) return null
    if (!wrapped) {
      // Without wrapping, at most one branch fits what the library read.
      const branch = named.find(({ shape }) => fits(shape.json, value))
      return branch === undefined ? value : call(branch.shape.fromAvro, value)
    }
    const name = Object.keys(value as object)[0]!
    return call(byName.get(name)?.shape.fromAvro, (value as Record<string, unknown>)[name])
  }
  return { json, toAvro, fromAvro }
}

/** A value or null. */
export const nullOr = (shape: Shape): Shape =>
  union([
    { shape: plain("null"), is: (value) => value === null },
    { shape, is: (value) => value !== null }
  ])

const bucketOf = (value: unknown): string => {
  if (value === null) return "null"
  if (value instanceof Uint8Array) return "buffer"
  if (Array.isArray(value)) return "array"
  return typeof value === "bigint" ? "number" : typeof value
}

const fits = (json: AvroJson, value: unknown): boolean => (buckets[kindOf(json)] ?? "object") === bucketOf(value)
