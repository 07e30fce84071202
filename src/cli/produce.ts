/** `millrace produce`: NDJSON from standard input, checked by the topic's schemas. */
import * as Argument from "effect/cli/Argument"
import * as Command from "effect/cli/Command"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { createInterface } from "node:readline"
import { Pending } from "../Codec.ts"
import type { KafkaEngine } from "../engine/KafkaEngine.ts"
import * as Decoding from "../internal/decoding.ts"
import * as Producer from "../Producer.ts"
import type * as Topic from "../Topic.ts"
import { UsageError, WorkFailed } from "./exit.ts"
import { config } from "./root.ts"
import { unknown } from "./suggestions.ts"

/** How many lines are sent together. */
const batchSize = 500

interface Line {
  readonly number: number
  readonly text: string
}

const bytesOf = (part: unknown): Uint8Array | null =>
  part === null || part === undefined
    ? null
    : new TextEncoder().encode(typeof part === "string" ? part : JSON.stringify(part))

const asHeaders = (headers: unknown): { readonly [name: string]: string | null } => {
  if (headers === undefined || headers === null) return {}
  if (typeof headers !== "object" || Array.isArray(headers)) throw new Error("headers must be an object of texts")
  return headers as { readonly [name: string]: string | null }
}

/** A line as a message of the topic: read as its bytes would be, so that what is sent can be read again. */
const parse = (text: string, name: string, decode: Decoding.Decode) =>
  Effect.suspend(() => {
    try {
      const line: unknown = JSON.parse(text)
      if (typeof line !== "object" || line === null || Array.isArray(line)) {
        throw new Error("a line is an object such as {\"key\":\"1\",\"value\":{}}")
      }
      const { headers, key, value } = line as { readonly [field: string]: unknown }
      const own = asHeaders(headers)
      const raw = {
        topic: name,
        partition: -1,
        offset: -1,
        timestamp: -1,
        size: 0,
        key: bytesOf(key),
        value: bytesOf(value),
        headers: Object.entries(own).map((
          [name, value]
        ): readonly [string, Uint8Array | null] => [name, bytesOf(value)])
      }
      const record = decode(raw)
      const settled = record instanceof Pending ? record.effect : Effect.succeed(record)
      return Effect.map(settled, ({ headerValues, key, value }) => ({ key, value, headerValues, headers: own }))
    } catch (cause) {
      return Effect.fail(cause)
    }
  })

const messageOf = (cause: unknown): string =>
  typeof cause === "object" && cause !== null && "problem" in cause
    ? String(cause.problem)
    : cause instanceof Error
    ? cause.message
    : String(cause)

/** Lines of standard input, in batches. */
async function* batches(): AsyncGenerator<ReadonlyArray<Line>> {
  let batch: Array<Line> = []
  let number = 0
  for await (const text of createInterface({ input: process.stdin, crlfDelay: Number.POSITIVE_INFINITY })) {
    number++
    if (text.trim() === "") continue
    batch.push({ number, text })
    if (batch.length < batchSize) continue
    yield batch
    batch = []
  }
  if (batch.length > 0) yield batch
}

const sendLines = Effect.fnUntraced(function*(topic: Topic.Topic<any, any, any, any, any>) {
  const decode = yield* Decoding.prepare(topic.codecs, topic.name)
  const source = batches()
  let sent = 0
  let bad = 0
  while (true) {
    const next = yield* Effect.promise(() => source.next())
    if (next.done === true) break
    const messages: Array<Producer.Message<any, any, any>> = []
    for (const { number, text } of next.value) {
      const parsed = yield* Effect.exit(parse(text, topic.name, decode))
      if (Exit.isSuccess(parsed)) {
        messages.push(parsed.value)
        continue
      }
      bad++
      for (const reason of parsed.cause.reasons) {
        yield* Console.error(`line ${number}: ${messageOf("error" in reason ? reason.error : reason)}`)
      }
    }
    sent += (yield* Producer.sendAll(topic, messages)).length
  }
  yield* Console.error(`${sent} sent, ${bad} refused`)
  if (bad > 0) return yield* new WorkFailed()
})

/** Sends records from standard input. */
export const produce = Command.make(
  "produce",
  { topic: Argument.String("topic") },
  Effect.fnUntraced(function*(flags) {
    const { consumers, engine, topics } = yield* config
    const handled = consumers.flatMap(({ handlers }) => handlers).map(({ source }) => source)
    const known = [...topics, ...handled.filter((source) => source.match._tag === "Name")]
    const nameOf = (source: Pick<Topic.AnySource, "match">) => source.match._tag === "Name" ? source.match.name : ""
    const topic = known.find((source) => nameOf(source) === flags.topic)
    if (topic === undefined) {
      return yield* new UsageError({ problem: unknown("topic", flags.topic, [...new Set(known.map(nameOf))]) })
    }
    // A named source of a handler was made as a topic: that is the only way to name one.
    const work = sendLines(topic as Topic.Topic<any, any, any, any, any>)
    yield* Effect.provide(work as Effect.Effect<void, unknown, KafkaEngine>, engine)
  })
).pipe(
  Command.withDescription(
    "Send records from standard input, one JSON object a line: {\"key\":…,\"value\":…,\"headers\":{…}}"
  )
)
