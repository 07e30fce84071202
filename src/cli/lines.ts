/** Lines of JSON as messages of a topic: what `millrace tail --json` prints, and what people write. */
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { isDeepStrictEqual } from "node:util"
import * as Codec from "../Codec.ts"
import type { RawHeader, RawMessage } from "../engine/KafkaEngine.ts"
import type * as Headers from "../Headers.ts"
import * as Decoding from "../internal/codec/decoding.ts"
import * as Encoding from "../internal/codec/encoding.ts"
import * as OwnHeaders from "../internal/shared/codecs/ownHeaders.ts"
import { unknown } from "../internal/shared/suggestions.ts"
import { Poison } from "../Poison.ts"
import type { Codecs } from "../Source.ts"
import { fieldsOf, keepDigits } from "./jsonText.ts"
import * as Places from "./places.ts"
import { textOf } from "./values.ts"
import * as Wire from "./wire.ts"

/** A topic as far as lines are concerned; the codecs may be those of a pattern. */
export interface Topic {
  readonly name: string
  readonly codecs: Codecs
}

/** A line that is no message of the topic. */
export class BadLine extends Data.TaggedError("BadLine")<{ readonly problem: string; readonly cause: unknown }> {}

const badLine = (cause: unknown): BadLine =>
  new BadLine({
    // A line has no offset yet, which the message of a poison begins with.
    problem: cause instanceof Poison
      ? `${cause.part}: ${cause.problem}`
      : cause instanceof Error
      ? cause.message
      : String(cause),
    cause
  })

/** What is read of a line; the rest of what `tail` prints says where the record was, and is passed over. */
const known = [
  ...["key", "value", "keyBase64", "valueBase64", "headers", "partition", "timestamp"],
  ...["time", "topic", "offset", "raw"]
]

const parse = (text: string): ReadonlyMap<string, string> => {
  const fields = fieldsOf(text)
  if (fields.has("error")) throw new Error("tail could not decode this record; what it prints with --raw can be sent")
  for (const name of fields.keys()) {
    if (!known.includes(name)) throw new Error(unknown("field", name, known.slice(0, 7)))
  }
  return fields
}

/** Headers as `{"name":"value"}`, or as a list of pairs; a value is a text, null, or `{"base64":"…"}`. */
const toHeaders = (json: string | undefined): ReadonlyArray<RawHeader> => {
  const headers: unknown = json === undefined ? null : JSON.parse(json)
  if (headers === null) return []
  if (typeof headers !== "object") throw new Error("headers must be an object of texts")
  const pairs: ReadonlyArray<unknown> = Array.isArray(headers) ? headers : Object.entries(headers)
  return pairs.map((pair): RawHeader => {
    const [name, value] = Array.isArray(pair) && pair.length === 2 ? pair as ReadonlyArray<unknown> : []
    if (typeof name !== "string") throw new Error(`header ${JSON.stringify(pair)} is not a pair of a name and a text`)
    if (value === null) return [name, null]
    if (typeof value === "string") return [name, Wire.textBytes(value)]
    if (typeof value === "object" && "base64" in value!) return [name, Wire.base64Bytes(value.base64)]
    throw new Error(`the value of header "${name}" is neither a text nor null`)
  })
}

const toTimestamp = (fields: ReadonlyMap<string, string>): number | undefined => {
  const field = (fields.get("timestamp") ?? "null") === "null" ? "time" : "timestamp"
  const given: unknown = JSON.parse(fields.get(field) ?? "null")
  if (given === null || given === "-") return undefined
  if (typeof given === "number") return given
  const time = typeof given === "string" ? Places.timeIn(given) : undefined
  if (time === undefined) {
    throw new Error(`${field} ${JSON.stringify(given)} is neither milliseconds nor a time such as 2026-01-31T12:00:00Z`)
  }
  // A place may be guessed and seen to be wrong; what is sent is sent.
  if (!time.zoned) throw new Error(`${field} ${JSON.stringify(given)} has no zone; write e.g. 2026-01-31T12:00:00Z`)
  return time.timestamp
}

const toPartition = (json: string | undefined): number | undefined => {
  const given: unknown = json === undefined ? null : JSON.parse(json)
  if (given === null) return undefined
  if (typeof given === "number") return given
  throw new Error(`partition ${json} is not a number`)
}

/** What codecs throw, fail with or die of is what is wrong with the line. */
const settle = <A>(answer: () => A | Codec.Pending<A>): Effect.Effect<A, BadLine> =>
  Effect.suspend(() => {
    const value = answer()
    return value instanceof Codec.Pending ? value.effect : Effect.succeed(value)
  }).pipe(Effect.catchDefect(Effect.fail), Effect.mapError(badLine))

