/** One fault scenario: a topic, a group of processes, load, and the promises checked all the time. */
import { assert } from "@effect/vitest"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { Consumer } from "millrace"
import type * as KafkaEngine from "../../src/engine/KafkaEngine.ts"
import type { Broker } from "../services/kafka.ts"
import { committed, createTopic, endsOf, engineAt, uncommitted, until } from "./cluster.ts"
import { type MemberProcess, ProcessGroup } from "./group.ts"

/** What a scenario works with. */
export interface Scene {
  readonly group: ProcessGroup
  readonly groupId: string
  readonly topic: string
  readonly handledAll: (records: number) => Effect.Effect<void, unknown>
  readonly works: (member: MemberProcess) => Effect.Effect<void, unknown>
  /**
   * Ends members in good order, when these are all records and all are handled: everything is committed. If a session
   * was over, a last member finds what is left, which `check` must excuse.
   */
  readonly finish: (
    members: ReadonlyArray<MemberProcess>,
    records: number
  ) => Effect.Effect<void, unknown, KafkaEngine.Service>
  readonly share: (members: ReadonlyArray<MemberProcess>, total?: number) => Effect.Effect<void, unknown>
}

export interface SceneOptions {
  readonly broker: Broker
  readonly partitions: number
  readonly consumer: Partial<Consumer.Settings>
  /** Where the members connect; by default the broker's plain listener. */
  readonly bootstrap?: string | undefined
}

let scenes = 0

/**
 * Runs a scenario. The promises are checked twice a second while it runs, as far as the broker answers, and at its end.
 */
export const scene = (
  { bootstrap, broker, consumer, partitions }: SceneOptions,
  body: (scene: Scene) => Effect.Effect<void, unknown, KafkaEngine.Service | Scope.Scope>
) =>
  Effect.gen(function*() {
    const topic = `numbers-${++scenes}`
    const groupId = `group-${scenes}`
    const settings = { group: groupId, topic, bootstrap: bootstrap ?? broker.bootstrap, workMillis: 1, consumer }
    const group = new ProcessGroup(settings)
    yield* Effect.addFinalizer(() => Effect.sync(() => group.end()))
    const engine = yield* engineAt(broker.bootstrap, { requestTimeout: "5 seconds" })
    const open = Effect.map(Effect.all([committed(groupId), endsOf(topic)]), ([all, ends]) => uncommitted(all, ends))
    yield* Effect.gen(function*() {
      yield* createTopic(topic, partitions)
      const check = Effect.map(committed(groupId), (positions) => group.check(positions))
      const now = Effect.matchEffect(committed(groupId), {
        // The broker is away: the next look tells.
        onFailure: () => Effect.void,
        onSuccess: (positions) => Effect.sync(() => group.check(positions))
      })
      const guard = Effect.forever(Effect.andThen(now, Effect.sleep(Duration.millis(500))))
      yield* Effect.raceFirst(
        guard,
        body({
          group,
          groupId,
          topic,
          works: (member) => {
            const before = group.ledger.of(member.name).length
            return until(`${member.name} works`, Effect.sync(() => group.ledger.of(member.name).length > before + 50))
          },
          handledAll: (records) => until(`${records} are handled`, Effect.sync(() => group.ledger.distinct >= records)),
          finish: Effect.fnUntraced(function*(members, records) {
            for (const member of members) yield* stop(member)
            const ends = yield* endsOf(topic)
            assert.strictEqual(ends.reduce((sum, { offset }) => sum + offset, 0), records, "records at the broker")
            if ((yield* open).length === 0) return
            const last = group.start("last")
            yield* until("a last member has all", Effect.sync(() => group.partitionsOf("last") === ends.length))
            yield* until("all are committed", Effect.map(open, (rest) => rest.length === 0))
            yield* stop(last)
          }),
          share: (members, total = partitions) =>
            until(
              `${members.length} members share ${total} partitions`,
              Effect.sync(() => {
                const each = members.map(({ name }) => group.partitionsOf(name))
                return each.every((owned) => owned > 0) && each.reduce((sum, owned) => sum + owned, 0) === total
              })
            )
        })
      )
      yield* check
    }).pipe(
      Effect.tapCause(() =>
        Effect.flatMap(Effect.orElseSucceed(open, () => ["the broker does not answer"]), (rest) =>
          Effect.sync(() => console.error([`${groupId}:`, ...rest, group.story].join("\n"))))
      ),
      Effect.provide(engine)
    )
  })

/** Ends a member in good order. */
export const stop = (member: MemberProcess) => Effect.promise(member.stop)
