/** `millrace groups`: who reads what, how far behind, and resetting offsets. */
import * as Argument from "effect/cli/Argument"
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type { AdminClient, Position } from "../engine/KafkaEngine.ts"
import * as KafkaEngine from "../engine/KafkaEngine.ts"
import { nearest, unknown } from "../internal/shared/suggestions.ts"
import type { KafkaError } from "../KafkaError.ts"
import { UsageError, WorkFailed } from "./exit.ts"
import { describeGroup } from "./groupLines.ts"
import * as Places from "./places.ts"
import { config, json } from "./root.ts"
import { printTable } from "./table.ts"
import { toJson } from "./values.ts"

const listGroups = Effect.fnUntraced(function*(admin: AdminClient, json: boolean) {
  const groups = [...(yield* admin.listGroups)].sort((a, b) => a.groupId < b.groupId ? -1 : 1)
  if (json) return yield* Console.log(toJson(groups))
  const rows = groups.map(({ groupId, protocol, state }) => [groupId, state, protocol])
  yield* printTable(["GROUP", "STATE", "PROTOCOL"], rows)
})

/** The groups of the cluster. */
export const namesOf = (admin: AdminClient) => Effect.map(admin.listGroups, (all) => all.map(({ groupId }) => groupId))

/** Says of a group that does not exist that it will. */
export const sayMade = (group: string, groups: ReadonlyArray<string>): Effect.Effect<void> => {
  const near = nearest(group, groups)
  return Console.error(
    `group "${group}" does not exist${near === undefined ? "." : `; did you mean "${near}"?`} Setting offsets makes it`
  )
}

const resetOffsets = Effect.fnUntraced(function*(
  admin: AdminClient,
  group: string,
  options: {
    readonly place: Places.Place
    readonly topic: string | undefined
    readonly execute: boolean
    readonly json: boolean
  }
): Effect.fn.Return<void, UsageError | WorkFailed | KafkaError> {
  const { place } = options
  const committed = yield* admin.groupOffsets(group)
  const names = options.topic === undefined ? [...new Set(committed.map(({ topic }) => topic))] : [options.topic]
  const topics = yield* admin.describeTopics(names)
  const partitions = topics.flatMap(({ name, partitions }) =>
    partitions.map(({ partition }) => ({ topic: name, partition }))
  )
  if (options.topic !== undefined && partitions.length === 0) {
    const existing = (yield* admin.listTopics).map(({ name }) => name).filter((name) => !name.startsWith("__"))
    return yield* new WorkFailed({ problem: unknown("topic", options.topic, existing) })
  }
  const groups = yield* namesOf(admin)
  if (partitions.length === 0) {
    return yield* groups.includes(group)
      ? new UsageError({ problem: `group "${group}" has no offsets; name a topic with --topic` })
      : new WorkFailed({ problem: `${unknown("group", group, groups)}; with --topic its offsets make it` })
  }
  if (!groups.includes(group)) {
    yield* sayMade(group, groups)
  }
  const wanted = yield* Places.resolve(admin, partitions, place)
  const before = (position: Position) =>
    committed.find(({ partition, topic }) => topic === position.topic && partition === position.partition)?.offset
  // First the change, so that nothing is shown as done that was refused.
  if (options.execute) yield* admin.alterGroupOffsets(group, wanted)
  if (options.json) {
    const changes = wanted.map(({ offset, partition, topic }) => ({
      topic,
      partition,
      committed: before({ topic, partition, offset }) ?? null,
      new: offset
    }))
    return yield* Console.log(toJson({ group, executed: options.execute, partitions: changes }))
  }
  const rows = wanted.map((position) => [position.topic, position.partition, before(position) ?? "-", position.offset])
  yield* printTable(["TOPIC", "PARTITION", "COMMITTED", "NEW"], rows)
  yield* Console.log(
    options.execute ? `offsets of group "${group}" are set` : "nothing was changed; add --execute to do it"
  )
})

/** Lists groups, shows one, resets its offsets. */
export const groups = Command.make(
  "groups",
  {
    group: Argument.String("group").pipe(Argument.withDescription("Show the lag of this group"), Argument.optional),
    json,
    resetOffsets: Flag.Boolean("reset-offsets").pipe(
      Flag.withDescription("Show what resetting the group's offsets would do; its members must be stopped"),
      Flag.withDefault(false)
    ),
    to: Flag.String("to").pipe(
      Flag.withDescription("With --reset-offsets: beginning (unless given), end, an offset, -n, or a time"),
      Flag.optional
    ),
    topic: Flag.String("topic").pipe(Flag.withDescription("With --reset-offsets: only this topic"), Flag.optional),
    execute: Flag.Boolean("execute").pipe(
      Flag.withDescription("With --reset-offsets: set the offsets; without this flag they are only shown"),
      Flag.withDefault(false)
    )
  },
  Effect.fnUntraced(function*(flags) {
    if (!flags.resetOffsets && (flags.execute || Option.isSome(flags.to) || Option.isSome(flags.topic))) {
      return yield* new UsageError({ problem: "--to, --topic and --execute need --reset-offsets" })
    }
    if (flags.resetOffsets && Option.isNone(flags.group)) {
      return yield* new UsageError({ problem: "--reset-offsets needs a group" })
    }
    const place = yield* Places.fromFlag("to", Option.getOrElse(flags.to, () => "beginning"))
    const loaded = yield* config
    const work = Effect.gen(function*() {
      const admin = yield* Effect.flatMap(KafkaEngine.Service, (engine) => engine.admin)
      if (Option.isNone(flags.group)) return yield* listGroups(admin, flags.json)
      const topic = Option.getOrUndefined(flags.topic)
      return flags.resetOffsets
        ? yield* resetOffsets(admin, flags.group.value, { ...flags, place, topic })
        : yield* describeGroup(admin, flags.group.value, { config: loaded, json: flags.json })
    })
    yield* Effect.provide(work, loaded.engine)
  })
).pipe(Command.withDescription("List consumer groups, show the lag of one, reset its offsets"))
