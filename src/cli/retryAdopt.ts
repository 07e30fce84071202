/** `millrace retry adopt` and `hand-back`: taking retry topics over from other groups, and giving them back. */
import * as Argument from "effect/cli/Argument"
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as KafkaEngine from "../engine/KafkaEngine.ts"
import { unknown } from "../internal/shared/suggestions.ts"
import type { KafkaError } from "../KafkaError.ts"
import * as RetryTopics from "../RetryTopics.ts"
import { agreed } from "./confirm.ts"
import { yes } from "./dltFilter.ts"
import { WorkFailed } from "./exit.ts"
import { namesOf, sayMade } from "./groups.ts"
import { orSay } from "./halfway.ts"
import { config, json } from "./root.ts"
import { type AnyConsumer, selectOne } from "./selection.ts"
import { printTable } from "./table.ts"

const consumer = Argument.String("consumer").pipe(
  Argument.withDescription("The consumer, by its group; may be left out if there is only one"),
  Argument.optional
)

type Move = (
  one: AnyConsumer,
  groups: ReadonlyArray<string>,
  dryRun: boolean
) => Effect.Effect<ReadonlyArray<RetryTopics.Adopted>, KafkaError, KafkaEngine.Service>

const run = Effect.fnUntraced(function*(
  flags: { readonly consumer: Option.Option<string>; readonly yes: boolean; readonly json: boolean },
  groups: ReadonlyArray<string>,
  move: Move,
  onMissing: (group: string, existing: ReadonlyArray<string>) => Effect.Effect<void, WorkFailed>
) {
  const loaded = yield* config
  const one = yield* selectOne(loaded, Option.getOrUndefined(flags.consumer))
  const report = Effect.fnUntraced(function*(moved: ReadonlyArray<RetryTopics.Adopted>, executed: boolean) {
    if (flags.json) return yield* Console.log(JSON.stringify({ executed, offsets: moved }))
    const rows = moved.map((
      { after, before, group, partition, topic }
    ) => [group, topic, partition, before ?? "-", after])
    yield* printTable(["GROUP", "TOPIC", "PARTITION", "BEFORE", "AFTER"], rows)
    if (moved.length === 0) yield* Console.error("no offset is to be changed")
  })
  const work = Effect.gen(function*() {
    const existing = yield* Effect.flatMap(Effect.flatMap(KafkaEngine.Service, ({ admin }) => admin), namesOf)
    for (const group of groups) if (!existing.includes(group)) yield* onMissing(group, existing)
    if (!flags.yes) {
      const planned = yield* move(one, groups, true)
      yield* report(planned, false)
      if (planned.length === 0) return
      yield* agreed("Change them?")
    }
    const moving = orSay("some of the offsets may be changed; the same command does what is left")
    yield* report(yield* moving(move(one, groups, false)), true)
  })
  yield* Effect.provide(work, loaded.engine)
})

/** Takes retry topics over. */
export const adopt = Command.make(
  "adopt",
  {
    consumer,
    fromGroup: Flag.String("from-group").pipe(
      Flag.withDescription("A group that read the retry topics before; may be repeated"),
      Flag.atLeast(1)
    ),
    yes,
    json
  },
  (flags) =>
    run(
      flags,
      flags.fromGroup,
      (one, from, dryRun) => RetryTopics.adopt(one, { from, dryRun }),
      (group, existing) => Effect.fail(new WorkFailed({ problem: unknown("group", group, existing) }))
    )
).pipe(Command.withDescription("Go on in retry topics where other groups, such as Spring's, ended"))

/** Gives retry topics back. */
export const handBack = Command.make(
  "hand-back",
  {
    consumer,
    toGroup: Flag.String("to-group").pipe(
      Flag.withDescription("A group that is to read the retry topics again; may be repeated"),
      Flag.atLeast(1)
    ),
    yes,
    json
  },
  (flags) => run(flags, flags.toGroup, (one, to, dryRun) => RetryTopics.handBack(one, { to, dryRun }), sayMade)
).pipe(Command.withDescription("Let other groups go on in retry topics where this consumer ended"))
