/** `millrace dlt ls`, `stats` and `export`: looking into dead letters. */
import * as Argument from "effect/cli/Argument"
import * as Command from "effect/cli/Command"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import type { TagCount } from "../DeadLetter.ts"
import * as DeadLetters from "../DeadLetters.ts"
import { consumer, filter, filterOf } from "./dltFilter.ts"
import { config, json } from "./root.ts"
import { ofEach, select, selectOne } from "./selection.ts"
import { checkConsumer, servicesOf } from "./services.ts"
import { printTable } from "./table.ts"
import { plain, timeOf, toJson } from "./values.ts"

/** `CardDeclined 5, Timeout 1`. */
export const histogram = (tags: ReadonlyArray<TagCount>): string =>
  tags.length === 0 ? "-" : plain(tags.map(({ count, tag }) => `${tag ?? "(none)"} ${count}`).join(", "))

const ls = Command.make(
  "ls",
  { consumers: Argument.String("consumer").pipe(Argument.variadic()), json },
  Effect.fnUntraced(function*(flags) {
    const loaded = yield* config
    const selected = yield* select(loaded, flags.consumers)
    const lists = ofEach(selected, (one) => DeadLetters.list(one))
    const { failed, found: summaries } = yield* Effect.provide(lists, loaded.engine)
    if (flags.json) {
      yield* Console.log(toJson(summaries))
      return yield* failed
    }
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
    yield* printTable(header, rows)
    yield* failed
  })
).pipe(Command.withDescription("List dead letter topics: how many records, how old, with which errors"))

const stats = Command.make(
  "stats",
  { consumer, ...filter, json },
  Effect.fnUntraced(function*(flags) {
    const loaded = yield* config
    const one = yield* selectOne(loaded, Option.getOrUndefined(flags.consumer))
    if (Option.isSome(flags.where)) yield* checkConsumer(loaded, one)
    const counts = yield* Effect.provide(DeadLetters.stats(one, yield* filterOf(flags)), servicesOf(loaded))
    if (flags.json) return yield* Console.log(toJson(counts))
    const rows = counts.map(({ count, hour, source, tag }) => [timeOf(hour), source, tag ?? "(none)", count])
    yield* printTable(["HOUR", "TOPIC", "TAG", "COUNT"], rows)
  })
).pipe(Command.withDescription("Count dead letters by hour, source topic and error tag"))

const exported = Command.make(
  "export",
  { consumer, ...filter },
  Effect.fnUntraced(function*(flags) {
    const loaded = yield* config
    const one = yield* selectOne(loaded, Option.getOrUndefined(flags.consumer))
    if (Option.isSome(flags.where)) yield* checkConsumer(loaded, one)
    const letters = DeadLetters.toNdjson(one, yield* filterOf(flags))
    // The same JSON: it need not escape DEL and C1.
    const lines = Stream.runForEach(letters, (line) => Console.log(plain(line)))
    yield* Effect.provide(lines, servicesOf(loaded))
  })
).pipe(Command.withDescription("Print dead letters as lines of JSON that import takes"))

/** What only looks. */
export const looking = [ls, stats, exported] as const
