/** Reads Avro schemas. Pure. */
import type { AvroType, EnumType, FixedType, Logical, Named, Names, Primitive, RecordType } from "./avroType.ts"

/** Thrown where a schema is none; the message has the path. */
export class AvroSchemaError extends Error {}
const primitives: ReadonlySet<string> = new Set<Primitive>([
  "null",
  "boolean",
  "int",
  "long",
  "float",
  "double",
  "bytes",
  "string"
])

const symbolPattern = /^[A-Za-z_]\w*$/
const namePattern = /^[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*$/

type Json = Readonly<Record<string, unknown>>

const fail = (path: string, problem: string): never => {
  throw new AvroSchemaError(`${path === "" ? "the schema" : path}: ${problem}`)
}

const full = (name: string, namespace: string): string =>
  name.includes(".") || namespace === "" ? name : `${namespace}.${name}`

const spaceOf = (name: string): string => name.slice(0, Math.max(0, name.lastIndexOf(".")))

class Parser {
  private readonly names: Names

  constructor(names: Names) {
    this.names = names
  }

  type(json: unknown, namespace: string, path: string): AvroType {
    if (typeof json === "string") return this.reference(json, namespace, path)
    if (Array.isArray(json)) return this.union(json, namespace, path)
    if (typeof json !== "object" || json === null) return fail(path, "a type is a name, a list or an object")
    const schema = json as Json
    const { type } = schema
    if (typeof type === "object") return this.type(type, namespace, path)
    if (typeof type !== "string") return fail(path, "it has no \"type\"")
    switch (type) {
      case "record":
      case "error":
        return this.record(schema, namespace, path)
      case "enum":
        return this.enumeration(schema, namespace, path)
      case "fixed":
        return this.fixed(schema, namespace, path)
      case "array":
        return { kind: "array", items: this.type(schema["items"], namespace, `${path}/items`) }
      case "map":
        return { kind: "map", values: this.type(schema["values"], namespace, `${path}/values`) }
      default:
        return primitives.has(type)
          ? { kind: type as Primitive, logical: logicalOf(schema) }
          : this.reference(type, namespace, path)
    }
  }

  private reference(name: string, namespace: string, path: string): AvroType {
    if (primitives.has(name)) return { kind: name as Primitive }
    return this.names.get(full(name, namespace)) ?? this.names.get(name)
      ?? fail(path, `"${full(name, namespace)}" is neither a primitive type nor a name that is known here`)
  }

  private union(json: ReadonlyArray<unknown>, namespace: string, path: string): AvroType {
    const branches = json.map((branch, i) => this.type(branch, namespace, `${path}/${i}`))
    const seen = new Set<string>()
    for (const [i, branch] of branches.entries()) {
      if (branch.kind === "union") fail(`${path}/${i}`, "a union may not hold a union")
      const key = "name" in branch ? branch.name : branch.kind
      if (seen.has(key)) fail(`${path}/${i}`, `the union has "${key}" twice`)
      seen.add(key)
    }
    return { kind: "union", branches }
  }

  private named(schema: Json, namespace: string, path: string): Named {
    const { aliases, name, namespace: own } = schema
    if (typeof name !== "string" || !namePattern.test(name)) return fail(path, `${JSON.stringify(name)} is not a name`)
    const space = typeof own === "string" ? own : namespace
    const fullName = full(name, space)
    if (!namePattern.test(fullName)) return fail(path, `${JSON.stringify(fullName)} is not a name`)
    if (this.names.has(fullName)) fail(path, `"${fullName}" is defined twice`)
    const others = Array.isArray(aliases) ? aliases.map((alias) => full(String(alias), spaceOf(fullName))) : []
    return { name: fullName, aliases: others }
  }

  private record(schema: Json, namespace: string, path: string): AvroType {
    const record: RecordType = { kind: "record", ...this.named(schema, namespace, path), fields: [] }
    this.names.set(record.name, record)
    const { fields } = schema
    if (!Array.isArray(fields)) return fail(path, "a record has a list of \"fields\"")
    const space = spaceOf(record.name)
    const seen = new Set<string>()
    for (const [i, each] of fields.entries()) {
      const field = each as Json | null
      const name = field?.["name"]
      if (field === null || typeof name !== "string") return fail(`${path}/fields/${i}`, "a field has a \"name\"")
      if (seen.has(name)) fail(`${path}/fields/${i}`, `the record has "${name}" twice`)
      seen.add(name)
      if (!symbolPattern.test(name)) fail(`${path}/fields/${i}`, `${JSON.stringify(name)} is not a name`)
      const aliases = field["aliases"]
      record.fields.push({
        name,
        aliases: Array.isArray(aliases) ? aliases.map(String) : [],
        type: this.type(field["type"], space, `${path}/fields/${name}`),
        default: field["default"]
      })
    }
    return record
  }

  private enumeration(schema: Json, namespace: string, path: string): AvroType {
    const { default: other, symbols } = schema
    if (!Array.isArray(symbols)) return fail(path, "an enum has a list of \"symbols\"")
    const odd = symbols.find((symbol, i) =>
      typeof symbol !== "string" || !symbolPattern.test(symbol) || symbols.indexOf(symbol) < i
    )
    if (odd !== undefined) fail(path, `${JSON.stringify(odd)} is not a symbol, or is one twice`)
    const named = this.named(schema, namespace, path)
    const type: EnumType = {
      kind: "enum",
      ...named,
      symbols: symbols.map(String),
      default: other as string | undefined
    }
    if (type.default !== undefined && !type.symbols.includes(type.default)) {
      fail(path, `its default "${type.default}" is not one of its symbols`)
    }
    this.names.set(type.name, type)
    return type
  }

  private fixed(schema: Json, namespace: string, path: string): AvroType {
    const { size } = schema
    if (!Number.isSafeInteger(size) || (size as number) < 0) return fail(path, "a fixed has a \"size\"")
    const type: FixedType = {
      kind: "fixed",
      ...this.named(schema, namespace, path),
      size: size as number,
      logical: logicalOf(schema)
    }
    this.names.set(type.name, type)
    return type
  }
}

const logicalOf = ({ logicalType, precision, scale }: Json): Logical | undefined =>
  typeof logicalType !== "string" ? undefined : {
    name: logicalType,
    precision: typeof precision === "number" ? precision : undefined,
    scale: typeof scale === "number" ? scale : logicalType === "decimal" ? 0 : undefined
  }

/** Parses a schema. `names` are the types it may refer to; those that it defines are added. */
export const parse = (text: string, names: Names = new Map()): AvroType => {
  let json: unknown
  try {
    json = JSON.parse(text)
  } catch {
    // A name alone is written without quotes by some.
    json = text.trim()
  }
  return new Parser(names).type(json, "", "")
}
