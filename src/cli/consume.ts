/** `millrace consume`. */
import * as Argument from "effect/cli/Argument"
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Stream from "effect/Stream"
import * as Consumer from "../Consumer.ts"
import { BottomLine } from "./bottomLine.ts"
import type { Config } from "./Config.ts"
import { dryRun, list, validate } from "./dryRun.ts"
import { runsOn, worksOn } from "./ending.ts"
import { naming } from "./exit.ts"
import { Progress, show } from "./progress.ts"
import { config, json } from "./root.ts"
import { type Named, select } from "./selection.ts"
import { servicesOf } from "./services.ts"

/** Runs all of them; the first one that ends with an error ends the others. */
const consumeAll = (consumers: ReadonlyArray<Named>, config: Config) =>
  Effect.gen(function*() {
    yield* worksOn
    yield* runsOn
    const progress = new Progress()
    if (process.stderr.isTTY) {
      const line = yield* Effect.acquireRelease(
        Effect.sync(() => new BottomLine(process.stdout.isTTY ? [process.stderr, process.stdout] : [process.stderr])),
        (line) => Effect.sync(() => line.end())
      )
      yield* Effect.forkScoped(show(progress, (text) => line.set(text)))
    }
    yield* Effect.forEach(
      consumers,
      ({ consumer, name }) =>
        Consumer.outcomeBatches(consumer).pipe(
          Stream.runForEach((batch) => Effect.sync(() => progress.note(batch))),
          naming(name)
        ),
      { concurrency: "unbounded", discard: true }
    )
  }).pipe(Effect.scoped, Effect.provide(Layer.provideMerge(config.layer, servicesOf(config))))

/** Runs the config's consumers in this process. */
export const consume = Command.make(
  "consume",
  {
    names: Argument.String("consumer").pipe(
      Argument.withDescription("Only these consumers, by their group or as --list names them"),
      Argument.variadic()
    ),
    list: Flag.Boolean("list").pipe(Flag.withDescription("List the consumers"), Flag.withDefault(false)),
    dryRun: Flag.Boolean("dry-run").pipe(
      Flag.withDescription("Show topics, policies and settings, and check that the topics exist, without consuming"),
      Flag.withDefault(false)
    ),
    json
  },
  Effect.fnUntraced(function*(flags) {
    const loaded = yield* config
    const consumers = yield* select(loaded, flags.names)
    if (flags.list) return yield* list(consumers, flags.json)
    if (flags.dryRun) return yield* dryRun(consumers, loaded, flags.json)
    yield* validate(consumers)
    // The config's types made sure that its layer provides what its consumers need.
    yield* consumeAll(consumers, loaded) as Effect.Effect<void, unknown>
  })
).pipe(
  Command.withDescription(
    "Run consumers until stopped; Ctrl-C lets running handlers finish, a second one stops at once"
  ),
  Command.withExamples([
    { command: "millrace consume", description: "Run every consumer of the config module" },
    { command: "millrace consume billing --dry-run", description: "Show what would run, and check it" }
  ])
)
