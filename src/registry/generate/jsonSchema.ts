/** JSON Schemas as modules of Effect Schemas: Effect translates, and this lays out what it wrote. Pure. */
import * as JsonSchema from "effect/JsonSchema"
import * as SchemaRepresentation from "effect/SchemaRepresentation"
import type { Needed } from "../format/resolved.ts"
import { bundled } from "../json/bundle.ts"
import { rewritten } from "../json/derive.ts"
import type { Code } from "./code.ts"
import * as Out from "./code.ts"

const closing: { readonly [open: string]: string } = { "{": "}", "[": "]", "(": ")" }

/** Reads code that is a line back into pieces: brackets are lists, and texts are passed over. */
class Reader {
  private at = 0
  private readonly text: string

  constructor(text: string) {
    this.text = text
  }

  /** The pieces up to one of these characters, which is left. */
  row(ends: string): Code {
    const pieces: Array<Code> = []
    let from = this.at
    const take = () => {
      if (this.at > from) pieces.push(this.text.slice(from, this.at))
    }
    while (this.at < this.text.length && !ends.includes(this.text[this.at]!)) {
      const char = this.text[this.at]!
      if (char === "\"") this.at = this.textEnd()
      else if (closing[char] !== undefined) {
        take()
        pieces.push(this.list(char))
        from = this.at
      } else this.at++
    }
    take()
    return pieces.length === 1 ? pieces[0]! : pieces
  }

  private list(open: string): Code {
    const close = closing[open]!
    const items: Array<Code> = []
    do {
      this.at++
      while (this.text[this.at] === " ") this.at++
      items.push(this.row(`,${close}`))
    } while (this.text[this.at] === ",")
    this.at++
    return { open, close, items: items.map(trimmed).filter((item) => !Array.isArray(item) || item.length > 0) }
  }

  private textEnd(): number {
    let end = this.at + 1
    while (this.text[end] !== "\"") end += this.text[end] === "\\" ? 2 : 1
    return end + 1
  }
}

const trimmed = (code: Code): Code => {
  if (typeof code === "string") return unquoted(code).trimEnd()
  if (!Array.isArray(code)) return code
  const pieces = code as ReadonlyArray<Code>
  return pieces.map((piece, i) => {
    if (typeof piece !== "string") return piece
    const own = i === 0 ? unquoted(piece) : piece
    return i === pieces.length - 1 ? own.trimEnd() : own
  })
}

/** The key of a property without quotes that it does not need. */
const unquoted = (text: string): string => text.replace(/^((?:readonly )?)"([A-Za-z_$][\w$]*)"(\??: )/, "$1$2$3")

const laidOut = (text: string, head: string): string => Out.print(new Reader(text).row(""), "", head.length)

/** A schema that refers to itself as a whole is a definition: Effect translates references to such alone. */
const defined = (json: JsonSchema.JsonSchema, key: "definitions" | "$defs", name: string): JsonSchema.JsonSchema => {
  const { $schema, [key]: definitions = {}, ...root } = json
  const own = new Out.Names(Object.keys(definitions as object)).take(name)
  const ref = `#/${key}/${own}`
  const whole = rewritten({ definitions, root }, "#", ref) as { readonly definitions: object; readonly root: object }
  // Nothing refers to it.
  if (JSON.stringify(whole) === JSON.stringify({ definitions, root })) return json
  return { $schema, $ref: ref, [key]: { ...whole.definitions, [own]: whole.root } }
}

/**
 * The source of a module for a schema, and the name of its Schema. `needed` are the texts that it refers to. Throws for
 * what Effect cannot translate. Patterns are written, and not run here.
 */
export const generate = (
  text: string,
  needed: ReadonlyArray<Needed>,
  options: { readonly name: string }
): { readonly name: string; readonly source: string } => {
  const json = (needed.length === 0 ? JSON.parse(text) : bundled({ text, needed })) as JsonSchema.JsonSchema
  const title = typeof json["title"] === "string" ? json["title"] : undefined
  const standard = Out.typeName(title ?? options.name)
  const draft = String(json["$schema"] ?? "")
  const document = draft.includes("draft-07") || draft.includes("draft-04") || draft === ""
    ? JsonSchema.fromSchemaDraft07(defined(json, "definitions", standard))
    : JsonSchema.fromSchemaDraft2020_12(defined(json, "$defs", standard))
  const schema = SchemaRepresentation.fromJsonSchemaDocument(document, { patterns: "apply" })
  const { codes, references } = SchemaRepresentation.toCodeDocument(
    SchemaRepresentation.toMultiDocument(SchemaRepresentation.toRepresentation(schema.ast))
  )
  const declared = (name: string, code: { readonly runtime: string; readonly Type: string }) => {
    const [type, head] = [`export type ${name} = `, `export const ${name} = `]
    return `${type}${laidOut(code.Type, type)}\n\n${head}${laidOut(code.runtime, head)}\n`
  }
  const parts = [
    ...references.nonRecursives.map(({ $ref, code }) => declared($ref, code)),
    ...Object.entries(references.recursives).map(([name, code]) => declared(name, code))
  ]
  const taken = [...references.nonRecursives.map(({ $ref }) => $ref), ...Object.keys(references.recursives), "Schema"]
  const root = codes[0]!
  const name = taken.includes(root.runtime)
    ? root.runtime
    : new Out.Names(taken).take(standard)
  if (name !== root.runtime) parts.push(declared(name, root))
  return { name, source: `import { Schema } from "effect"\n\n${parts.join("\n")}` }
}
