/** `millrace produce`: NDJSON from standard input, checked by the topic's schemas. */
import * as Argument from "effect/cli/Argument"
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import type { ProducerClient, RawMessage } from "../engine/KafkaEngine.ts"
import * as KafkaEngine from "../engine/KafkaEngine.ts"
import { isDelivered, sendAll } from "../internal/produce/delivering.ts"
import { unknown } from "../internal/shared/suggestions.ts"
import type { KafkaError } from "../KafkaError.ts"
import * as Topic from "../Topic.ts"
import type { Config } from "./Config.ts"
import { worksOn } from "./ending.ts"
import { UsageError, withCodecs, WorkFailed } from "./exit.ts"
import { type Line, split } from "./inputLines.ts"
import * as Lines from "./lines.ts"
import { config } from "./root.ts"
import { checkRegistry, servicesOf } from "./services.ts"

interface Numbered {
  readonly number: number
  readonly message: RawMessage
}

/** Whether it is this record that cannot be sent, and not the cluster that cannot take any. */
const isOfTheRecord = ({ reason }: KafkaError): boolean =>
  reason._tag === "InvalidRecord" || reason._tag === "RecordTooLarge"
  || reason._tag === "UnknownTopic" && reason.partition !== undefined

/** What becomes of the lines, in numbers. */
class Tally {
  sent = 0
  refused = 0

  readonly refuse = (number: number, problem: string): Effect.Effect<void> => {
    this.refused++
    return Console.error(`line ${number}: ${problem}`)
  }

  get words(): string {
    return `${this.sent} sent, ${this.refused} refused`
  }
}

/** The lines that are messages; of the others it is said what is wrong with them. */
const readAll = Effect.fnUntraced(function*(read: Lines.Reader, lines: ReadonlyArray<Line>, tally: Tally) {
  const messages: Array<Numbered> = []
  for (const { number, text } of lines) {
    if (text === undefined) {
      yield* tally.refuse(number, "it is no UTF-8")
      continue
    }
    const message = yield* Effect.result(read(text))
    if (Result.isSuccess(message)) messages.push({ number, message: message.success })
    else yield* tally.refuse(number, message.failure.problem)
  }
  return messages
})

/**
 * Sends messages in order and waits for all of their acknowledgements, also when it is interrupted: only until there
 * is a client nothing is on its way. Fails if the cluster takes none.
 */
const deliver = Effect.fnUntraced(function*(messages: ReadonlyArray<Numbered>, tally: Tally) {
  if (messages.length === 0) return
  const client = yield* Effect.flatMap(KafkaEngine.Service, (engine) => engine.producer)
  yield* Effect.uninterruptible(send(client, messages, tally))
})

const send = Effect.fnUntraced(function*(client: ProducerClient, messages: ReadonlyArray<Numbered>, tally: Tally) {
  const fates = yield* sendAll(client, messages.map(({ message }) => message))
  let lost: { readonly number: number; readonly error: KafkaError } | undefined
  for (const [i, fate] of fates.entries()) {
    const { number } = messages[i]!
    if (isDelivered(fate)) tally.sent++
    else if (isOfTheRecord(fate)) yield* tally.refuse(number, fate.message)
    else lost ??= { number, error: fate }
  }
  if (lost === undefined) return
  yield* Console.error(`line ${lost.number} was not sent; ${tally.words}`)
  return yield* lost.error
})

/**
 * Sends the lines of the input, and says of the others, by their numbers, what is wrong with them. An interruption
 * waits for what is on its way and says how much was sent.
 */
export const sendLines = Effect.fnUntraced(function*(
  topic: Lines.Topic,
  input: AsyncIterable<Uint8Array | string>,
  options: { readonly tombstones?: boolean } = {}
) {
  const read = yield* withCodecs(topic.name, "")(Lines.reader(topic, options))
  const batches = split(input)
  const tally = new Tally()
  const sending = Effect.gen(function*() {
    while (true) {
      const next = yield* Effect.tryPromise({
        try: () => batches.next(),
        catch: (cause) => new WorkFailed({ problem: `standard input cannot be read: ${cause}; ${tally.words}` })
      })
      if (next.done === true) return
      const messages = yield* readAll(read, next.value, tally)
      yield* deliver(messages, tally)
    }
  })
  yield* Effect.onInterrupt(
    sending,
    () => Console.error(`interrupted: ${tally.words}; the lines behind them were not sent`)
  )
  yield* Console.error(tally.words)
  if (tally.refused > 0) return yield* new WorkFailed({})
})

/** The topic of that name, with the codecs that the config has for it. */
export const find = Effect.fnUntraced(function*(
  { consumers, topics }: Pick<Config, "consumers" | "topics">,
  name: string
) {
  const sources = [...topics, ...consumers.flatMap(({ handlers }) => handlers).map(({ source }) => source)]
  const source = sources.find(({ match }) => match._tag === "Name" && match.name === name)
    ?? sources.find((source) => Topic.matches(source, name))
  if (source !== undefined) return { name, codecs: source.codecs } satisfies Lines.Topic
  const names = sources.flatMap(({ match }) => match._tag === "Name" ? [match.name] : [])
  const patterns = sources.flatMap((source) => source.match._tag === "Pattern" ? [Topic.show(source)] : [])
  const others = patterns.length === 0 ? "" : `, and what matches ${[...new Set(patterns)].join(" or ")}`
  return yield* new UsageError({ problem: `${unknown("topic", name, names)}${others}` })
})

const example = "{\"key\":…,\"value\":…,\"headers\":{…}}"

/** Sends records from standard input. */
export const produce = Command.make(
  "produce",
  {
    topic: Argument.String("topic"),
    tombstones: Flag.Boolean("tombstones").pipe(
      Flag.withDescription(
        "Take lines without a value as tombstones, and lines without a key; otherwise both are refused"
      ),
      Flag.withDefault(false)
    )
  },
  Effect.fnUntraced(function*({ tombstones, topic: name }) {
    const loaded = yield* config
    const topic = yield* find(loaded, name)
    yield* checkRegistry(loaded, name, topic.codecs)
    yield* worksOn
    if (process.stdin.isTTY) {
      yield* Console.error(`waiting for records of ${name}, one a line: ${example}; Ctrl-D ends them`)
    }
    const work = sendLines(topic, process.stdin, { tombstones })
    yield* Effect.provide(work as Effect.Effect<void, unknown, KafkaEngine.Service>, servicesOf(loaded))
  })
).pipe(
  Command.withDescription(
    `Send records from standard input, one JSON object a line: ${example}. It takes what tail --json prints; partition `
      + "and timestamp count, topic, offset and time are passed over"
  )
)
