import { assert } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { Codec, Consumer, OnFailure, Producer, Topic } from "millrace"
import * as KafkaEngine from "../../../src/engine/KafkaEngine.ts"
import type { Group } from "../harness.ts"
import { scenario } from "../harness.ts"
import { Ledger } from "../ledger.ts"
import { join, produce, reasonOf, runMember, sorted, texts, textTopic } from "../members.ts"

const adminOf = Effect.flatMap(KafkaEngine.Service, (engine) => engine.admin)

export const topics: Group = {
  title: "topics",
  scenarios: [
    scenario(
      "that match a pattern are followed, also those that appear later",
      ["topics admin"],
      (world) =>
        Effect.gen(function*() {
          const prefix = world.name("audit")
          const [first, other, later] = [`${prefix}.a`, `x${prefix}.a`, `${prefix}.b`]
          yield* world.topic(2, { name: first })
          yield* world.topic(2, { name: other })
          const seen: Array<string> = []
          const source = Topic.pattern(new RegExp(`${prefix}\\.[a-z]`), {
            key: Codec.bytes.pipe(Codec.nullable),
            value: Codec.string
          })
          const consumer = Consumer.make(world.name("group"), {
            offsetReset: "earliest",
            ...world.settings,
            onFailure: OnFailure.stop,
            handlers: [
              Topic.handle(source, (record) => Effect.sync(() => seen.push(`${record.topic}:${record.value}`)))
            ]
          })
          yield* produce(first, 0, 2, 2)
          yield* produce(other, 0, 2, 2)
          const member = yield* runMember(world, consumer)
          yield* world.until("the first is read", Effect.sync(() => seen.length === 2))
          yield* world.topic(2, { name: later })
          yield* produce(later, 0, 2, 2)
          yield* world.until("the later one is read", Effect.sync(() => seen.length === 4))
          yield* member.stop
          assert.deepStrictEqual([...seen].sort(), [`${first}:0`, `${first}:1`, `${later}:0`, `${later}:1`])
        })
    ),
    scenario(
      "that grow are read in their new partitions, from the beginning",
      ["topics admin"],
      (world) =>
        Effect.gen(function*() {
          const topic = yield* world.topic(2)
          const ledger = new Ledger()
          yield* produce(topic, 0, 10, 2)
          const member = yield* join(world, { group: world.name("group"), topics: [topic], ledger })
          yield* world.until("the first are handled", Effect.sync(() => ledger.handled.length === 10))
          yield* (yield* adminOf).createPartitions(topic, 6)
          yield* world.until(
            "the new partitions are there",
            Effect.map(member.assignment, (all) => all.length === 6)
          )
          // The producer knows the topic from before, without its new partitions.
          yield* produce(topic, 10, 70, 6)
          const nowhere = Producer.send(textTopic(topic), { key: null, value: "x", partition: 6 })
          assert.strictEqual(reasonOf(yield* Effect.flip(nowhere)), "UnknownTopic")
          yield* world.until("all are handled", Effect.sync(() => ledger.distinct === 70))
          yield* member.stop
          assert.deepStrictEqual(sorted(new Set(ledger.values)), texts(0, 70))
          assert.deepStrictEqual(ledger.disorder(), [])
          assert.deepStrictEqual(ledger.overlaps, [])
        })
    ),
    scenario(
      "that are deleted and made anew are read from their new beginning",
      ["topics admin"],
      (world) =>
        Effect.gen(function*() {
          const topic = yield* world.topic(2)
          const ledger = new Ledger()
          const admin = yield* adminOf
          const group = world.name("group")
          yield* produce(topic, 0, 10, 2)
          const member = yield* join(world, { group, topics: [topic], ledger })
          yield* world.until("the first are handled", Effect.sync(() => ledger.handled.length === 10))
          yield* admin.deleteTopic(topic)
          yield* world.until("it is gone", Effect.map(admin.describeTopics([topic]), (all) => all.length === 0))
          yield* world.until("it is given up", Effect.map(member.assignment, (all) => all.length === 0))
          // A commit that is on its way would count for the new topic: Kafka knows groups' positions by the topic's
          // name.
          yield* world.advance(world.slowMillis)
          yield* world.until(
            "its positions are gone",
            Effect.map(world.committed(group, topic), (all) => all.length === 0)
          )
          yield* world.topic(2, { name: topic })
          // The producer knows the old topic, and may not learn what became of its first records in the new one.
          yield* Effect.retry(produce(topic, 10, 30, 2), { while: (error) => reasonOf(error) === "Unconfirmed" })
          yield* world.until("the new ones are handled", Effect.sync(() => new Set(ledger.values).size === 30))
          yield* member.stop
          assert.deepStrictEqual(sorted(new Set(ledger.values)), texts(0, 30))
        })
    ),
    scenario("that do not exist are an error at the start", [], (world) =>
      Effect.gen(function*() {
        const topic = world.name("nowhere")
        const member = yield* join(world, { group: world.name("group"), topics: [topic], ledger: new Ledger() })
        const error = yield* member.ended
        assert.strictEqual(reasonOf(error), "UnknownTopic")
        assert.deepInclude((error as any).reason, { topic })
      })),
    scenario(
      "of 300 partitions are read whole, in order, and left in time",
      ["any partition count"],
      (world) =>
        Effect.gen(function*() {
          const topic = yield* world.topic(300)
          const group = world.name("group")
          const ledger = new Ledger()
          yield* produce(topic, 0, 1_500, 300)
          const member = yield* join(world, { group, topics: [topic], ledger, work: () => Effect.sleep(1) })
          yield* world.until("all are handled", Effect.sync(() => ledger.handled.length >= 1_500))
          yield* member.stop
          assert.deepStrictEqual(sorted(ledger.values), texts(0, 1_500))
          assert.deepStrictEqual(ledger.disorder(), [])
          const committed = yield* world.committed(group, topic)
          assert.strictEqual(committed.length, 300)
          assert.isTrue(committed.every(({ offset }) => offset === 5))
        })
    )
  ]
}
