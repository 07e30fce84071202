/** Decodes raw records. The codecs are prepared once per topic, then called per record. */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Schema from "effect/Schema"
import * as SchemaAST from "effect/SchemaAST"
import type * as Codec from "../../Codec.ts"
import { Pending } from "../../Codec.ts"
import type { RawRecord } from "../../engine/KafkaEngine.ts"
import * as Headers from "../../Headers.ts"
import type { Part } from "../../Poison.ts"
import { hex, Poison } from "../../Poison.ts"
import * as Record from "../../Record.ts"
import type { Codecs } from "../../Source.ts"
import { isError, messageOf, oneLine, readOr } from "../shared/causes.ts"
import { servicesOfDecoder } from "../shared/codecModel.ts"
import { readText } from "../shared/utf8.ts"

type AnyRecord = Record.Record<any, any, any>

/** Returns the record, or a pending one when a codec has to wait. Throws, or fails with, {@link Poison}. */
export type Decode = (raw: RawRecord) => AnyRecord | Pending<AnyRecord>

const problemOf = (cause: unknown): string => {
  const inner = readOr((): unknown => cause instanceof Error ? cause.cause : undefined, undefined)
  return oneLine(isError(inner) ? `${messageOf(cause)}: ${messageOf(inner)}` : messageOf(cause))
}

const poison = (raw: RawRecord, part: Part, cause: unknown): Poison =>
  new Poison({
    topic: raw.topic,
    partition: raw.partition,
    offset: raw.offset,
    part,
    problem: problemOf(cause),
    firstBytes: part === "headers" ? "" : hex(raw[part]),
    cause
  })

/** The headers that a Schema reads by name. */
const namesOf = (ast: SchemaAST.AST): ReadonlyArray<string> =>
  ast._tag === "Objects"
    ? ast.propertySignatures.map(({ name }) => String(name))
    : ast._tag === "Union"
    ? ast.types.flatMap(namesOf)
    : []

/** Headers of other programs may be anything; one that the Schema asks for must be a text. */
const checkTexts = (headers: Headers.Headers, names: ReadonlyArray<string>): void => {
  for (const name of names) {
    const bytes = Headers.getBytes(headers, name)
    if (bytes instanceof Uint8Array && readText(bytes) === undefined) {
      throw new Error(`header ${JSON.stringify(name)} is no UTF-8`)
    }
  }
}

const headerDecoder = (schema: Schema.Top): Effect.Effect<(headers: Headers.Headers) => unknown, never, any> => {
  const decode = Schema.decodeUnknownEffect(schema)
  const names = namesOf(SchemaAST.toEncoded(schema.ast))
  return Effect.map(servicesOfDecoder<any>(), (context) => (headers) => {
    checkTexts(headers, names)
    const result = decode(Headers.toTexts(headers))
    return Exit.isExit(result) && Exit.isSuccess(result)
      ? result.value
      : new Pending(Effect.provideContext(result, context))
  })
}

const noHeaderValues = {}

/** Waits for a part that may be pending. Its errors and defects become poison. */
const settle = (raw: RawRecord, part: Part, value: unknown): Effect.Effect<unknown, Poison> =>
  value instanceof Pending
    ? Effect.catchDefect(
      Effect.mapError(value.effect, (cause) => poison(raw, part, cause)),
      (defect) => Effect.fail(poison(raw, part, defect))
    )
    : Effect.succeed(value)

/** Prepares the codecs of a source for one actual topic. */
export const prepare = Effect.fnUntraced(function*(
  codecs: Codecs,
  topic: string
): Effect.fn.Return<Decode, never, any> {
  const decodeKey: Codec.Decoder<any> = yield* codecs.key.decoder({ topic, part: "key" })
  const decodeValue: Codec.Decoder<any> = yield* codecs.value.decoder({ topic, part: "value" })
  const decodeHeaders = codecs.headers === undefined ? undefined : yield* headerDecoder(codecs.headers)
  return (raw) => {
    const headers = raw.headers ?? Headers.empty
    let part: Part = "key"
    try {
      const key = decodeKey(raw.key, headers)
      part = "value"
      const value = decodeValue(raw.value, headers)
      part = "headers"
      const headerValues = decodeHeaders === undefined ? noHeaderValues : decodeHeaders(headers)
      if (key instanceof Pending || value instanceof Pending || headerValues instanceof Pending) {
        return new Pending(
          Effect.scoped(Effect.gen(function*() {
            return Record.fromRaw(
              raw,
              yield* settle(raw, "key", key),
              yield* settle(raw, "value", value),
              yield* settle(raw, "headers", headerValues)
            )
          }))
        )
      }
      return Record.fromRaw(raw, key, value, headerValues)
    } catch (cause) {
      throw poison(raw, part, cause)
    }
  }
})
