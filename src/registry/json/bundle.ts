/** A JSON Schema and what it refers to of other texts, as one schema: their parts become its definitions. Pure. */
import type { Resolved } from "../format/resolved.ts"
import type { Document } from "./document.ts"
import { documentOf, target } from "./document.ts"

type Json = Readonly<Record<string, unknown>>

const isObject = (value: unknown): value is Json => typeof value === "object" && value !== null && !Array.isArray(value)

/** What belongs to a document as a whole. */
const ofDocument = new Set(["$schema", "$id", "definitions", "$defs"])

/** `money.json#/definitions/Money` and `https://example.com/money.json` are both about `money`. */
const lastOf = (ref: string): string => /([^/#]+?)(?:\.json)?[/#]*$/.exec(ref)?.[1] ?? "Referenced"

class Bundle {
  private readonly root: Document
  private readonly key: string
  private readonly names = new Map<object, string>()
  readonly definitions: Record<string, unknown>

  constructor(root: Document, key: string) {
    this.root = root
    this.key = key
    this.definitions = Object.create(null)
    const own = root.root[key]
    // Their names are taken before any part of another text gets one.
    if (isObject(own)) { for (const name of Object.keys(own)) this.definitions[name] = {} }
    if (isObject(own)) {
      for (const [name, each] of Object.entries(own)) {
        this.definitions[name] = this.copy(each, root)
      }
    }
  }

  copy(value: unknown, document: Document): unknown {
    if (Array.isArray(value)) return value.map((each) => this.copy(each, document))
    if (!isObject(value)) return value
    const { $ref } = value
    const entries = Object.entries(value).map(([key, each]) =>
      [
        key,
        key === "$ref" && typeof $ref === "string" ? this.reference($ref, document) : this.copy(each, document)
      ] as const
    )
    return Object.fromEntries(entries)
  }

  private reference(ref: string, document: Document): string {
    if (document === this.root && ref.startsWith("#")) return ref
    const { document: other, schema } = target({ document, schema: {} }, ref)
    if (other === this.root) return ref.slice(Math.max(0, ref.indexOf("#")))
    return `#/${this.key}/${this.names.get(schema) ?? this.define(ref, other, schema)}`
  }

  private define(ref: string, document: Document, schema: Json): string {
    const { title } = schema
    const wanted = (typeof title === "string" ? title : lastOf(ref)).replaceAll(/[^\w.-]+/g, "_")
    let name = wanted
    for (let i = 2; name in this.definitions; i++) name = `${wanted}${i}`
    // It may lead back to itself.
    this.names.set(schema, name)
    this.definitions[name] = {}
    const own = Object.fromEntries(Object.entries(schema).filter(([key]) => !ofDocument.has(key)))
    this.definitions[name] = this.copy(own, document)
    return name
  }
}

/** The schema as JSON, which refers to nothing outside of itself. Throws for what is not there. */
export const bundled = (schema: Pick<Resolved, "needed" | "text">): unknown => {
  const root = documentOf(schema)
  if (schema.needed.length === 0) return root.root
  const key = "$defs" in root.root ? "$defs" : "definitions"
  const bundle = new Bundle(root, key)
  const { [key]: _, ...rest } = root.root
  const whole = bundle.copy(rest, root) as Json
  return { ...whole, [key]: { ...bundle.definitions } }
}
