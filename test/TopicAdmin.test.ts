import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Logger from "effect/Logger"
import { Codec, KafkaEngine, Topic } from "millrace"
import { InMemoryKafka } from "millrace/testing"

const Orders = Topic.make("orders", { key: Codec.none, value: Codec.string })
const Prices = Topic.make("prices", { key: Codec.none, value: Codec.string })

const cluster = InMemoryKafka.layerWith({ autoCreateTopics: false })

const logged = (lines: Array<string>) =>
  Logger.layer([Logger.make(({ message }) => {
    lines.push(String(message))
  })])

describe("Topic.ensure", () => {
  it.effect("creates what is missing, once, as it was asked for", () =>
    Effect.gen(function*() {
      const shape = { partitions: 5, config: { "cleanup.policy": "compact" } }
      assert.deepStrictEqual(yield* Topic.ensure([Orders, Prices, Orders], shape), [
        { name: "orders", created: true, differences: [] },
        { name: "prices", created: true, differences: [] }
      ])
      assert.deepStrictEqual(yield* Topic.ensure([Orders], shape), [{
        name: "orders",
        created: false,
        differences: []
      }])
      const admin = yield* Effect.flatMap(KafkaEngine.Service, ({ admin }) => admin)
      assert.strictEqual((yield* admin.describeTopics(["orders"]))[0]?.partitions.length, 5)
      assert.strictEqual((yield* admin.describeConfigs("prices"))["cleanup.policy"], "compact")
      assert.deepStrictEqual(yield* Topic.ensure([], shape), [])
    }).pipe(Effect.provide(cluster)))

  it.effect("says in what an existing topic differs, and leaves it as it is", () => {
    const lines: Array<string> = []
    return Effect.gen(function*() {
      yield* Topic.ensure([Orders], { partitions: 2 })
      const [orders] = yield* Topic.ensure([Orders], { partitions: 3, config: { "cleanup.policy": "compact" } })
      assert.deepStrictEqual(orders, {
        name: "orders",
        created: false,
        differences: [
          { what: "partitions", wanted: "3", found: "2" },
          { what: "cleanup.policy", wanted: "compact", found: "delete" }
        ]
      })
      assert.deepStrictEqual(lines, [
        "topic \"orders\" exists with partitions 2, not 3",
        "topic \"orders\" exists with cleanup.policy delete, not compact"
      ])
      const admin = yield* Effect.flatMap(KafkaEngine.Service, ({ admin }) => admin)
      assert.strictEqual((yield* admin.describeTopics(["orders"]))[0]?.partitions.length, 2)
    }).pipe(Effect.provide([cluster, logged(lines)]))
  })

  it.effect("is run by several processes at once", () =>
    Effect.gen(function*() {
      const all = yield* Effect.all(Array.from({ length: 5 }, () => Topic.ensure([Orders], { partitions: 4 })), {
        concurrency: "unbounded"
      })
      assert.strictEqual(all.flat().filter(({ created }) => created).length, 1)
      assert.deepStrictEqual(all.flatMap(([orders]) => orders!.differences), [])
    }).pipe(Effect.provide(cluster)))

  it.effect("refuses what is no number of partitions", () =>
    Effect.gen(function*() {
      for (const partitions of [0, -1, 1.5, Number.NaN, undefined, "3"]) {
        const error = yield* Effect.flip(Topic.ensure([Orders], { partitions: partitions as number }))
        assert.deepInclude(error.reason, { _tag: "InvalidSetting", setting: "partitions" })
      }
      const error = yield* Effect.flip(Topic.ensure([Orders], { partitions: 1, replication: 0 }))
      assert.deepInclude(error.reason, { _tag: "InvalidSetting", setting: "replication" })
    }).pipe(Effect.provide(cluster)))
})
