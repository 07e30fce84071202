/** `millrace tail`: reads a topic without a group, decoded or raw. */
import * as Argument from "effect/cli/Argument"
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import * as KafkaEngine from "../engine/KafkaEngine.ts"
import { scan } from "../internal/reading/scan.ts"
import { unknown } from "../internal/shared/suggestions.ts"
import type { Codecs } from "../Source.ts"
import * as Topic from "../Topic.ts"
import type { Config } from "./Config.ts"
import { runsOn } from "./ending.ts"
import { UsageError, withCodecs, WorkFailed } from "./exit.ts"
import * as Places from "./places.ts"
import { printer } from "./recordLines.ts"
import { config } from "./root.ts"
import { checkRegistry, servicesOf } from "./services.ts"

/** The codecs that the config knows for a topic, if any. */
const codecsOf = (config: Config, name: string): Codecs | undefined =>
  config.topics.find((topic) => topic.name === name)?.codecs
    ?? config.consumers.flatMap(({ handlers }) => handlers).find(({ source }) => Topic.matches(source, name))?.source
      .codecs

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
    if (flags.until === "forever") yield* runsOn
    const codecs = flags.raw ? undefined : codecsOf(loaded, flags.topic)
    if (codecs !== undefined) yield* checkRegistry(loaded, flags.topic, codecs)
    const work = Effect.gen(function*() {
      const admin = yield* Effect.flatMap(KafkaEngine.Service, (engine) => engine.admin)
      const [description] = yield* admin.describeTopics([flags.topic])
      if (description === undefined) {
        const names = (yield* admin.listTopics).map(({ name }) => name).filter((name) => !name.startsWith("__"))
        return yield* new WorkFailed({ problem: unknown("topic", flags.topic, names) })
      }
      const partitions = description.partitions.map(({ partition }) => ({ topic: flags.topic, partition }))
      const start = yield* Places.resolve(admin, partitions, place)
      const ends = toEnd ? yield* admin.listOffsets(partitions, "latest", "read_committed") : undefined
      const print = yield* withCodecs(flags.topic, "; --raw shows the bytes")(printer(codecs, flags.topic))
      yield* scan(start, ends).pipe(
        Stream.take(most),
        Stream.runForEach((raw) => Effect.flatMap(print(raw, flags.json), Console.log))
      )
    })
    // Other services of codecs are the application's, whose layer is not built.
    yield* Effect.scoped(Effect.provide(work as Effect.Effect<void, unknown, KafkaEngine.Service>, servicesOf(loaded)))
  })
).pipe(Command.withDescription("Print the records of a topic, decoded by the config's codecs"))
