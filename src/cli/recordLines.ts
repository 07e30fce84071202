/** Records as lines: for people, and as JSON that `millrace produce` takes. */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Codec from "../Codec.ts"
import type { RawHeader, RawRecord } from "../engine/KafkaEngine.ts"
import * as Decoding from "../internal/codec/decoding.ts"
import type { Codecs } from "../Source.ts"
import { hexOf, momentOf, plain, toJson } from "./values.ts"
import * as Wire from "./wire.ts"

/** What a header says in JSON: its text, or its bytes in base64. */
export const headerJson = ([name, value]: RawHeader): readonly [string, unknown] => {
  const { base64, json } = Wire.showRaw(value)
  return [name, json === undefined ? { base64 } : JSON.parse(json)]
}

/** An object on one line, of fields that are JSON already; those that are `undefined` are left out. */
export const objectOf = (fields: Readonly<{ [name: string]: string | undefined }>): string =>
  plain(
    `{${
      Object.entries(fields)
        .flatMap(([name, json]) => json === undefined ? [] : [`${JSON.stringify(name)}:${json}`])
        .join(",")
    }}`
  )

/** A key and a value as fields. */
export const partFields = (key: Wire.Shown, value: Wire.Shown) => ({
  key: key.json,
  keyBase64: key.base64 === undefined ? undefined : JSON.stringify(key.base64),
  value: value.json,
  valueBase64: value.base64 === undefined ? undefined : JSON.stringify(value.base64)
})

/** A key or value for people: a text without quotes; bytes that are none, in hex. */
export const wordsOf = ({ json }: Wire.Shown, bytes: Uint8Array | null): string =>
  json === undefined
    ? bytes === null ? "null" : hexOf(bytes)
    : plain(json.startsWith("\"") ? String(JSON.parse(json)) : json)

const placeFields = ({ offset, partition, timestamp, topic }: RawRecord) => ({
  topic: JSON.stringify(topic),
  partition: String(partition),
  offset: String(offset),
  timestamp: timestamp < 0 ? "null" : String(timestamp),
  time: JSON.stringify(momentOf(timestamp) ?? null)
})

const messageOf = (error: unknown): string => error instanceof Error ? error.message : String(error)

const decoded = (decode: Decoding.Decode, raw: RawRecord) =>
  Effect.exit(Effect.suspend(() => {
    try {
      const record = decode(raw)
      return record instanceof Codec.Pending ? record.effect : Effect.succeed(record)
    } catch (poison) {
      return Effect.fail(poison)
    }
  }))

/** Makes the line of a record. Without codecs its bytes are shown as they are. */
export type Printer = (raw: RawRecord, json: boolean) => Effect.Effect<string, never, any>

const lineOf = (raw: RawRecord, key: Wire.Shown, value: Wire.Shown, json: boolean, isRaw: boolean): string => {
  const headers = (raw.headers ?? []).map(headerJson)
  if (json) {
    const raws = isRaw ? { raw: "true" } : {}
    return objectOf({ ...placeFields(raw), ...partFields(key, value), headers: toJson(headers), ...raws })
  }
  const tags = headers.length === 0 ? "" : `  ${toJson(headers)}`
  const time = momentOf(raw.timestamp) ?? "-"
  return `${raw.partition}/${raw.offset}  ${time}  ${wordsOf(key, raw.key)}  ${wordsOf(value, raw.value)}${tags}`
}

/** Prints records of a topic by its codecs. */
export const printer = Effect.fnUntraced(function*(
  codecs: Codecs | undefined,
  topic: string
): Effect.fn.Return<Printer, never, any> {
  if (codecs === undefined) {
    return (raw, json) => Effect.sync(() => lineOf(raw, Wire.showRaw(raw.key), Wire.showRaw(raw.value), json, true))
  }
  const decode = yield* Decoding.prepare(codecs, topic)
  const keys = yield* Wire.make(codecs.key, { topic, part: "key" })
  const values = yield* Wire.make(codecs.value, { topic, part: "value" })
  return Effect.fnUntraced(function*(raw, json) {
    const exit = yield* decoded(decode, raw)
    if (Exit.isSuccess(exit)) {
      const key = yield* Wire.show(keys, raw.key, exit.value.key)
      return lineOf(raw, key, yield* Wire.show(values, raw.value, exit.value.value), json, false)
    }
    const problem = exit.cause.reasons.map((reason) => "error" in reason ? messageOf(reason.error) : "defect").join(
      "; "
    )
    if (json) {
      const headers = toJson((raw.headers ?? []).map(headerJson))
      return objectOf({ ...placeFields(raw), error: toJson(problem), headers })
    }
    return `${raw.partition}/${raw.offset}  ${momentOf(raw.timestamp) ?? "-"}  undecodable: ${plain(problem)}`
  })
})
