/**
 * Whether one JSON Schema takes every value that another one does. It rather says no than yes: keywords that it does
 * not know must be the same in both, and a value must be taken by a single alternative. Pure.
 */
import { messageOf } from "../../internal/shared/causes.ts"
import type { Alternative, Document, Node } from "./document.ts"
import { additionalOf, alternatives, followed, itemsOf, propertiesOf, requiredOf, rootOf } from "./document.ts"

/** Where a reader does not take what a writer may write. */
export interface Difference {
  readonly path: string
  readonly type: string
  readonly message: string
}

/** What other functions compare, and what says nothing about values. */
const passedOver = new Set([
  ...["$schema", "$id", "$ref", "$defs", "definitions", "$comment", "$anchor", "title", "description", "default"],
  ...["examples", "readOnly", "writeOnly", "deprecated", "format", "contentEncoding", "contentMediaType"],
  ...["type", "enum", "const", "properties", "required", "additionalProperties"],
  ...["items", "prefixItems", "additionalItems"]
])

const lower = new Set(["minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties"])
const upper = new Set(["maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties"])

/** Whether a limit of the reader lets pass what one of the writer does. */
const isLooser = (keyword: string, reader: unknown, writer: unknown): boolean => {
  if (typeof reader === "number" && typeof writer === "number") {
    if (lower.has(keyword)) return reader <= writer
    if (upper.has(keyword)) return reader >= writer
  }
  return JSON.stringify(reader) === JSON.stringify(writer)
}

/** A limit of a writer: a tuple that nothing follows has no more items than are listed. */
const limitOf = (writer: Alternative, keyword: string): unknown => {
  const said = writer.schema[keyword]
  if (keyword !== "maxItems" || said !== undefined || writer.type !== "array") return said
  const { first, others } = itemsOf(writer)
  return others === undefined ? first.length : undefined
}

class Comparison {
  /** What is being compared further out: a recursive schema comes back to it. */
  private readonly outer: Array<readonly [reader: unknown, writer: unknown]> = []

  all(referringReader: Node, referringWriter: Node, path: string): ReadonlyArray<Difference> {
    const [reader, writer] = [followed(referringReader), followed(referringWriter)]
    if (this.outer.some(([one, other]) => one === reader.schema && other === writer.schema)) return []
    this.outer.push([reader.schema, writer.schema])
    const readers = alternatives(reader)
    const found = alternatives(writer).flatMap((each) => this.taken(readers, each, path))
    this.outer.pop()
    return found
  }

  private taken(readers: ReadonlyArray<Alternative>, writer: Alternative, path: string): ReadonlyArray<Difference> {
    const fitting = readers.filter(({ type }) =>
      type === writer.type || type === "anything" || type === "number" && writer.type === "integer"
    )
    if (fitting.length === 0) {
      const types = [...new Set(readers.map(({ type }) => type))].join(", ")
      return [{ path, type: "TYPE", message: `${writer.type} is not among ${types}` }]
    }
    let fewest: ReadonlyArray<Difference> | undefined
    for (const each of fitting) {
      const found = this.parts(each, writer, path)
      if (found.length === 0) return []
      if (fewest === undefined || found.length < fewest.length) fewest = found
    }
    return fewest ?? []
  }

  private parts(reader: Alternative, writer: Alternative, path: string): ReadonlyArray<Difference> {
    const values = reader.values === undefined
      ? []
      : (writer.values ?? [`any ${writer.type}`]).filter((value) => !reader.values!.includes(value))
    const limits = Object.entries(reader.schema).filter(([keyword, limit]) =>
      !passedOver.has(keyword) && !isLooser(keyword, limit, limitOf(writer, keyword))
    )
    return [
      ...values.map((value) => ({
        path,
        type: "VALUE",
        message: `${value} is not among ${reader.values!.join(", ")}`
      })),
      ...limits.map(([keyword, limit]) => ({
        path,
        type: "LIMIT",
        message: `${keyword} ${JSON.stringify(limit)} is not in the schema that is read, or narrower there`
      })),
      ...(reader.type === "object" ? this.objects(reader, writer, path) : []),
      ...(reader.type === "array" ? this.arrays(reader, writer, path) : [])
    ]
  }

  private objects(reader: Alternative, writer: Alternative, path: string): ReadonlyArray<Difference> {
    const written = new Map(propertiesOf(writer))
    const known = new Map(propertiesOf(reader))
    const [others, othersWritten] = [additionalOf(reader), additionalOf(writer)]
    const must = requiredOf(writer)
    const at = (name: string) => `${path}/properties/${name}`
    return [
      ...requiredOf(reader).filter((name) => !must.includes(name)).map((name) => ({
        path: at(name),
        type: "REQUIRED",
        message: "it is required, and may be missing in what is read"
      })),
      ...[...written].flatMap(([name, node]) => {
        const own = known.get(name) ?? others
        return own === undefined
          ? [{ path: at(name), type: "PROPERTY", message: "it is not there, and other properties are not allowed" }]
          : this.all(own, node, at(name))
      }),
      // What other properties may be is what these may have been.
      ...[...known].flatMap(([name, node]) =>
        written.has(name) || othersWritten === undefined ? [] : this.all(node, othersWritten, at(name))
      ),
      ...(othersWritten === undefined
        ? []
        : others === undefined
        ? [{ path, type: "ADDITIONAL", message: "other properties are not allowed, and may be in what is read" }]
        : this.all(others, othersWritten, `${path}/additionalProperties`))
    ]
  }

  private arrays(reader: Alternative, writer: Alternative, path: string): ReadonlyArray<Difference> {
    const [own, written] = [itemsOf(reader), itemsOf(writer)]
    if (own.first.length !== written.first.length) {
      return [{ path: `${path}/items`, type: "ITEMS", message: "another number of items have schemas of their own" }]
    }
    return [
      ...own.first.flatMap((node, i) => this.all(node, written.first[i]!, `${path}/items/${i}`)),
      ...(written.others === undefined
        ? []
        : own.others === undefined
        ? [{ path: `${path}/items`, type: "ITEMS", message: "no more items are allowed, and may be in what is read" }]
        : this.all(own.others, written.others, `${path}/items`))
    ]
  }
}

/** Where a reader's schema does not take what a writer's schema allows; nothing if it takes all of it. */
export const differences = (reader: Document, writer: Document): ReadonlyArray<Difference> => {
  try {
    return new Comparison().all(rootOf(reader), rootOf(writer), "")
  } catch (error) {
    return [{ path: "", type: "REFERENCE", message: messageOf(error) }]
  }
}
