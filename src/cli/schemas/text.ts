/** Schemas as texts for people. Pure. */
import type { SchemaText } from "../../registry/RegistryModel.ts"

type Json = unknown

const width = 100

/** JSON with a line each for what does not fit into one. */
const layOut = (value: Json, indent: string, taken: number): string => {
  const flat = inline(value)
  if (typeof value !== "object" || value === null || indent.length + taken + flat.length <= width) return flat
  const deeper = `${indent}  `
  const items = Array.isArray(value)
    ? value.map((item) => layOut(item, deeper, 1))
    : Object.entries(value).map(([name, part]) => {
      const key = `${JSON.stringify(name)}: `
      return `${key}${layOut(part, deeper, key.length + 1)}`
    })
  const [open, close] = Array.isArray(value) ? ["[", "]"] : ["{", "}"]
  return `${open}\n${items.map((item) => `${deeper}${item}`).join(",\n")}\n${indent}${close}`
}

const inline = (value: Json): string => {
  if (Array.isArray(value)) return `[${value.map(inline).join(", ")}]`
  if (typeof value !== "object" || value === null) return JSON.stringify(value)
  const entries = Object.entries(value)
  if (entries.length === 0) return "{}"
  return `{ ${entries.map(([name, part]) => `${JSON.stringify(name)}: ${inline(part)}`).join(", ")} }`
}

/** How Avro's attributes follow each other; others come between them. */
const first = ["type", "name", "namespace", "doc", "logicalType"]
const last = ["default", "aliases", "symbols", "items", "values", "fields"]
const rank = (name: string): number => {
  const at = first.indexOf(name)
  return at >= 0 ? at : first.length + 1 + last.indexOf(name)
}

/** The same schema in one way of writing it: `{"type":"string"}` is `"string"`. */
const avro = (json: Json): Json => {
  if (Array.isArray(json)) return json.map(avro)
  if (typeof json !== "object" || json === null) return json
  const entries = Object.entries(json)
  if (entries.length === 1 && entries[0]![0] === "type") return avro(entries[0]![1])
  const isField = "name" in json && !("fields" in json || "symbols" in json || "size" in json)
  const ranked = (name: string) => isField && name === "name" ? -1 : rank(name)
  return Object.fromEntries(
    entries.toSorted(([a], [b]) => ranked(a) - ranked(b) || (a < b ? -1 : 1))
      .map(([name, part]) => [name, name === "default" ? part : avro(part)])
  )
}

const sorted = (json: Json): Json => {
  if (Array.isArray(json)) return json.map(sorted)
  if (typeof json !== "object" || json === null) return json
  return Object.fromEntries(
    Object.entries(json).toSorted(([a], [b]) => a < b ? -1 : 1).map(([name, part]) => [name, sorted(part)])
  )
}

const parsed = (text: string): Json => {
  try {
    return JSON.parse(text)
  } catch {
    // Avro's short form of a primitive type.
    return text
  }
}

/** A schema laid out in lines, as it is. */
export const readable = ({ text, type }: SchemaText): string =>
  type === "PROTOBUF" ? text.trim() : layOut(parsed(text), "", 0)

/** A schema laid out in lines, so that two ways of writing one schema look alike. */
export const comparable = ({ text, type }: SchemaText): string => {
  if (type === "PROTOBUF") return text.trim()
  return layOut(type === "AVRO" ? avro(parsed(text)) : sorted(parsed(text)), "", 0)
}
