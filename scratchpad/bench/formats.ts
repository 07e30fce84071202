/** The row of workload C3 in the formats of a Schema Registry, each with its schema in a registry in memory. */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import { Codec, Topic } from "millrace"
import { Codec as Registered, SchemaRegistry } from "millrace/registry"
import type { Format } from "./task.ts"
import { row } from "./values.ts"

const at = (field: number) => ({ protobuf: { field } })

/** As the row of `millrace.ts`, with the numbers that Protobuf needs. */
const Row = Schema.Struct({
  id: Schema.Finite.annotateKey(at(1)),
  name: Schema.String.annotateKey(at(2)),
  email: Schema.String.annotateKey(at(3)),
  amount: Schema.Finite.annotateKey(at(4)),
  updated_at: Schema.String.annotateKey(at(5)),
  note: Schema.String.annotateKey(at(6))
}).annotate({ identifier: "Row" })

type Row = typeof Row.Type

const codecs = {
  avro: Registered.avro(Row, { writeWith: "register" }),
  jsonschema: Registered.jsonSchema(Row, { writeWith: "register" }),
  protobuf: Registered.protobuf(Row, { writeWith: "register" })
} as const

const site = { topic: "rows", part: "value" } as const

/** What is registered, with the id 1. */
export const schemaOf = (format: Format): { readonly type: string; readonly text: string } =>
  codecs[format].registration!(site).schema

/** The codec with a registry of its own, which has the schema. */
const codecOf = (format: Format): Codec.Codec<Row> => {
  const { schema, subject } = codecs[format].registration!(site)
  const registered = Layer.effectDiscard(
    Effect.flatMap(SchemaRegistry.Service, (registry) => registry.register(subject, schema))
  ).pipe(Layer.orDie, Layer.provideMerge(SchemaRegistry.layerMemory))
  return Codec.make({
    decoder: () => Effect.provide(codecs[format].decoder(site), registered),
    encoder: () =>
      Effect.map(
        Effect.provide(codecs[format].encoder(site), registered),
        (encode) => (value: Row) => encode(value) as Uint8Array | Codec.Pending<Uint8Array>
      )
  })
}

/** A topic of such rows. */
export const rowsOf = (format: Format, name: string): Topic.Topic<null, Row> =>
  Topic.make(name, { key: Codec.none, value: codecOf(format) })

const ready = <A>(result: A | Codec.Pending<A>): Promise<A> =>
  result instanceof Codec.Pending ? Effect.runPromise(Effect.orDie(result.effect)) : Promise.resolve(result)

const rowValue = (): Row => JSON.parse(row.toString())

/** The row as Millrace writes it. */
export const encodedRow = async (format: Format): Promise<Buffer> => {
  const encode = await Effect.runPromise(codecOf(format).encoder(site))
  return Buffer.from(await ready(encode(rowValue())) as Uint8Array)
}

/** Does one thing over and over: at once, or as a promise. */
export type Work = () => unknown

/** Decodes the row's bytes, with the id known. */
export const decoding = async (format: Format | "json"): Promise<Work> => {
  const codec = format === "json" ? Codec.json(Row) : codecOf(format)
  const bytes = format === "json" ? row : await encodedRow(format)
  const decode = await Effect.runPromise(codec.decoder(site))
  await ready(decode(bytes, []))
  return () => decode(bytes, [])
}

/** Encodes the row, with the id known. */
export const encoding = async (format: Format | "json"): Promise<Work> => {
  const codec = format === "json" ? Codec.json(Row) : codecOf(format)
  const value = rowValue()
  const encode = await Effect.runPromise(codec.encoder(site))
  await ready(encode(value))
  return () => encode(value)
}
