/** Avro in a registry's wire format: the bytes of a Schema's encoded side, for one topic and part. */
import * as Effect from "effect/Effect"
import type * as Schema from "effect/Schema"
import type * as Codec from "../../Codec.ts"
import * as Fields from "../../internal/shared/fields.ts"
import type { AvroType, Names } from "../avro/avroType.ts"
import { checkDefaults, withDefaultsOf, withoutDefaults } from "../avro/defaults.ts"
import { derive } from "../avro/derive/derive.ts"
import { firstDifference } from "../avro/layout.ts"
import { binaries } from "../avro/library.ts"
import { firstClash } from "../avro/meaning.ts"
import * as Parse from "../avro/parse.ts"
import { differences } from "../avro/resolution.ts"
import type { AvroJson, Shape } from "../avro/shape.ts"
import type { AvroOptions } from "../CodecModel.ts"
import type { Resolved } from "../format/resolved.ts"
import type { Service } from "../SchemaRegistry.ts"
import { check } from "./options.ts"
import { registryCodec } from "./registryCodec.ts"

/** The text to register: without the attribute that only the library needs. */
export const textOf = (json: AvroJson): string =>
  JSON.stringify(json, (_key, value: unknown) => {
    if (typeof value !== "object" || value === null || !("bigint" in value)) return value
    const rest = Object.fromEntries(Object.entries(value).filter(([name]) => name !== "bigint"))
    return Object.keys(rest).length === 1 ? (rest as { readonly type?: unknown }).type : rest
  })

const nameOf = (type: AvroType): string | undefined => "name" in type ? type.name : undefined

/** Each once: Avro finds types by their own names. */
const textsOf = (needed: Resolved["needed"]): ReadonlyArray<string> => [...new Set(needed.map(({ text }) => text))]

const typeOf = ({ needed, text }: Pick<Resolved, "needed" | "text">): AvroType => {
  const names: Names = new Map()
  for (const text of textsOf(needed)) Parse.parse(text, names)
  return Parse.parse(text, names)
}

const jsonOf = (text: string): AvroJson => {
  try {
    return JSON.parse(text) as AvroJson
  } catch {
    return text.trim()
  }
}

const writerOf = (text: string): AvroJson => withoutDefaults(jsonOf(text))

const call = (convert: Shape["toAvro"], value: unknown): unknown =>
  convert === undefined ? value : (convert as (value: unknown) => unknown)(value)

/** Says why a schema cannot be read, with the paths; the library has names alone. */
const resolved = <A>(reader: AvroType, writer: AvroType, resolve: () => A): A => {
  try {
    return resolve()
  } catch (error) {
    const found = differences(reader, writer)
    if (found.length === 0) throw error
    throw new Error(found.map(({ message, path }) => `${path}: ${message}`).join("; "), { cause: error })
  }
}

/** Throws where the Schema has no Avro type, or not the layout of the schema that is given. */
export const avro = <S extends Schema.Top>(
  schema: S,
  options: AvroOptions = {}
): Codec.Codec<S["Type"], S["DecodingServices"] | Service, S["EncodingServices"] | Service> => {
  check("Codec.avro", schema, options, { name: Fields.text, namespace: Fields.text })
  const { name, namespace, schema: given } = options
  const shape = derive(schema, { name, namespace })
  const own = Parse.parse(textOf(shape.json))
  checkDefaults(own)
  const reader = given === undefined ? own : Parse.parse(given)
  const difference = firstDifference(reader, own)
  if (difference !== undefined) throw new Error(`the schema that is given does not fit the Schema, at ${difference}`)
  checkDefaults(reader)
  return registryCodec(schema, schema, {
    schema: { type: "AVRO", text: given ?? textOf(shape.json) },
    name: nameOf(own),
    difference: (registered) =>
      registered.type === "AVRO" ? firstDifference(typeOf(registered), own) : `/: ${registered.type} instead of AVRO`,
    payloads: Effect.map(binaries, (make) => {
      const binary = make(withDefaultsOf(shape.json, reader))
      return {
        reading: (writer) => {
          const written = typeOf(writer)
          // With the aliases of a text that is given.
          const clash = firstClash(reader, written)
          if (clash !== undefined) throw new Error(clash)
          const { needed, text } = writer
          const read = resolved(
            reader,
            written,
            () => binary.reading(make(writerOf(text), textsOf(needed).map(writerOf)))
          )
          return (bytes, at) => call(shape.fromAvro, read(bytes, at))
        },
        writing: () => ({ write: (encoded, prefix) => binary.write(call(shape.toAvro, encoded), prefix) })
      }
    })
  }, options)
}
