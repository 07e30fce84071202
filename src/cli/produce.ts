/** `millrace produce`: NDJSON from standard input, checked by the topic's schemas. */
import * as Argument from "effect/cli/Argument"
import * as Command from "effect/cli/Command"
import * as Console from "effect/Console"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import type { ProducerClient, RawMessage } from "../engine/KafkaEngine.ts"
import * as KafkaEngine from "../engine/KafkaEngine.ts"
import type { KafkaError } from "../KafkaError.ts"
import type * as Topic from "../Topic.ts"
import { UsageError, WorkFailed } from "./exit.ts"
import * as Lines from "./lines.ts"
import { config } from "./root.ts"
import { unknown } from "./suggestions.ts"

interface Numbered<A> {
  readonly number: number
  readonly of: A
}

/** Hands messages to the client in order, and answers the failed ones when each of them has its fate. */
const deliver = Effect.fnUntraced(function*(
  client: ProducerClient,
  messages: ReadonlyArray<Numbered<RawMessage>>
) {
  const failed: Array<Numbered<KafkaError>> = []
  if (messages.length === 0) return failed
  const settled = yield* Deferred.make<void>()
  let left = messages.length
  for (const { number, of } of messages) {
    const done = (error: KafkaError | undefined) => {
      if (error !== undefined) failed.push({ number, of: error })
      if (--left === 0) Deferred.doneUnsafe(settled, Effect.void)
    }
    while (!client.produce(of, done)) yield* client.whenSpace
  }
  yield* Deferred.await(settled)
  return failed
})

/** Whether it is this record that cannot be sent, and not the cluster that cannot take any. */
const isOfTheRecord = ({ reason }: KafkaError) => reason._tag === "InvalidRecord" || reason._tag === "RecordTooLarge"

/** Sends the lines of the input, and says of the others, by their numbers, what is wrong with them. */
export const sendLines = Effect.fnUntraced(function*(
  topic: Topic.Topic<any, any, any, any, any>,
  input: AsyncIterable<string>
) {
  const read = yield* Lines.reader(topic)
  const client = yield* Effect.flatMap(KafkaEngine.Service, (engine) => engine.producer)
  const batches = Lines.split(input)
  let sent = 0
  let refused = 0
  const refuse = (number: number, problem: string) => {
    refused++
    return Console.error(`line ${number}: ${problem}`)
  }
  while (true) {
    const next = yield* Effect.promise(() => batches.next())
    if (next.done === true) break
    const messages: Array<Numbered<RawMessage>> = []
    for (const { number, text } of next.value) {
      const message = yield* Effect.result(read(text))
      if (Result.isSuccess(message)) messages.push({ number, of: message.success })
      else yield* refuse(number, message.failure.problem)
    }
    const failed = yield* deliver(client, messages)
    sent += messages.length - failed.length
    for (const { number, of } of failed) if (isOfTheRecord(of)) yield* refuse(number, of.message)
    const lost = failed.find(({ of }) => !isOfTheRecord(of))
    if (lost === undefined) continue
    yield* Console.error(`line ${lost.number} was not sent; ${sent} sent before, ${refused} refused`)
    return yield* lost.of
  }
  yield* Console.error(`${sent} sent, ${refused} refused`)
  if (refused > 0) return yield* new WorkFailed()
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
    const work = sendLines(topic as Topic.Topic<any, any, any, any, any>, process.stdin.setEncoding("utf8"))
    yield* Effect.provide(work as Effect.Effect<void, unknown, KafkaEngine.Service>, engine)
  })
).pipe(
  Command.withDescription(
    "Send records from standard input, one JSON object a line: {\"key\":…,\"value\":…,\"headers\":{…}}"
  )
)
