/** Dead letters as they are in their topic, whoever wrote them. */
import * as Effect from "effect/Effect"
import { Codec, Consumer, OnFailure, Topic } from "millrace"
import * as RetryHeaders from "../../../src/internal/retry/retryHeaders.ts"
import { errorTags, fateOf, numberIn, type places, valueOf } from "./fates.ts"

/** What a dead letter must tell. */
export interface Expected {
  readonly topic: string
  readonly group: string
  readonly places: ReturnType<typeof places>
  /** Executions of a record that is no poison. */
  readonly executions: number
  /** Deliveries of the same, in retry topics too. */
  readonly deliveries: number
}

const textOf = (bytes: Uint8Array | null): string | null => bytes === null ? null : Buffer.from(bytes).toString()

/** Reads a dead letter topic to its end. Answers how often each number is there, and what is wrong with any of them. */
export const readLetters = Effect.fnUntraced(function*(deadLetterTopic: string, expected: Expected) {
  const copies = new Map<number, number>()
  const wrong: Array<string> = []
  const bytes = Topic.make(deadLetterTopic, { key: Codec.nullable(Codec.bytes), value: Codec.nullable(Codec.bytes) })
  yield* Consumer.run(Consumer.make(`${deadLetterTopic}.reader`, {
    offsetReset: "earliest",
    until: "end",
    onFailure: OnFailure.stop,
    handlers: [Topic.handle(bytes, ({ headers, raw }) =>
      Effect.sync(() => {
        const n = numberIn(raw.value)
        copies.set(n, (copies.get(n) ?? 0) + 1)
        const { attempts, errorTag, executions, group, origin } = RetryHeaders.read(raw)
        const names = new Set(headers.map(([name]) => name))
        const isPoison = fateOf(n) === "poison"
        const { keyOf, offsetOf, partitionOf } = expected.places
        const told = {
          key: textOf(raw.key),
          value: textOf(raw.value),
          user: textOf(headers.find(([name]) => name === "n")?.[1] ?? null),
          origin: [origin?.topic, origin?.partition, origin?.offset],
          group,
          errorTag,
          executions,
          attempts,
          hasMessage: names.has("kafka_exception-message"),
          hasStack: names.has("kafka_exception-stacktrace"),
          areSingle: names.size === headers.length
        }
        const right: typeof told = {
          key: keyOf(n),
          value: valueOf(n),
          user: String(n),
          origin: [expected.topic, partitionOf(n), offsetOf(n)],
          group: expected.group,
          errorTag: errorTags[fateOf(n)],
          executions: isPoison ? 0 : expected.executions,
          // The number of the delivery that the copy is: one more than those before.
          attempts: (isPoison ? 1 : expected.deliveries) + 1,
          hasMessage: true,
          hasStack: true,
          areSingle: true
        }
        const [is, should] = [JSON.stringify(told), JSON.stringify(right)]
        if (is !== should) wrong.push(`${is} instead of ${should}`)
      }))]
  }))
  return { copies, wrong }
})
