import { assert, describe, it } from "@effect/vitest"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as TestClock from "effect/testing/TestClock"
import { InMemoryKafka } from "../../../src/engine/InMemoryKafka.ts"
import * as KafkaEngine from "../../../src/engine/KafkaEngine.ts"
import type { KafkaError } from "../../../src/KafkaError.ts"
import { bytes, open, values } from "./owner.ts"

const adminClient = Effect.flatMap(KafkaEngine.Service, (engine) => engine.admin)

const reasonOf = <A>(effect: Effect.Effect<A, KafkaError>): Effect.Effect<string> =>
  Effect.match(effect, {
    onFailure: ({ reason }) => reason._tag === "BrokerError" ? reason.name : reason._tag,
    onSuccess: () => "none"
  })

const tp = { topic: "t", partition: 0 }

describe("the admin client", () => {
  it.effect("makes, describes, grows and deletes topics", () =>
    Effect.gen(function*() {
      const admin = yield* adminClient
      yield* admin.createTopic({ name: "t", partitions: 2, replicationFactor: 2 })
      yield* admin.createTopic({ name: "__hidden", partitions: 1 })
      assert.deepStrictEqual((yield* admin.listTopics).map(({ internal, name }) => [name, internal]), [
        ["t", false],
        ["__hidden", true]
      ])
      const [topic, ...rest] = yield* admin.describeTopics(["t", "nowhere"])
      assert.deepStrictEqual(rest, [])
      assert.deepStrictEqual(topic!.partitions[1], { partition: 1, leader: 0, replicas: [0, 1], inSync: [0, 1] })
      yield* admin.createPartitions("t", 5)
      assert.lengthOf((yield* admin.describeTopics(["t"]))[0]!.partitions, 5)
      assert.strictEqual(yield* reasonOf(admin.createPartitions("t", 5)), "INVALID_PARTITIONS")
      assert.strictEqual(yield* reasonOf(admin.createPartitions("nowhere", 5)), "UnknownTopic")
      assert.strictEqual(yield* reasonOf(admin.createTopic({ name: "t", partitions: 1 })), "TopicExists")
      assert.strictEqual(yield* reasonOf(admin.createTopic({ name: "a b", partitions: 1 })), "INVALID_TOPIC_EXCEPTION")
      assert.strictEqual(yield* reasonOf(admin.createTopic({ name: "u", partitions: 0 })), "INVALID_PARTITIONS")
      yield* admin.deleteTopic("t")
      assert.strictEqual(yield* reasonOf(admin.deleteTopic("t")), "UnknownTopic")
      assert.lengthOf(yield* admin.listTopics, 1)
    }).pipe(Effect.provide(InMemoryKafka.layer)))

  it.effect("keeps settings of topics, and refuses wrong ones", () =>
    Effect.gen(function*() {
      const admin = yield* adminClient
      yield* admin.createTopic({ name: "t", partitions: 1, config: { "retention.ms": "5" } })
      assert.deepInclude(yield* admin.describeConfigs("t"), { "retention.ms": "5", "cleanup.policy": "delete" })
      yield* admin.alterConfigs("t", { "retention.ms": null, "cleanup.policy": "compact,delete" })
      const configs = yield* admin.describeConfigs("t")
      assert.deepInclude(configs, { "retention.ms": "604800000", "cleanup.policy": "compact,delete" })
      for (const wrong of [{ "retention.ms": "soon" }, { "no.such": "1" }, { "cleanup.policy": "burn" }]) {
        assert.strictEqual(yield* reasonOf(admin.alterConfigs("t", wrong)), "INVALID_CONFIG")
      }
      assert.deepStrictEqual(yield* admin.describeConfigs("t"), configs)
      assert.strictEqual(yield* reasonOf(admin.describeConfigs("nowhere")), "UnknownTopic")
    }).pipe(Effect.provide(InMemoryKafka.layer)))

  it.effect("tells offsets by end and by time, and deletes records", () =>
    Effect.gen(function*() {
      const kafka = yield* InMemoryKafka
      const admin = yield* adminClient
      for (const timestamp of [10, 20, 30]) {
        yield* kafka.produce({ topic: "t", partition: 0, value: bytes(`${timestamp}`), timestamp })
      }
      const client = yield* (yield* KafkaEngine.Service).transactional("tx")
      yield* client.begin
      client.produce({ ...tp, key: null, value: null, timestamp: 40 }, () => {})
      yield* client.flush(Duration.seconds(1))
      const at = (spec: Parameters<typeof admin.listOffsets>[1], isolation?: "read_committed") =>
        Effect.map(admin.listOffsets([tp], spec, isolation), ([position]) => position!.offset)
      assert.strictEqual(yield* at("earliest"), 0)
      assert.strictEqual(yield* at("latest"), 4)
      assert.strictEqual(yield* at("latest", "read_committed"), 3)
      assert.strictEqual(yield* at({ timestamp: 11 }), 1)
      assert.strictEqual(yield* at({ timestamp: 31 }), 3)
      assert.strictEqual(yield* at({ timestamp: 41 }), 4)
      yield* admin.deleteRecords([{ ...tp, offset: 2 }])
      assert.strictEqual(yield* at("earliest"), 2)
      assert.deepStrictEqual(values(yield* kafka.records("t")), ["30"])
      assert.strictEqual(yield* reasonOf(admin.deleteRecords([{ ...tp, offset: 9 }])), "OffsetOutOfRange")
      assert.strictEqual(yield* reasonOf(admin.listOffsets([{ topic: "t", partition: 9 }], "latest")), "UnknownTopic")
    }).pipe(Effect.provide(InMemoryKafka.layer)))

  it.effect("shows groups, and changes only those without members", () =>
    Effect.gen(function*() {
      const kafka = yield* InMemoryKafka
      const admin = yield* adminClient
      yield* kafka.produce({ topic: "t", partition: 0, value: bytes("a") })
      const owner = yield* open({ config: { groupProtocol: "consumer", groupInstanceId: "one" } })
      yield* owner.answer("assign")
      assert.deepStrictEqual(yield* admin.listGroups, [{ groupId: "g", state: "Stable", protocol: "consumer" }])
      const [group, ...others] = yield* admin.describeGroups(["g", "nobody"])
      assert.deepInclude(group!.members[0], { clientId: "millrace", groupInstanceId: "one" })
      assert.lengthOf(group!.members[0]!.assignment, 3)
      assert.deepStrictEqual(others, [])
      const positions = [{ ...tp, offset: 1 }]
      assert.strictEqual(yield* reasonOf(admin.alterGroupOffsets("g", positions)), "NON_EMPTY_GROUP")
      assert.strictEqual(yield* reasonOf(admin.deleteGroup("g")), "NON_EMPTY_GROUP")
      yield* kafka.leave("g", group!.members[0]!.memberId)
      yield* admin.alterGroupOffsets("g", positions)
      assert.deepStrictEqual((yield* admin.groupOffsets("g")).map(({ offset }) => offset), [1])
      yield* admin.deleteTopic("t")
      assert.deepStrictEqual(yield* admin.groupOffsets("g"), [])
      yield* admin.deleteGroup("g")
      assert.strictEqual(yield* reasonOf(admin.deleteGroup("g")), "GROUP_ID_NOT_FOUND")
      assert.deepStrictEqual(yield* admin.groupOffsets("nobody"), [])
      assert.deepStrictEqual(yield* admin.listGroups, [])
    }).pipe(Effect.provide(InMemoryKafka.layer)))

  it.effect("waits for a broker that is down, 30 seconds at most", () =>
    Effect.gen(function*() {
      const kafka = yield* InMemoryKafka
      const admin = yield* adminClient
      yield* kafka.broker("down")
      const asking = yield* Effect.forkChild(reasonOf(admin.listTopics))
      yield* TestClock.adjust("30 seconds")
      assert.strictEqual(yield* Fiber.join(asking), "BrokerUnreachable")
      const patient = yield* Effect.forkChild(reasonOf(admin.listTopics))
      yield* TestClock.adjust("29 seconds")
      yield* kafka.broker("up")
      assert.strictEqual(yield* Fiber.join(patient), "none")
    }).pipe(Effect.provide(InMemoryKafka.layer)))
})

describe("retention and compaction", () => {
  it.effect("happen on demand, as the topic's settings say", () =>
    Effect.gen(function*() {
      const kafka = yield* InMemoryKafka
      const admin = yield* adminClient
      yield* admin.createTopic({ name: "t", partitions: 1, config: { "retention.ms": "60000" } })
      yield* admin.createTopic({ name: "c", partitions: 1, config: { "cleanup.policy": "compact" } })
      for (const topic of ["t", "c"]) {
        for (const text of ["1", "2"]) yield* kafka.produce({ topic, key: bytes("k"), value: bytes(text) })
      }
      yield* TestClock.adjust("2 minutes")
      yield* kafka.produce({ topic: "t", key: bytes("k"), value: bytes("3") })
      assert.strictEqual(yield* kafka.retain, 2)
      assert.deepStrictEqual(values(yield* kafka.records("t")), ["3"])
      assert.strictEqual(yield* kafka.compact("c"), 1)
      const owner = yield* open({ topics: ["c"] })
      yield* owner.answer("assign")
      const [chunk] = owner.client.poll(10, 100)
      assert.deepStrictEqual(chunk!.records.map(({ offset }) => offset), [1])
    }).pipe(Effect.provide(InMemoryKafka.layer)))
})
