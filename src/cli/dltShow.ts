/** `millrace dlt ls`, `show`, `stats` and `export`: looking into dead letters. */
import * as Argument from "effect/cli/Argument"
import * as Command from "effect/cli/Command"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import * as Stream from "effect/Stream"
import type { DeadLetter, TagCount } from "../DeadLetter.ts"
import * as DeadLetters from "../DeadLetters.ts"
import { consumer, filter, filterOf, optional } from "./dltFilter.ts"
import { config, json } from "./root.ts"
import { select, selectOne } from "./selection.ts"
import { table } from "./table.ts"
import { inWords, plain, readable, timeOf, toJson } from "./values.ts"

/** `CardDeclined 5, Timeout 1`. */
export const histogram = (tags: ReadonlyArray<TagCount>): string =>
  tags.length === 0 ? "-" : plain(tags.map(({ count, tag }) => `${tag ?? "(none)"} ${count}`).join(", "))

const ls = Command.make(
  "ls",
  { consumers: Argument.String("consumer").pipe(Argument.variadic()), json },
  Effect.fnUntraced(function*(flags) {
    const loaded = yield* config
    const selected = yield* select(loaded, flags.consumers)
    const lists = yield* Effect.provide(Effect.forEach(selected, (one) => DeadLetters.list(one)), loaded.engine)
    const summaries = lists.flat()
    if (flags.json) return yield* Console.log(toJson(summaries))
    const rows = summaries.map((one) => [
      one.topic,
      one.partitions === undefined ? "MISSING" : one.partitions,
      one.waiting,
      one.depth,
      one.parkedDepth,
      timeOf(one.oldest),
      timeOf(one.newest),
      histogram(one.tags)
    ])
    const header = ["TOPIC", "PARTITIONS", "WAITING", "DEPTH", "PARKED", "OLDEST", "NEWEST", "TAGS"]
    for (const line of table(header, rows)) yield* Console.log(line)
  })
).pipe(Command.withDescription("List dead letter topics: how much is in them, how old, and of what"))

const print = Effect.fnUntraced(function*(letter: DeadLetter, asJson: boolean) {
  const { attempts, decoded, errorMessage, errorTag, failedAt, offset, origin, partition, replays, source } = letter
  const record = yield* Effect.result(decoded)
  const [key, value] = Result.isSuccess(record)
    ? [record.success.key, record.success.value]
    : [letter.key, letter.value]
  if (asJson) {
    const { family, firstFailedAt, group, topic } = letter
    const headers = letter.headers.map(([name, bytes]) => [name, bytes === null ? null : readable(bytes)])
    const time = timeOf(letter.timestamp)
    const error = Result.isSuccess(record) ? {} : { undecodable: record.failure.problem }
    return yield* Console.log(toJson({
      ...{ topic, partition, offset, time, source, origin, group, attempts, errorTag, errorMessage, firstFailedAt },
      ...{ failedAt, replays, family, key: readable(key), value: readable(value), headers, ...error }
    }))
  }
  const again = replays === 0 ? "" : `, redriven ${replays} times`
  const problem = Result.isSuccess(record) ? "" : `  (undecodable ${record.failure.part}: ${record.failure.problem})`
  const lines = [
    `${partition}/${offset}  ${timeOf(failedAt)}  ${errorTag ?? "(none)"} after ${attempts} attempts${again}`,
    `  from     ${origin === undefined ? source : `${origin.topic}/${origin.partition} ${origin.offset}`}`,
    ...(errorMessage === undefined ? [] : [`  message  ${errorMessage}`]),
    `  key      ${inWords(readable(key))}`,
    `  value    ${inWords(readable(value))}${problem}`
  ]
  for (const line of lines) yield* Console.log(plain(line))
})

const show = Command.make(
  "show",
  { consumer, ...filter, max: optional.number("max", "So many at most"), json },
  Effect.fnUntraced(function*(flags) {
    const loaded = yield* config
    const one = yield* selectOne(loaded, Option.getOrUndefined(flags.consumer))
    const letters = DeadLetters.records(one, yield* filterOf(flags)).pipe(
      Stream.take(Option.getOrElse(flags.max, () => Infinity)),
      Stream.runForEach((letter) => print(letter, flags.json))
    )
    yield* Effect.provide(letters, loaded.engine)
  })
).pipe(Command.withDescription("Show dead letters, decoded by the consumer's codecs, and what happened to them"))

const stats = Command.make(
  "stats",
  { consumer, ...filter, json },
  Effect.fnUntraced(function*(flags) {
    const loaded = yield* config
    const one = yield* selectOne(loaded, Option.getOrUndefined(flags.consumer))
    const counts = yield* Effect.provide(DeadLetters.stats(one, yield* filterOf(flags)), loaded.engine)
    if (flags.json) return yield* Console.log(toJson(counts))
    const rows = counts.map(({ count, hour, source, tag }) => [timeOf(hour), source, tag ?? "(none)", count])
    for (const line of table(["HOUR", "TOPIC", "TAG", "COUNT"], rows)) yield* Console.log(line)
  })
).pipe(Command.withDescription("Count dead letters by hour, source topic and error tag"))

const exported = Command.make(
  "export",
  { consumer, ...filter },
  Effect.fnUntraced(function*(flags) {
    const loaded = yield* config
    const one = yield* selectOne(loaded, Option.getOrUndefined(flags.consumer))
    const letters = DeadLetters.toNdjson(one, yield* filterOf(flags))
    // The same JSON: it need not escape DEL and C1.
    const lines = Stream.runForEach(letters, (line) => Console.log(plain(line)))
    yield* Effect.provide(lines, loaded.engine)
  })
).pipe(Command.withDescription("Print dead letters as lines of JSON that import takes"))

/** What only looks. */
export const looking = [ls, show, stats, exported] as const
