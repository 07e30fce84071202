/**
 * Whether what is read means what was written. Avro resolves schemas by the types beneath logical types, so a decimal
 * of another scale, or a time of another unit, would be read as another number without an error. Pure.
 */
import type { AvroType, Logical } from "./avroType.ts"
import { differences, namesMatch, writtenField } from "./resolution.ts"

const unitOf = ({ name }: Logical): string | undefined =>
  name === "date" ? "days" : /-(millis|micros|nanos)$/.exec(name)?.[1]

const logicalOf = (type: AvroType): Logical | undefined => "logical" in type ? type.logical : undefined

/** Why a number that was written as one logical type is another one as the other. */
const clash = (reader: Logical, writer: Logical): string | undefined => {
  if (reader.name === "decimal" && writer.name === "decimal") {
    return reader.scale === writer.scale ? undefined : `a decimal of scale ${writer.scale} is none of ${reader.scale}`
  }
  const [wanted, written] = [unitOf(reader), unitOf(writer)]
  return wanted === undefined || written === undefined || wanted === written
    ? undefined
    : `a ${writer.name} is no ${reader.name}`
}

const isSame = (reader: AvroType, writer: AvroType): boolean =>
  reader.kind === writer.kind && (!("name" in reader) || namesMatch(reader, (writer as typeof reader).name))

class Comparison {
  private readonly seen = new Map<AvroType, Set<AvroType>>()

  first(reader: AvroType, writer: AvroType, path: string): string | undefined {
    const seen = this.seen.get(reader) ?? new Set()
    if (seen.has(writer)) return undefined
    this.seen.set(reader, seen.add(writer))
    if (writer.kind === "union") return find(writer.branches, (branch) => this.first(reader, branch, path))
    if (reader.kind === "union") {
      // As it is read: by its own branch, which may lack some of the writer's symbols, else by the first that can.
      const branch = reader.branches.find((each) => isSame(each, writer))
        ?? reader.branches.find((each) => differences(each, writer).length === 0)
      return branch && this.first(branch, writer, path)
    }
    const [wanted, written] = [logicalOf(reader), logicalOf(writer)]
    const found = wanted && written && clash(wanted, written)
    if (found !== undefined) return `${path === "" ? "/" : path}: ${found}`
    return this.parts(reader, writer, path)
  }

  private parts(reader: AvroType, writer: AvroType, path: string): string | undefined {
    if (reader.kind === "array" && writer.kind === "array") {
      return this.first(reader.items, writer.items, `${path}/items`)
    }
    if (reader.kind === "map" && writer.kind === "map") {
      return this.first(reader.values, writer.values, `${path}/values`)
    }
    if (reader.kind !== "record" || writer.kind !== "record") return undefined
    return find(reader.fields, (field) => {
      const written = writtenField(field, writer)
      return written && this.first(field.type, written.type, `${path}/fields/${field.name}`)
    })
  }
}

const find = <A>(items: ReadonlyArray<A>, look: (item: A) => string | undefined): string | undefined => {
  for (const item of items) {
    const found = look(item)
    if (found !== undefined) return found
  }
  return undefined
}

/** The first place where the reader would take a number of the writer for another one, as `path: why`. */
export const firstClash = (reader: AvroType, writer: AvroType): string | undefined =>
  new Comparison().first(reader, writer, "")
