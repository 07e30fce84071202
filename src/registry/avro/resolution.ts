/**
 * Whether a reader's Avro schema can read what was written with another one, and why not: Avro 1.12, "Schema
 * Resolution", with the names of differences that Apache Avro's checker and the registries use. Pure.
 */
import type { AvroType, EnumType, Field, FixedType, Named, RecordType } from "./avroType.ts"

/** What keeps the reader from reading, and where in its schema. */
export interface Difference {
  readonly type:
    | "NAME_MISMATCH"
    | "FIXED_SIZE_MISMATCH"
    | "MISSING_ENUM_SYMBOLS"
    | "READER_FIELD_MISSING_DEFAULT_VALUE"
    | "TYPE_MISMATCH"
    | "MISSING_UNION_BRANCH"
  readonly path: string
  readonly message: string
}

/** What is read as what besides itself. */
const promotions: { readonly [writer: string]: ReadonlyArray<string> } = {
  int: ["long", "float", "double"],
  long: ["float", "double"],
  float: ["double"],
  string: ["bytes"],
  bytes: ["string"]
}

const short = (name: string): string => name.slice(name.lastIndexOf(".") + 1)

/** Names match without their namespaces, or by an alias of the reader. */
export const namesMatch = (
  reader: { readonly name: string; readonly aliases: ReadonlyArray<string> },
  writer: string
): boolean => short(reader.name) === short(writer) || reader.aliases.includes(writer)

const show = (type: AvroType): string =>
  "name" in type
    ? `${type.kind} ${type.name}`
    : type.kind === "union"
    ? `union of ${type.branches.map(show).join(", ")}`
    : type.kind

type Differences = ReadonlyArray<Difference>

const none: Differences = []

const one = (type: Difference["type"], path: string, message: string): Differences => [
  { type, path: path === "" ? "/" : path, message }
]

/** Keeps what it found for a pair of types; a pair that is being compared is taken to match, which ends recursion. */
class Comparison {
  private readonly found = new Map<AvroType, Map<AvroType, Differences>>()

  compare(reader: AvroType, writer: AvroType, path: string): Differences {
    const found = this.found.get(reader) ?? new Map<AvroType, Differences>()
    this.found.set(reader, found)
    const known = found.get(writer)
    if (known !== undefined) return known
    found.set(writer, none)
    const result = this.differences(reader, writer, path)
    found.set(writer, result)
    return result
  }

  private differences(reader: AvroType, writer: AvroType, path: string): Differences {
    if (writer.kind === "union") return writer.branches.flatMap((branch) => this.compare(reader, branch, path))
    if (reader.kind === "union") {
      const matches = reader.branches.some((branch) => this.compare(branch, writer, path).length === 0)
      return matches ? none : one("MISSING_UNION_BRANCH", path, `no branch reads ${show(writer)}`)
    }
    if (reader.kind !== writer.kind) {
      return promotions[writer.kind]?.includes(reader.kind) === true
        ? none
        : one("TYPE_MISMATCH", path, `${show(writer)} cannot be read as ${show(reader)}`)
    }
    switch (reader.kind) {
      case "array":
        return this.compare(reader.items, (writer as typeof reader).items, `${path}/items`)
      case "map":
        return this.compare(reader.values, (writer as typeof reader).values, `${path}/values`)
      case "record":
        return this.records(reader, writer as RecordType, path)
      case "enum":
        return enums(reader, writer as EnumType, path)
      case "fixed":
        return fixed(reader, writer as FixedType, path)
      default:
        return none
    }
  }

  private records(reader: RecordType, writer: RecordType, path: string): Differences {
    if (!namesMatch(reader, writer.name)) return wrongName(reader, writer, path)
    return reader.fields.flatMap((field) => {
      const at = `${path}/fields/${field.name}`
      const written = writtenField(field, writer)
      if (written !== undefined) return this.compare(field.type, written.type, at)
      return field.default !== undefined ? none : one(
        "READER_FIELD_MISSING_DEFAULT_VALUE",
        at,
        `the writer has no "${field.name}", and it has no default`
      )
    })
  }
}

const wrongName = (reader: Named, writer: Named, path: string): Differences =>
  one("NAME_MISMATCH", path, `${writer.name} is not called ${reader.name}, which has no such alias`)

const enums = (reader: EnumType, writer: EnumType, path: string): Differences => {
  if (!namesMatch(reader, writer.name)) return wrongName(reader, writer, path)
  const unknown = writer.symbols.filter((symbol) => !reader.symbols.includes(symbol))
  return unknown.length === 0 || reader.default !== undefined
    ? none
    : one("MISSING_ENUM_SYMBOLS", path, `the reader does not know ${unknown.join(", ")}, and it has no default`)
}

const fixed = (reader: FixedType, writer: FixedType, path: string): Differences => {
  if (!namesMatch(reader, writer.name)) return wrongName(reader, writer, path)
  return writer.size === reader.size
    ? none
    : one("FIXED_SIZE_MISMATCH", path, `${writer.size} bytes cannot be read as ${reader.size}`)
}

/** The writer's field that a reader's field takes its value from: of its name, or of an alias. */
export const writtenField = ({ aliases, name }: Field, { fields }: RecordType): Field | undefined =>
  fields.find((field) => field.name === name) ?? fields.find((field) => aliases.includes(field.name))

/** Why the reader cannot read what the writer wrote; nothing if it can. */
export const differences = (reader: AvroType, writer: AvroType): ReadonlyArray<Difference> => {
  const found = new Comparison().compare(reader, writer, "")
  // A pair of types that occurs at two places is compared, and reported, once.
  return [...new Set(found)]
}
