import { assert } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { Producer } from "millrace"
import * as KafkaEngine from "../../../src/engine/KafkaEngine.ts"
import type { Group } from "../harness.ts"
import { scenario } from "../harness.ts"
import { Ledger } from "../ledger.ts"
import { join, produce, reasonOf, textTopic } from "../members.ts"

const adminOf = Effect.flatMap(KafkaEngine.Service, (engine) => engine.admin)

export const admin: Group = {
  title: "the admin client",
  scenarios: [
    scenario(
      "creates, describes, grows, lists and deletes topics",
      ["topics admin"],
      (world) =>
        Effect.gen(function*() {
          const admin = yield* adminOf
          const name = world.name("made")
          yield* admin.createTopic({ name, partitions: 3, config: { "retention.ms": "3600000" } })
          // A broker answers that it made a topic a moment before it knows of it.
          yield* world.until("it is known", Effect.map(admin.describeTopics([name]), (all) => all.length === 1))
          const [described] = yield* admin.describeTopics([name])
          assert.strictEqual(described!.name, name)
          assert.isFalse(described!.internal)
          assert.deepStrictEqual(described!.partitions.map(({ partition }) => partition), [0, 1, 2])
          assert.isTrue(
            described!.partitions.every(({ inSync, leader, replicas }) =>
              leader >= 0 && replicas.length === 1 && inSync.length === 1
            )
          )
          assert.strictEqual(reasonOf(yield* Effect.flip(admin.createTopic({ name, partitions: 3 }))), "TopicExists")
          yield* admin.createPartitions(name, 5)
          yield* world.until(
            "it has grown",
            Effect.map(admin.describeTopics([name]), ([topic]) => topic!.partitions.length === 5)
          )
          assert.isTrue((yield* admin.listTopics).some((topic) => topic.name === name && !topic.internal))
          yield* admin.deleteTopic(name)
          yield* world.until("it is gone", Effect.map(admin.describeTopics([name]), (topics) => topics.length === 0))
          assert.strictEqual(reasonOf(yield* Effect.flip(admin.deleteTopic(name))), "UnknownTopic")
          assert.deepStrictEqual(yield* admin.describeTopics([world.name("nowhere")]), [])
        })
    ),
    scenario("says which topic a new one collides with", ["topics admin"], (world) =>
      Effect.gen(function*() {
        const admin = yield* adminOf
        const name = yield* world.topic(1, { name: `${world.name("topic")}.dotted` })
        const error = yield* Effect.flip(admin.createTopic({ name: name.replace(".dotted", "_dotted"), partitions: 1 }))
        assert.strictEqual(reasonOf(error), "BrokerError")
        assert.include(error.message, "collides")
        assert.include(error.message, name)
      })),
    scenario("finds offsets: of both ends, and by time", ["topics admin"], (world) =>
      Effect.gen(function*() {
        const admin = yield* adminOf
        const topic = yield* world.topic(2)
        const start = Date.now() - 100_000
        yield* Producer.sendAll(
          textTopic(topic),
          Array.from(
            { length: 10 },
            (_, i) => ({ key: null, value: String(i), partition: 0, timestamp: start + i * 1_000 })
          )
        )
        const both = [{ topic, partition: 0 }, { topic, partition: 1 }]
        const at = (spec: "earliest" | "latest" | { readonly timestamp: number }) =>
          Effect.map(admin.listOffsets(both, spec), (all) =>
            [...all].sort((a, b) => a.partition - b.partition).map(({ offset }) => offset))
        assert.deepStrictEqual(yield* at("earliest"), [0, 0])
        assert.deepStrictEqual(yield* at("latest"), [10, 0])
        assert.deepStrictEqual(yield* at({ timestamp: start + 3_500 }), [4, 0])
        assert.deepStrictEqual(yield* at({ timestamp: start - 1 }), [0, 0])
        assert.deepStrictEqual(yield* at({ timestamp: start + 1_000_000_000 }), [10, 0])
      })),
    scenario(
      "tells of each topic and partition once, however often it is named",
      ["topics admin"],
      (world) =>
        Effect.gen(function*() {
          const admin = yield* adminOf
          const topic = yield* world.topic(2)
          const twice = yield* admin.describeTopics([topic, topic])
          assert.deepStrictEqual(twice.map(({ name }) => name), [topic])
          const partitions = [{ topic, partition: 1 }, { topic, partition: 0 }, { topic, partition: 1 }]
          for (const spec of ["earliest", "latest", { timestamp: 1 }] as const) {
            assert.lengthOf(yield* admin.listOffsets(partitions, spec), 2)
          }
        })
    ),
    scenario("deletes records before an offset", ["records admin"], (world) =>
      Effect.gen(function*() {
        const admin = yield* adminOf
        const topic = yield* world.topic(4)
        const ledger = new Ledger()
        yield* produce(topic, 0, 40, 4)
        yield* admin.deleteRecords([{ topic, partition: 1, offset: 6 }])
        const [earliest] = yield* admin.listOffsets([{ topic, partition: 1 }], "earliest")
        assert.strictEqual(earliest!.offset, 6)
        const member = yield* join(world, {
          group: world.name("group"),
          topics: [topic],
          ledger,
          settings: { until: "end" }
        })
        assert.isUndefined(yield* member.ended)
        assert.strictEqual(ledger.handled.length, 34)
        const error = yield* Effect.flip(admin.deleteRecords([{ topic, partition: 1, offset: 1_000 }]))
        assert.strictEqual(reasonOf(error), "OffsetOutOfRange")
      })),
    scenario(
      "lists and describes groups, reads and changes their offsets, and deletes them",
      ["groups admin"],
      (world) =>
        Effect.gen(function*() {
          const admin = yield* adminOf
          const topic = yield* world.topic(4)
          const group = world.name("group")
          const ledger = new Ledger()
          yield* produce(topic, 0, 40, 4)
          assert.deepStrictEqual(yield* admin.groupOffsets(group), [])
          assert.deepStrictEqual(yield* admin.describeGroups([group]), [])
          const member = yield* join(world, { group, topics: [topic], ledger })
          yield* world.until("all are handled", Effect.sync(() => ledger.handled.length === 40))
          const [described] = yield* admin.describeGroups([group])
          assert.strictEqual(described!.groupId, group)
          assert.strictEqual(described!.state, "Stable")
          assert.lengthOf(described!.members, 1)
          assert.lengthOf(described!.members[0]!.assignment, 4)
          assert.isTrue((yield* admin.listGroups).some(({ groupId }) => groupId === group))
          const busy = yield* Effect.flip(admin.alterGroupOffsets(group, [{ topic, partition: 0, offset: 0 }]))
          assert.strictEqual(busy._tag, "KafkaError")
          yield* member.stop
          yield* admin.alterGroupOffsets(group, [{ topic, partition: 0, offset: 7 }, {
            topic,
            partition: 1,
            offset: 0
          }])
          const offsets = yield* admin.groupOffsets(group)
          assert.deepStrictEqual(
            [...offsets].sort((a, b) => a.partition - b.partition).map(({ offset }) => offset),
            [7, 0, 10, 10]
          )
          const again = new Ledger()
          const second = yield* join(world, { group, topics: [topic], ledger: again, settings: { until: "end" } })
          assert.isUndefined(yield* second.ended)
          assert.strictEqual(again.handled.length, 13)
          yield* world.until(
            "the group is empty",
            Effect.map(admin.describeGroups([group]), ([one]) => one === undefined || one.members.length === 0)
          )
          yield* admin.deleteGroup(group)
          assert.deepStrictEqual(yield* admin.groupOffsets(group), [])
        })
    ),
    scenario("reads and changes the settings of a topic", ["configs admin"], (world) =>
      Effect.gen(function*() {
        const admin = yield* adminOf
        const topic = yield* world.topic(2, { config: { "retention.ms": "3600000" } })
        assert.deepInclude(yield* admin.describeConfigs(topic), { "retention.ms": "3600000" })
        yield* admin.alterConfigs(topic, { "retention.ms": "7200000", "cleanup.policy": "compact" })
        assert.deepInclude(yield* admin.describeConfigs(topic), {
          "retention.ms": "7200000",
          "cleanup.policy": "compact"
        })
        yield* admin.alterConfigs(topic, { "cleanup.policy": null })
        assert.deepInclude(yield* admin.describeConfigs(topic), { "cleanup.policy": "delete" })
      }))
  ]
}