const partOf = Effect.fnUntraced(function*(
  wire: Wire.Wire,
  fields: ReadonlyMap<string, string>,
  tombstones: boolean
): Effect.fn.Return<Wire.Part, unknown, any> {
  const { part } = wire.site
  const json = fields.get(part)
  const base64 = fields.get(`${part}Base64`)
  if (base64 !== undefined) return Wire.asIs(Wire.base64Bytes(JSON.parse(base64)))
  if (json === undefined) {
    if (tombstones || wire.kind === "none") return Wire.asIs(null)
    return yield* Effect.fail(
      `${part} is missing; write "${part}":null if there is none, or add --tombstones for lines without one`
    )
  }
  if (fields.get("raw") !== "true" || json === "null") return yield* Wire.partOf(wire, json)
  if (!json.startsWith("\"")) return yield* Effect.fail(`${part} is not a text, as tail --raw prints it`)
  return Wire.asIs(Wire.textBytes(String(JSON.parse(json))))
})

/** Beside base64 there may be what its bytes mean, for people; then one of them must not have been changed alone. */
const checkMeaning = Effect.fnUntraced(function*(
  wire: Wire.Wire,
  fields: ReadonlyMap<string, string>,
  bytes: Uint8Array | null,
  decoded: unknown
) {
  const { part } = wire.site
  const json = fields.get(part)
  if (json === undefined || !fields.has(`${part}Base64`) || fields.get("raw") === "true") return
  const meant = (yield* Wire.show(wire, bytes, decoded)).json
  if (meant === undefined || !isDeepStrictEqual(JSON.parse(meant), JSON.parse(json))) {
    return yield* Effect.fail(badLine(`${part} and ${part}Base64 say different things; leave one of them out`))
  }
})

/** How a line becomes a message. */
export type Reader = (text: string) => Effect.Effect<RawMessage, BadLine, any>

/** The bytes with the digits that the line has. */
const withDigits = ({ kind }: Wire.Wire, encoded: Uint8Array | null, given: Uint8Array | null): Uint8Array | null => {
  const source = kind !== "json" || given === null ? undefined : textOf(given)
  const text = source === undefined || encoded === null ? undefined : textOf(encoded)
  if (source === undefined || text === undefined) return encoded
  const kept = keepDigits(text, source.replace(/^\uFEFF/, ""))
  return kept === text ? encoded : Wire.textBytes(kept)
}

/**
 * How a line becomes a message of a topic. Its parts are read as a consumer would read them and encoded by the topic's
 * codecs, so that what is sent can be read again. `tombstones`: a key or value that is missing is null.
 */
export const reader = Effect.fnUntraced(function*(
  topic: Topic,
  { tombstones = false }: { readonly tombstones?: boolean } = {}
): Effect.fn.Return<Reader, never, any> {
  const { codecs, name } = topic
  const decode = yield* Decoding.prepare(codecs, name)
  const encode = yield* Encoding.currentEncoder(topic)
  const keys = yield* Wire.make(codecs.key, { topic: name, part: "key" })
  const values = yield* Wire.make(codecs.value, { topic: name, part: "value" })
  const encodeHeaders = codecs.headers === undefined ? undefined : Schema.encodeUnknownEffect(codecs.headers)
  const partIn = (wire: Wire.Wire, fields: ReadonlyMap<string, string>) =>
    partOf(wire, fields, tombstones).pipe(
      Effect.catchDefect(Effect.fail),
      Effect.mapError((cause) =>
        badLine(cause instanceof Error ? new Error(`${wire.site.part}: ${cause.message}`) : cause)
      )
    )
  return Effect.fnUntraced(function*(text: string): Effect.fn.Return<RawMessage, BadLine, any> {
    const { fields, headers, partition, timestamp } = yield* settle(() => {
      const fields = parse(text)
      return {
        fields,
        headers: toHeaders(fields.get("headers")),
        partition: toPartition(fields.get("partition")),
        timestamp: toTimestamp(fields)
      }
    })
    const { bytes: keyBytes, ...keyIds } = yield* partIn(keys, fields)
    const { bytes: valueBytes, ...valueIds } = yield* partIn(values, fields)
    const withIds = [keyIds, valueIds].reduce(
      (all: Headers.Headers, { headers, names }) => OwnHeaders.merged(all, names, headers),
      headers
    )
    const place = { topic: name, partition: -1, offset: -1, timestamp: -1, size: 0 }
    const { headerValues, key, value } = yield* settle(() =>
      decode({ ...place, key: keyBytes, value: valueBytes, headers: withIds })
    )
    yield* checkMeaning(keys, fields, keyBytes, key)
    yield* checkMeaning(values, fields, valueBytes, value)
    // The topic's Schema encodes the headers that it knows; only the others go along as they are.
    const own: unknown = encodeHeaders === undefined ? {} : yield* Effect.mapError(encodeHeaders(headerValues), badLine)
    const others = headers.filter(([name]) => !Object.hasOwn(own as object, name))
    const message = yield* settle(() => encode({ key, value, headers: others, headerValues, partition, timestamp }))
    return yield* settle(() => ({
      ...message,
      key: withDigits(keys, message.key, keyBytes),
      value: withDigits(values, message.value, valueBytes)
    }))
  })
})
