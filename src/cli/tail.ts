/** `millrace tail`: reads a topic without a group, decoded or raw. */
import * as Argument from "effect/cli/Argument"
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Codec from "../Codec.ts"
import type { ClientEvent, Position, RawRecord } from "../engine/KafkaEngine.ts"
import * as KafkaEngine from "../engine/KafkaEngine.ts"
import * as Decoding from "../internal/codec/decoding.ts"
import * as Signal from "../internal/shared/signal.ts"
import type { Codecs } from "../Source.ts"
import * as Topic from "../Topic.ts"
import type { Config } from "./Config.ts"
import { UsageError } from "./exit.ts"
import * as Places from "./places.ts"
import { config } from "./root.ts"
import { unknown } from "./suggestions.ts"
import { inWords, momentOf, plain, readable, toJson } from "./values.ts"

/** The codecs that the config knows for a topic, if any. */
const codecsOf = (config: Config, name: string): Codecs | undefined =>
  config.topics.find((topic) => topic.name === name)?.codecs
    ?? config.consumers.flatMap(({ handlers }) => handlers).find(({ source }) => Topic.matches(source, name))?.source
      .codecs

const rawCodecs: Codecs = {
  key: Codec.nullable(Codec.bytes),
  value: Codec.nullable(Codec.bytes),
  headers: undefined
}

const print = Effect.fnUntraced(function*(raw: RawRecord, decode: Decoding.Decode, json: boolean) {
  const exit = yield* Effect.exit(Effect.suspend(() => {
    try {
      const record = decode(raw)
      return record instanceof Codec.Pending ? record.effect : Effect.succeed(record)
    } catch (poison) {
      return Effect.fail(poison)
    }
  }))
  const { offset, partition, timestamp, topic } = raw
  const time = momentOf(timestamp) ?? null
  const headers = (raw.headers ?? []).map(([name, value]) => [name, value === null ? null : readable(value)])
  if (Exit.isSuccess(exit)) {
    const key = readable(exit.value.key)
    const value = readable(exit.value.value)
    if (json) return yield* Console.log(toJson({ topic, partition, offset, time, key, value, headers }))
    const tags = headers.length === 0 ? "" : `  ${toJson(headers)}`
    return yield* Console.log(`${partition}/${offset}  ${time ?? "-"}  ${inWords(key)}  ${inWords(value)}${tags}`)
  }
  const problem = String(
    exit.cause.reasons.map((reason) => "error" in reason ? messageOf(reason.error) : "defect").join("; ")
  )
  if (json) return yield* Console.log(toJson({ topic, partition, offset, time, error: problem, headers }))
  yield* Console.log(`${partition}/${offset}  ${time ?? "-"}  undecodable: ${plain(problem)}`)
})

const messageOf = (error: unknown): string => error instanceof Error ? error.message : String(error)

/** Reads from positions until the ends, or until so many records were printed. */
const follow = Effect.fnUntraced(function*(
  start: ReadonlyArray<Position>,
  options: { readonly ends: ReadonlyArray<Position> | undefined; readonly most: number },
  decode: Decoding.Decode,
  json: boolean
) {
  const engine = yield* KafkaEngine.Service
  const signal = yield* Signal.make
  const failures: Array<ClientEvent> = []
  const reached = new Map(start.map(({ offset, partition }) => [partition, offset]))
  const done = () => options.ends?.every((end) => (reached.get(end.partition) ?? 0) >= end.offset) ?? false
  const client = yield* engine.consumer({
    subscription: { _tag: "Manual", positions: start },
    offsetReset: "earliest",
    config: {},
    signalEnd: options.ends !== undefined,
    onReady: () => signal.raise(),
    onEvent: (event) => {
      if (event._tag === "Failed") failures.push(event)
      // Behind the last record there may be control records, which no chunk shows.
      if (event._tag === "EndOfPartition") reached.set(event.partition, event.offset)
      signal.raise()
    }
  })
  let printed = 0
  while (printed < options.most && !done()) {
    const [failed] = failures
    if (failed?._tag === "Failed") return yield* failed.error
    const chunks = client.poll(Math.min(500, options.most - printed), 8_388_608)
    for (const chunk of chunks) {
      for (const raw of chunk.records) {
        const end = options.ends?.find(({ partition }) => partition === chunk.partition)?.offset
        if (end !== undefined && raw.offset >= end) continue
        yield* print(raw, decode, json)
        printed++
      }
      reached.set(chunk.partition, chunk.next)
    }
    if (chunks.length === 0) yield* signal.wait
  }
})

/** What `--until` says: the end, a number of records, or for ever. */
const limit = (until: string): Effect.Effect<{ readonly toEnd: boolean; readonly most: number }, UsageError> =>
  until === "end"
    ? Effect.succeed({ toEnd: true, most: Number.POSITIVE_INFINITY })
    : until === "forever"
    ? Effect.succeed({ toEnd: false, most: Number.POSITIVE_INFINITY })
    : /^\d+$/.test(until)
    ? Effect.succeed({ toEnd: false, most: Number(until) })
    : Effect.fail(new UsageError({ problem: `--until ${until}: use end, forever, or a number of records` }))

/** Prints the records of a topic. */
export const tail = Command.make(
  "tail",
  {
    topic: Argument.String("topic"),
    from: Flag.String("from").pipe(
      Flag.withDescription("beginning, end, an offset, -n (n records before the end of each partition), or a time"),
      Flag.withDefault("end")
    ),
    until: Flag.String("until").pipe(
      Flag.withDescription("end, forever, or a number of records"),
      Flag.withDefault("forever")
    ),
    raw: Flag.Boolean("raw").pipe(Flag.withDescription("Do not decode"), Flag.withDefault(false)),
    json: Flag.Boolean("json").pipe(Flag.withDescription("A JSON object per line"), Flag.withDefault(false))
  },
  Effect.fnUntraced(function*(flags) {
    const loaded = yield* config
    const place = yield* Places.fromFlag("from", flags.from)
    const { most, toEnd } = yield* limit(flags.until)
    const codecs = flags.raw ? rawCodecs : codecsOf(loaded, flags.topic) ?? rawCodecs
    const work = Effect.gen(function*() {
      const admin = yield* Effect.flatMap(KafkaEngine.Service, (engine) => engine.admin)
      const [description] = yield* admin.describeTopics([flags.topic])
      if (description === undefined) {
        const names = (yield* admin.listTopics).map(({ name }) => name).filter((name) => !name.startsWith("__"))
        return yield* new UsageError({ problem: unknown("topic", flags.topic, names) })
      }
      const partitions = description.partitions.map(({ partition }) => ({ topic: flags.topic, partition }))
      const start = yield* Places.resolve(admin, partitions, place)
      const ends = toEnd ? yield* admin.listOffsets(partitions, "latest") : undefined
      const decode = yield* Decoding.prepare(codecs, flags.topic)
      yield* follow(start, { ends, most }, decode, flags.json)
    })
    // The codecs' services, if any, are the application's; without its layer only the engine is there.
    yield* Effect.scoped(Effect.provide(work as Effect.Effect<void, unknown, KafkaEngine.Service>, loaded.engine))
  })
).pipe(Command.withDescription("Print the records of a topic, decoded by the config's codecs"))
