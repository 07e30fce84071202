/** Avro in a registry's wire format: the bytes of a Schema's encoded side, for one topic and part. */
import * as Effect from "effect/Effect"
import type * as Schema from "effect/Schema"
import * as Codec from "../../Codec.ts"
import type { AvroType, Names } from "../avro/avroType.ts"
import { derive } from "../avro/derive/derive.ts"
import { firstDifference } from "../avro/layout.ts"
import { binaries } from "../avro/library.ts"
import * as Parse from "../avro/parse.ts"
import type { AvroJson, Shape } from "../avro/shape.ts"
import * as Wire from "../format/wireFormat.ts"
import { Service } from "../SchemaRegistry.ts"
import type { Resolved } from "./readers.ts"
import { readers } from "./readers.ts"
import { goOn, schemaCodec } from "./schemaCodec.ts"
import type { Bytes } from "./schemaCodec.ts"
import type { SubjectStrategy } from "./subject.ts"
import { subjectOf } from "./subject.ts"
import type { WriteWith } from "./writer.ts"
import { idOf } from "./writer.ts"

/** What `Codec.avro` may be given. */
export interface Options {
  readonly name?: string | undefined
  readonly namespace?: string | undefined
  readonly schema?: string | undefined
  readonly subject?: SubjectStrategy | undefined
  readonly writeWith?: WriteWith | undefined
  readonly normalize?: boolean | undefined
}

/** The text to register: without the attribute that only the library needs. */
export const textOf = (json: AvroJson): string =>
  JSON.stringify(json, (_key, value: unknown) => {
    if (typeof value !== "object" || value === null || !("bigint" in value)) return value
    const rest = Object.fromEntries(Object.entries(value).filter(([name]) => name !== "bigint"))
    return Object.keys(rest).length === 1 ? (rest as { readonly type?: unknown }).type : rest
  })

const nameOf = (type: AvroType): string | undefined => "name" in type ? type.name : undefined

const typeOf = ({ needed, text }: Pick<Resolved, "needed" | "text">): AvroType => {
  const names: Names = new Map()
  for (const each of needed) Parse.parse(each, names)
  return Parse.parse(text, names)
}

const jsonOf = (text: string): AvroJson => {
  try {
    return JSON.parse(text) as AvroJson
  } catch {
    return text.trim()
  }
}

const call = (convert: Shape["toAvro"], value: unknown): unknown =>
  convert === undefined ? value : (convert as (value: unknown) => unknown)(value)

/** Throws where the Schema has no Avro type, or not the layout of the schema that is given. */
export const avro = <S extends Schema.Top>(
  schema: S,
  { name, namespace, normalize = false, schema: given, subject: strategy = "topic", writeWith = "lookup" }: Options = {}
): Codec.Codec<S["Type"], S["DecodingServices"] | Service, S["EncodingServices"] | Service> => {
  const shape = derive(schema, { name, namespace })
  const text = given ?? textOf(shape.json)
  const own = Parse.parse(textOf(shape.json))
  const difference = given === undefined ? undefined : firstDifference(Parse.parse(given), own)
  if (difference !== undefined) throw new Error(`the schema that is given does not fit the Schema, at ${difference}`)
  const registrationAt = (site: Codec.Site): Codec.Registration => ({
    subject: subjectOf(strategy, site, nameOf(own)),
    schema: { type: "AVRO", text },
    normalize
  })

  return schemaCodec(
    schema,
    registrationAt,
    Effect.fnUntraced(function*(site): Effect.fn.Return<Bytes, never, Service> {
      const registry = yield* Service
      const make = yield* binaries
      const binary = make(shape.json)
      const registration = registrationAt(site)
      const { subject } = registration
      const readerOf = ({ needed, text }: Resolved) => {
        const read = binary.reading(make(jsonOf(text), needed.map(jsonOf)))
        return (payload: Uint8Array) => call(shape.fromAvro, read(payload))
      }
      const readerFor = readers(registry, subject, "AVRO", readerOf)

      const writing = {
        ...registration,
        registry,
        difference: (registered: Resolved) =>
          registered.type === "AVRO"
            ? firstDifference(typeOf(registered), own)
            : `/: ${registered.type} instead of AVRO`
      }
      let id: number | undefined
      const found = Effect.tap(idOf(writeWith, writing), (each) =>
        Effect.sync(() => {
          id = each
        }))
      const frame = (encoded: unknown, schemaId: number): Uint8Array =>
        Wire.idBytes({ _tag: "Id", id: schemaId }, binary.write(call(shape.toAvro, encoded)))

      return {
        read: (raw, headers) => {
          const { framed, inHeader, payload } = Wire.find(raw, headers, site.part)
          const body = inHeader ? payload : payload.subarray(framed.at)
          return goOn(readerFor(framed.schema), (read) => read(body))
        },
        write: (encoded) => goOn(id ?? new Codec.Pending(found), (each) => frame(encoded, each))
      }
    })
  )
}
