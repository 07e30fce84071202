/** Lines of JSON as messages of a topic. */
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as Codec from "../Codec.ts"
import type { RawHeader, RawMessage } from "../engine/KafkaEngine.ts"
import * as Decoding from "../internal/codec/decoding.ts"
import * as Encoding from "../internal/codec/encoding.ts"
import { Poison } from "../Poison.ts"
import type * as Topic from "../Topic.ts"

/** A line of the input, counted from 1. */
export interface Line {
  readonly number: number
  readonly text: string
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

/** The lines of a text that arrives in pieces: for each piece the lines that it completes, without the empty ones. */
export async function* split(pieces: AsyncIterable<string>): AsyncGenerator<ReadonlyArray<Line>> {
  let number = 0
  let rest = ""
  const numbered = (texts: ReadonlyArray<string>) =>
    texts.map((text) => ({ number: ++number, text })).filter(({ text }) => text.trim() !== "")
  for await (const piece of pieces) {
    const texts = (rest + piece).split("\n")
    rest = texts.pop()!
    const lines = numbered(texts)
    if (lines.length > 0) yield lines
  }
  const last = numbered([rest])
  if (last.length > 0) yield last
}

const encoder = new TextEncoder()

/** Two bytes that are text and no JSON. */
const noJson = encoder.encode("{\"")

/** Whether a codec reads any text: then a string of a line is that text, and not JSON of it. */
const readsText = Effect.fnUntraced(function*(codec: Codec.Codec<any, any, any>, site: Codec.Site) {
  const decode = yield* codec.decoder(site)
  try {
    return !(decode(noJson, []) instanceof Codec.Pending)
  } catch {
    return false
  }
})

const toBytes = (isText: boolean) => (part: unknown): Uint8Array | null =>
  part === null || part === undefined
    ? null
    : encoder.encode(isText && typeof part === "string" ? part : JSON.stringify(part))

/** Headers as `{"name":"value"}`, or as a list of pairs, as `millrace tail --json` prints them. */
const toHeaders = (headers: unknown): ReadonlyArray<RawHeader> => {
  if (headers === undefined || headers === null) return []
  if (typeof headers !== "object") throw new Error("headers must be an object of texts")
  const pairs: ReadonlyArray<unknown> = Array.isArray(headers) ? headers : Object.entries(headers)
  return pairs.map((pair): RawHeader => {
    const [name, value] = Array.isArray(pair) ? pair : []
    if (typeof name !== "string") throw new Error(`header ${JSON.stringify(pair)} is not a pair of a name and a text`)
    if (value !== null && typeof value !== "string") {
      throw new Error(`the value of header "${name}" is neither a text nor null`)
    }
    return [name, value === null ? null : encoder.encode(value)]
  })
}

const parse = (text: string): { readonly [field: string]: unknown } => {
  const line: unknown = JSON.parse(text)
  if (typeof line !== "object" || line === null || Array.isArray(line)) {
    throw new Error("a line is an object such as {\"key\":\"1\",\"value\":{}}")
  }
  // An object's fields, of which nothing is known yet.
  return line as { readonly [field: string]: unknown }
}

/** What codecs throw, fail with or die of is what is wrong with the line. */
const settle = <A>(answer: () => A | Codec.Pending<A>): Effect.Effect<A, BadLine> =>
  Effect.flatMap(Effect.try({ try: answer, catch: badLine }), (value) =>
    value instanceof Codec.Pending
      ? Effect.catchDefect(Effect.mapError(value.effect, badLine), (defect) => Effect.fail(badLine(defect)))
      : Effect.succeed(value))

/**
 * How a line becomes a message of a topic. Its parts are read as a consumer would read them and encoded by the topic's
 * codecs, so that what is sent can be read again.
 */
export const reader = Effect.fnUntraced(function*(
  topic: Topic.Topic<any, any, any, any, any>
): Effect.fn.Return<(text: string) => Effect.Effect<RawMessage, BadLine, any>, never, any> {
  const { codecs, name } = topic
  const decode = yield* Decoding.prepare(codecs, name)
  const encode = yield* Encoding.encoderOf(topic)
  const keyBytes = toBytes(yield* readsText(codecs.key, { topic: name, part: "key" }))
  const valueBytes = toBytes(yield* readsText(codecs.value, { topic: name, part: "value" }))
  const encodeHeaders = codecs.headers === undefined ? undefined : Schema.encodeUnknownEffect(codecs.headers)
  return Effect.fnUntraced(function*(text: string): Effect.fn.Return<RawMessage, BadLine, any> {
    const { headers, raw } = yield* settle(() => {
      const { headers, key, value } = parse(text)
      const place = { topic: name, partition: -1, offset: -1, timestamp: -1, size: 0 }
      const own = toHeaders(headers)
      return { headers: own, raw: { ...place, key: keyBytes(key), value: valueBytes(value), headers: own } }
    })
    const { headerValues, key, value } = yield* settle(() => decode(raw))
    // The topic's Schema encodes the headers that it knows; only the others go along as they are.
    const known: unknown = encodeHeaders === undefined
      ? {}
      : yield* Effect.mapError(encodeHeaders(headerValues), badLine)
    const others = headers.filter(([name]) => !Object.hasOwn(known as object, name))
    return yield* settle(() => encode({ key, value, headers: others, headerValues }))
  })
})
