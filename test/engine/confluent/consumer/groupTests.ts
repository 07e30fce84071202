/** What members of a group do for each other under every protocol, on any cluster. */
import { assert } from "@effect/vitest"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type { ConsumerConfig } from "../../../../src/KafkaConfig.ts"
import { fresh, numbered, open, produce, until } from "../mock.ts"

/** Beyond the patience of any test: a close that needs its deadline fails. */
export const deadline = Duration.minutes(10)

/** Registers the tests; `topic` makes one of four partitions. */
export const groupTests = <R>(
  it: { readonly effect: (name: string, body: () => Effect.Effect<void, unknown, any>, timeout?: number) => void },
  config: ConsumerConfig,
  topic: (prefix: string) => Effect.Effect<string, unknown, R>
): void => {
  it.effect("shares its partitions among two members, and gives them back", () =>
    Effect.gen(function*() {
      const name = yield* topic("shared")
      const group = fresh("group")
      yield* produce([0, 1, 2, 3].flatMap((partition) => numbered(name, 0, 3, partition)))
      const first = yield* open({ topics: [name], group, config })
      yield* first.run(() => first.records.length === 12, "all records")
      for (const partition of [0, 1, 2, 3]) assert.isTrue(first.client.store({ topic: name, partition, offset: 3 }))
      const second = yield* open({ topics: [name], group, config })
      const shared = () => first.assigned.size === 2 && second.assigned.size === 2
      yield* Effect.all([first.run(shared, "a share"), second.run(shared, "a share")], { concurrency: 2 })
      assert.strictEqual(new Set([...first.assigned, ...second.assigned]).size, 4)
      // What was stored before the revoke was committed with it.
      assert.deepStrictEqual(second.records, [])
      const gone = [0, 1, 2, 3].find((partition) => !first.assigned.has(`${name}/${partition}`))!
      assert.isFalse(first.client.store({ topic: name, partition: gone, offset: 9 }))
      let closed = false
      yield* Effect.all([
        Effect.andThen(second.client.close(deadline), Effect.sync(() => (closed = true))),
        first.run(() => closed && first.assigned.size === 4, "everything")
      ], { concurrency: 2 })
      yield* first.client.close(deadline)
    }), 60_000)

  it.effect("closes with an unanswered assignment", () =>
    Effect.gen(function*() {
      const name = yield* topic("unanswered")
      yield* produce(numbered(name, 0, 1))
      const owner = yield* open({ topics: [name], config })
      yield* until(() => owner.due.length > 0, "the assignment")
      yield* owner.client.close(deadline)
    }), 60_000)

  it.effect("closes with an unanswered revoke, and commits what was stored", () =>
    Effect.gen(function*() {
      const name = yield* topic("revoke")
      const group = fresh("group")
      yield* produce([0, 1, 2, 3].flatMap((partition) => numbered(name, 0, 3, partition)))
      const first = yield* open({ topics: [name], group, config })
      yield* first.run(() => first.records.length === 12, "all records")
      for (const partition of [0, 1, 2, 3]) first.client.store({ topic: name, partition, offset: 2 })
      const second = yield* open({ topics: [name], group, config })
      yield* until(() => first.due.length > 0, "the revoke")
      yield* first.client.close(deadline)
      // If the second joins before the first has left it has half of them first, and reads those twice.
      const read = () => new Set(second.records.map(({ partition }) => partition))
      yield* second.run(() => read().size === 4, "the rest of every partition")
      assert.deepStrictEqual(new Set(second.records.map(({ offset }) => offset)), new Set([2]))
      yield* second.client.close(deadline)
    }), 60_000)
}
