import { assert } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { Codec, Consumer, OnFailure, Producer, Topic } from "millrace"
import { randomBytes } from "node:crypto"
import type { Group } from "../harness.ts"
import { scenario } from "../harness.ts"
import { Ledger } from "../ledger.ts"
import { join, produce, reasonOf, runMember, textTopic } from "../members.ts"

const broken = new Uint8Array([0xff, 0xfe, 0xfd])

export const errors: Group = {
  title: "an error",
  scenarios: [
    scenario(
      "RecordTooLarge is what a record over the limit gets, and the others are sent",
      [],
      (world) =>
        Effect.gen(function*() {
          const topic = textTopic(yield* world.topic(4))
          const large = { key: null, value: "x".repeat(1_100_000) }
          const error = yield* Effect.flip(Producer.send(topic, large))
          assert.strictEqual(reasonOf(error), "RecordTooLarge")
          assert.deepInclude((error as any).reason, { topic: topic.name })
          const fits = yield* Producer.send(topic, { key: null, value: "x".repeat(900_000) })
          assert.isAtLeast(fits.offset, 0)
        })
    ),
    scenario("RecordTooLarge is what a topic's own limit gives", ["topics admin"], (world) =>
      Effect.gen(function*() {
        const topic = textTopic(yield* world.topic(4, { config: { "max.message.bytes": "1000" } }))
        // What compresses well may be larger.
        const random = randomBytes(4_000).toString("hex")
        const error = yield* Effect.flip(Producer.send(topic, { key: null, value: random }))
        assert.strictEqual(reasonOf(error), "RecordTooLarge")
      })),
    scenario("UnknownTopic is what sending to nowhere gets", ["topics admin"], (world) =>
      Effect.gen(function*() {
        const topic = textTopic(world.name("nowhere"))
        const fiber = yield* Effect.forkScoped(Effect.flip(Producer.send(topic, { key: null, value: "x" })))
        yield* world.until("it failed", Effect.sync(() => fiber.pollUnsafe() !== undefined))
        const exit = fiber.pollUnsafe()!
        assert.strictEqual(exit._tag === "Success" ? reasonOf(exit.value) : exit._tag, "UnknownTopic")
      })),
    scenario("UnknownTopic names the partition that a topic does not have", [], (world) =>
      Effect.gen(function*() {
        const topic = textTopic(yield* world.topic(4))
        const there = yield* Producer.send(topic, { key: null, value: "x", partition: 3 })
        assert.strictEqual(there.partition, 3)
        const fiber = yield* Effect.forkScoped(
          Effect.flip(Producer.send(topic, { key: null, value: "x", partition: 7 }))
        )
        yield* world.until("it failed", Effect.sync(() => fiber.pollUnsafe() !== undefined))
        const exit: any = fiber.pollUnsafe()!
        assert.deepInclude(exit.value.reason, { _tag: "UnknownTopic", topic: topic.name, partition: 7 })
        assert.include(exit.value.message, `topic "${topic.name}" has no partition 7`)
      })),
    scenario(
      "InvalidRecord is what a timestamp that the broker refuses gets",
      ["topics admin"],
      (world) =>
        Effect.gen(function*() {
          const topic = textTopic(yield* world.topic(1))
          const message = { key: null, value: "x" }
          const hour = 3_600_000
          const error = yield* Effect.flip(Producer.send(topic, { ...message, timestamp: Date.now() + 25 * hour }))
          assert.strictEqual(reasonOf(error), "InvalidRecord")
          assert.include(error.message, `topic "${topic.name}" cannot be sent: the broker refuses its timestamp`)
          assert.isAtLeast((yield* Producer.send(topic, { ...message, timestamp: Date.now() + hour / 2 })).offset, 0)
        })
    ),
    scenario(
      "InvalidRecord is what a record without a key gets from a compacted topic",
      ["topics admin"],
      (world) =>
        Effect.gen(function*() {
          const topic = textTopic(yield* world.topic(1, { config: { "cleanup.policy": "compact" } }))
          const error = yield* Effect.flip(Producer.send(topic, { key: null, value: "x" }))
          assert.strictEqual(reasonOf(error), "InvalidRecord")
          assert.isAtLeast((yield* Producer.send(topic, { key: "k", value: "x" })).offset, 0)
        })
    ),
    scenario(
      "InvalidRecord is what nothing but a text, a pair of bytes, or a name gets",
      [],
      (world) =>
        Effect.gen(function*() {
          const topic = textTopic(yield* world.topic(1))
          const odd: ReadonlyArray<any> = [
            { key: null, value: undefined },
            { key: null, value: null },
            { key: "\ud800", value: "x" },
            { key: null, value: "x", headers: [["a\0b", null]] },
            { key: null, value: "x", headers: { h: 5 } }
          ]
          for (const message of odd) {
            assert.strictEqual(reasonOf(yield* Effect.flip(Producer.send(topic, message))), "InvalidRecord")
          }
          assert.strictEqual((yield* Producer.send(topic, { key: null, value: "x", partition: 0 })).offset, 0)
        })
    ),
    scenario(
      "AuthorizationFailed is what a forbidden topic gives to producers and consumers",
      ["authorization"],
      (world) =>
        Effect.gen(function*() {
          const { engine, topic } = yield* world.forbidden
          const sending = yield* Effect.forkScoped(
            Effect.flip(Producer.send(textTopic(topic), { key: null, value: "x" })).pipe(Effect.provide(engine))
          )
          yield* world.until("it failed", Effect.sync(() => sending.pollUnsafe() !== undefined))
          const exit = sending.pollUnsafe()!
          assert.strictEqual(exit._tag === "Success" ? reasonOf(exit.value) : exit._tag, "AuthorizationFailed")
        })
    ),
    scenario(
      "of the codecs is poison: the policy decides, and a skipped record is committed",
      [],
      (world) =>
        Effect.gen(function*() {
          const topic = yield* world.topic(4)
          const group = world.name("group")
          const ledger = new Ledger()
          yield* produce(topic, 0, 8, 4)
          yield* world.foreignProduce([{ topic, partition: 1, key: null, value: broken }, {
            topic,
            partition: 1,
            key: null,
            value: null
          }])
          yield* produce(topic, 8, 16, 4)
          const kinds: Array<string> = []
          const onFailure = OnFailure.make((failure) =>
            Effect.sync(() => {
              kinds.push(`${failure.kind} ${failure.record.partition}@${failure.record.offset} ${failure.attempts}`)
              return OnFailure.skip
            })
          )
          const member = yield* join(world, { group, topics: [topic], ledger, onFailure })
          yield* world.until("all others are handled", Effect.sync(() => ledger.handled.length === 16))
          yield* member.stop
          assert.deepStrictEqual(kinds, ["poison 1@2 0", "poison 1@3 0"])
          const committed = yield* world.committed(group, topic)
          assert.strictEqual(committed.find(({ partition }) => partition === 1)?.offset, 6)
        })
    ),
    scenario(
      "of the codecs stops the consumer at the record when the policy says stop",
      [],
      (world) =>
        Effect.gen(function*() {
          const topic = yield* world.topic(4)
          const group = world.name("group")
          yield* produce(topic, 0, 8, 4)
          yield* world.foreignProduce([{ topic, partition: 1, key: null, value: broken }])
          const source = Topic.make(topic, { key: Codec.none, value: Codec.string })
          const member = yield* runMember(
            world,
            Consumer.make(group, {
              offsetReset: "earliest",
              ...world.settings,
              onFailure: OnFailure.stop,
              handlers: [Topic.handle(source, () => Effect.void)]
            })
          )
          const error = yield* member.ended
          assert.deepInclude(error, { _tag: "HandlerFailed", topic, partition: 1, offset: 2 })
          const committed = yield* world.committed(group, topic)
          assert.strictEqual(committed.find(({ partition }) => partition === 1)?.offset, 2)
        })
    ),
    scenario(
      "of a handler that is skipped, typed or a defect, is an outcome of the stream",
      [],
      (world) =>
        Effect.gen(function*() {
          const topic = yield* world.topic(4)
          const group = world.name("group")
          const ledger = new Ledger()
          yield* produce(topic, 0, 20, 4)
          const member = yield* join(world, {
            group,
            topics: [topic],
            ledger,
            onFailure: OnFailure.skip,
            work: ({ value }) => value === "4" ? Effect.fail("typed") : value === "5" ? Effect.die("bug") : Effect.void
          })
          yield* world.until("all others are handled", Effect.sync(() => ledger.handled.length === 18))
          yield* member.stop
          const committed = yield* world.committed(group, topic)
          assert.deepStrictEqual(committed.map(({ offset }) => offset), [5, 5, 5, 5])
        })
    )
  ]
}
