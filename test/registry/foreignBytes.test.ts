/** Values of generated Schemas, by way of libraries that know nothing but the text that is registered. */
import { assert, describe, it } from "@effect/vitest"
import { Ajv } from "ajv"
import addFormats from "ajv-formats"
import avsc from "avsc"
import * as Arbitrary from "effect/Arbitrary"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { Codec as Plain } from "millrace"
import { Codec, SchemaRegistry } from "millrace/registry"
import protobuf from "protobufjs"

const at = (field: number) => ({ protobuf: { field } })

const text = Schema.String.check(Schema.makeFilter((value: string) => value.isWellFormed()))
/** The other libraries assign to the keys of their maps, and lose this one. */
const key = text.check(Schema.makeFilter((value: string) => value !== "__proto__"))
const big = Schema.BigInt.check(Schema.isBetweenBigInt({ minimum: -(2n ** 63n), maximum: 2n ** 63n - 1n }))
const moment = Schema.Date.check(
  Schema.isBetweenDate({ minimum: new Date("0001-01-01T00:00:00Z"), maximum: new Date("9999-12-31T23:59:59.999Z") })
)
const inner = Schema.Struct({ name: text.annotateKey(at(1)), size: Schema.Int.annotateKey(at(2)) }).annotate({
  identifier: "Inner"
})

const leaves = {
  text,
  big,
  moment,
  inner,
  int: Schema.Int,
  double: Schema.Finite,
  flag: Schema.Boolean,
  bytes: Schema.Uint8Array,
  kind: Schema.Literals(["a", "b"])
}

const Field = Schema.Struct({
  leaf: Schema.Literals(["text", "big", "moment", "inner", "int", "double", "flag", "bytes", "kind"]),
  wrapping: Schema.Literals(["none", "optional", "array", "map"])
})

const wrapped = ({ leaf, wrapping }: typeof Field.Type): Schema.Codec<any, any> => {
  const schema: Schema.Codec<any, any> = leaves[leaf]
  return wrapping === "array"
    ? Schema.Array(schema)
    : wrapping === "map"
    ? Schema.Record(key, schema)
    : schema
}

/** A struct of one to six fields of any types, and a value of it. */
const anyValue = Arbitrary.flatMap(
  Arbitrary.array(Arbitrary.schema(Field), { minLength: 1, maxLength: 6 }),
  (fields) => {
    const schema: Schema.Codec<any, any> = Schema.Struct(Object.fromEntries(fields.map((field, i) => {
      const type = wrapped(field)
      return [`f${i}`, (field.wrapping === "optional" ? Schema.optionalKey(type) : type).annotateKey(at(i + 1))]
    }))).annotate({ identifier: "Any" })
    return Arbitrary.map(Arbitrary.schema(schema), (value: unknown) => ({ schema, value }))
  }
)

const long = avsc.types.LongType.__with({
  fromBuffer: (buffer: Buffer) => buffer.readBigInt64LE(),
  toBuffer: (value: bigint) => {
    const buffer = Buffer.alloc(8)
    buffer.writeBigInt64LE(value)
    return buffer
  },
  fromJSON: BigInt,
  toJSON: Number,
  isValid: (value: unknown) => typeof value === "bigint",
  compare: () => 0
})

type Foreign = (schema: string, payload: Buffer) => Uint8Array

const formats: ReadonlyArray<{
  readonly name: string
  readonly codec: (schema: Schema.Codec<any, any>) => Plain.Codec<any, SchemaRegistry.Service, SchemaRegistry.Service>
  /** Decodes a payload and encodes what that gave. */
  readonly foreign: Foreign
}> = [
  {
    name: "avsc",
    codec: (schema) => Codec.avro(schema, { writeWith: "register" }),
    foreign: (schema, payload) => {
      const type = avsc.Type.forSchema(JSON.parse(schema), { registry: { long } })
      return type.toBuffer(type.fromBuffer(payload))
    }
  },
  {
    name: "ajv",
    codec: (schema) => Codec.jsonSchema(schema, { writeWith: "register" }),
    foreign: (schema, payload) => {
      const ajv = new Ajv({ strict: false })
      addFormats.default(ajv)
      const value: unknown = JSON.parse(payload.toString())
      if (!ajv.validate(JSON.parse(schema) as object, value)) throw new Error(ajv.errorsText())
      return Buffer.from(JSON.stringify(value, null, 1))
    }
  },
  {
    name: "protobufjs",
    codec: (schema) => Codec.protobuf(schema, { writeWith: "register" }),
    foreign: (schema, payload) => {
      const { root } = protobuf.parse(schema, new protobuf.Root(), { keepCase: true })
      root.addJSON(protobuf.common.get("google/protobuf/timestamp.proto")!.nested!)
      const type = root.lookupType("Any")
      return Buffer.concat([Buffer.alloc(1), type.encode(type.decode(payload.subarray(1))).finish()])
    }
  }
]

const site = { topic: "any", part: "value" } as const

const settled = <A>(result: A | Plain.Pending<A>): Effect.Effect<A, unknown> =>
  result instanceof Plain.Pending ? result.effect : Effect.succeed(result)

describe("a value of any Schema", () => {
  for (const { codec, foreign, name } of formats) {
    it.effect.prop(
      `survives ${name}, which decodes and encodes it`,
      [anyValue],
      ([{ schema, value }]) =>
        Effect.gen(function*() {
          const made = codec(schema)
          const encode = yield* made.encoder(site)
          const decode = yield* made.decoder(site)
          const bytes = Buffer.from((yield* settled(encode(value))) as Uint8Array)
          const again = Buffer.concat([
            bytes.subarray(0, 5),
            foreign(made.registration!(site).schema.text, bytes.subarray(5))
          ])
          assert.isTrue(Schema.toEquivalence(schema)(yield* settled(decode(again, [])), value))
        }).pipe(Effect.provide(SchemaRegistry.layerMemory)),
      { arbitrary: { runs: 40 } }
    )
  }
})
