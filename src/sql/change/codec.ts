/** The JSON of Connect, and of programs, as codecs. */
import * as Effect from "effect/Effect"
import * as Codec from "../../Codec.ts"
import { encodeText, readText } from "../../internal/shared/utf8.ts"
import { exactJson } from "../cells/json.ts"
import { described, payloadOf } from "./connectSchema.ts"
import { parseExact } from "./exactJson.ts"

const schemaStart = "{\"schema\":"
const payloadStart = ",\"payload\":"

/** How many schemas a topic may have at once before they are parsed again with every record. */
const mostSchemas = 8

/** Where the object that begins at `from` ends, or -1. */
const endOfObject = (json: string, from: number): number => {
  let depth = 0
  let isInText = false
  for (let i = from; i < json.length; i++) {
    const code = json.charCodeAt(i)
    if (isInText) {
      if (code === 92) i++
      else if (code === 34) isInText = false
    } else if (code === 34) isInText = true
    else if (code === 123) depth++
    else if (code === 125 && --depth === 0) return i + 1
  }
  return -1
}

interface Known {
  /** The record's text up to its payload. */
  readonly start: string
  readonly convert: (payload: unknown) => unknown
}

const parsedOrUndefined = (json: string): { readonly value: unknown } | undefined => {
  try {
    return { value: parseExact(json) }
  } catch {
    return undefined
  }
}

/** A parser that parses a schema once: with `schemas.enable` it comes in every record, and is most of it. */
const makeParser = (): (json: string) => unknown => {
  const schemas: Array<Known> = []
  const learn = (json: string) => {
    const end = endOfObject(json, schemaStart.length)
    if (end < 0 || !json.startsWith(payloadStart, end)) return undefined
    const schema = parsedOrUndefined(json.slice(schemaStart.length, end))
    if (schema === undefined) return undefined
    const learnt = { start: json.slice(0, end) + payloadStart, convert: payloadOf(schema.value) }
    schemas.unshift(learnt)
    schemas.length = Math.min(schemas.length, mostSchemas)
    return learnt
  }
  return (json) => {
    if (json.startsWith(schemaStart)) {
      const known = schemas.find(({ start }) => json.startsWith(start)) ?? learn(json)
      const payload = known && json.endsWith("}") ? parsedOrUndefined(json.slice(known.start.length, -1)) : undefined
      if (payload !== undefined) return known!.convert(payload.value)
    }
    return described(parseExact(json))
  }
}

const notJson = (bytes: Uint8Array): Error =>
  new Error(
    bytes[0] === 0
      ? "the bytes are no JSON: they begin as Avro with the id of a schema does; use Codec.avro of millrace/registry"
      : "the bytes are no JSON; check the converter of the connector, or what else writes the topic"
  )

/** A null is null, for keys and for values. */
const codecOf = (parser: () => (json: string) => unknown): Codec.Codec<unknown> =>
  Codec.nullable(Codec.make<unknown>({
    decoder: () =>
      Effect.sync(() => {
        const parse = parser()
        return (bytes: Uint8Array) => {
          const json = readText(bytes)
          if (json === undefined) throw notJson(bytes)
          try {
            return parse(json.charCodeAt(0) === 0xfeff ? json.slice(1) : json)
          } catch (cause) {
            throw cause instanceof SyntaxError ? notJson(bytes) : cause
          }
        }
      }),
    encoder: () =>
      Effect.succeed((value: unknown) => {
        const json = exactJson(value)
        if (json === undefined) throw new Error("there is no JSON of this value")
        return encodeText(json)
      })
  }))

export const debezium = codecOf(makeParser)

export const json = codecOf(() => (text) => parseExact(text, "kept"))
