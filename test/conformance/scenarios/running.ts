import { assert } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schedule from "effect/Schedule"
import * as Stream from "effect/Stream"
import { Codec, Consumer, ConsumerControl, Health, OnFailure, Topic } from "millrace"
import type { Outcome } from "millrace"
import type { Group } from "../harness.ts"
import { scenario } from "../harness.ts"
import { Ledger } from "../ledger.ts"
import { join, produce, runMember, textTopic } from "../members.ts"

const isolated = Layer.mergeAll(
  Layer.sync(ConsumerControl.Registry, () => new Set()),
  Layer.sync(Health.Registry, () => new Set())
)

export const running: Group = {
  title: "a consumer",
  scenarios: [
    scenario("as a stream tells what became of every record, a step at a time", [], (world) =>
      Effect.gen(function*() {
        const topic = yield* world.topic(4)
        const group = world.name("group")
        yield* produce(topic, 0, 100, 4)
        const consumer = Consumer.make(group, {
          offsetReset: "earliest",
          ...world.settings,
          until: "end",
          onFailure: OnFailure.skip,
          handlers: [
            Topic.handle(textTopic(topic), ({ value }) => value === "50" ? Effect.fail("no") : Effect.void)
          ]
        })
        const steps: ReadonlyArray<Outcome.OutcomeBatch> = yield* Stream.runCollect(Consumer.outcomeBatches(consumer))
        const next = new Map<number, number>()
        for (const step of steps) {
          assert.strictEqual(step.topic, topic)
          assert.strictEqual(step.from, next.get(step.partition) ?? 0)
          next.set(step.partition, step.to + 1)
        }
        assert.deepStrictEqual([...next].sort(), [[0, 25], [1, 25], [2, 25], [3, 25]])
        assert.strictEqual(steps.reduce((sum, step) => sum + step.handled, 0), 99)
        const exceptions = steps.flatMap((step) => step.exceptions.map((one) => [step.partition, one.offset, one._tag]))
        assert.deepStrictEqual(exceptions, [[2, 12, "Skipped"]])
      })),
    scenario("as a stream that is left early commits what was handled", [], (world) =>
      Effect.gen(function*() {
        const topic = yield* world.topic(4)
        const group = world.name("group")
        const ledger = new Ledger()
        yield* produce(topic, 0, 100, 4)
        const handler = ledger.handler("a", { dead: false }, () => Effect.void, false)
        const consumer = Consumer.make(group, {
          offsetReset: "earliest",
          ...world.settings,
          chunkRecords: 5,
          bufferRecords: 20,
          onFailure: OnFailure.stop,
          handlers: [Topic.handle(textTopic(topic), handler)]
        })
        yield* Stream.runDrain(Stream.take(Consumer.outcomeBatches(consumer), 2))
        const committed = yield* world.committed(group, topic)
        assert.deepStrictEqual(ledger.tooFar(committed), [])
        assert.strictEqual(committed.reduce((sum, { offset }) => sum + offset, 0), ledger.handled.length)
        const member = yield* join(world, { group, topics: [topic], ledger, name: "b" })
        yield* world.until("all are handled", Effect.sync(() => ledger.distinct === 100))
        yield* member.stop
        assert.deepStrictEqual(ledger.duplicates, [])
      })),
    scenario(
      "as a layer starts when the cluster comes up later, and again after it was away",
      ["network"],
      (world) =>
        Effect.gen(function*() {
          const network = yield* world.network
          const topic = yield* world.topic(4)
          const group = world.name("group")
          const ledger = new Ledger()
          const handler = ledger.handler("a", { dead: false }, () => Effect.void, false)
          const consumer = Consumer.make(group, {
            offsetReset: "earliest",
            ...world.settings,
            restart: Schedule.spaced(200),
            onFailure: OnFailure.stop,
            handlers: [Topic.handle(textTopic(topic), handler)]
          })
          yield* produce(topic, 0, 20, 4)
          yield* network.down
          yield* Effect.gen(function*() {
            yield* Layer.build(Consumer.layer(consumer))
            yield* world.advance(world.slowMillis)
            assert.deepStrictEqual(ledger.handled, [])
            yield* network.up
            yield* world.until("all are handled", Effect.sync(() => ledger.handled.length === 20))
            const [health] = yield* Health.all
            assert.deepInclude(health, { group, status: "running", healthy: true })
            yield* network.down
            yield* world.advance(world.slowMillis)
            yield* network.up
            yield* produce(topic, 20, 40, 4)
            yield* world.until("the next ones are handled", Effect.sync(() => ledger.distinct === 40))
          }).pipe(Effect.scoped, Effect.provide(isolated), Effect.provide(network.engine))
          assert.deepStrictEqual(ledger.disorder(), [])
          const committed = yield* world.committed(group, topic)
          assert.deepStrictEqual(committed.map(({ offset }) => offset), [10, 10, 10, 10])
        })
    ),
    scenario(
      "as a layer holds the partition that stopped, and the others go on",
      [],
      (world) =>
        Effect.gen(function*() {
          const topic = yield* world.topic(4)
          const group = world.name("group")
          const ledger = new Ledger()
          let broken = true
          const work = ({ value }: { readonly value: string }) =>
            value === "4" && broken ? Effect.fail("no") : Effect.void
          const consumer = Consumer.make(group, {
            offsetReset: "earliest",
            ...world.settings,
            onFailure: OnFailure.stop,
            handlers: [Topic.handle(textTopic(topic), ledger.handler("a", { dead: false }, work, false))]
          })
          yield* produce(topic, 0, 40, 4)
          yield* Effect.gen(function*() {
            yield* Layer.build(Consumer.layer(consumer))
            yield* world.until("the others are handled", Effect.sync(() => ledger.handled.length === 31))
            const [health] = yield* Health.all
            assert.strictEqual(health!.healthy, false)
            assert.deepInclude(health!.held[0], { topic, partition: 0, offset: 1 })
            broken = false
            const [control] = yield* ConsumerControl.find(group)
            yield* control!.seek({ topic, partition: 0, offset: 1 })
            yield* world.until("all are handled", Effect.sync(() => ledger.handled.length === 40))
          }).pipe(Effect.scoped, Effect.provide(isolated))
          assert.deepStrictEqual(ledger.disorder(), [])
          assert.deepStrictEqual(ledger.duplicates, [])
        })
    ),
    scenario(
      "that reads to the end has nothing to do where its pattern matches nothing",
      [],
      (world) =>
        Effect.gen(function*() {
          const nowhere = Topic.pattern(new RegExp(`${world.name("nowhere")}-.*`), {
            key: Codec.nullable(Codec.string),
            value: Codec.string
          })
          const consumer = Consumer.make(world.name("group"), {
            offsetReset: "earliest",
            ...world.settings,
            until: "end",
            onFailure: OnFailure.stop,
            handlers: [Topic.handle(nowhere, () => Effect.void)]
          })
          const member = yield* runMember(world, consumer)
          assert.isUndefined(yield* member.ended)
        })
    ),
    scenario(
      "that reads to the end leaves nothing unread with others of its kind",
      ["any partition count", "groups admin"],
      (world) =>
        Effect.gen(function*() {
          const count = 6
          const topic = yield* world.topic(2 * count)
          const group = world.name("group")
          const ledger = new Ledger()
          yield* produce(topic, 0, 6 * count, 2 * count)
          // Partitions are on their way from one member to the next while others are done already.
          const members = yield* Effect.forEach(Array.from({ length: count }, (_, i) => `m${i}`), (name, i) =>
            join(world, {
              group,
              topics: [topic],
              ledger,
              name,
              settings: { until: "end" },
              work: () =>
                Effect.sleep(world.slowMillis * i / 5)
            }))
          for (const member of members) {
            assert.isUndefined(yield* member.ended)
          }
          assert.strictEqual(ledger.distinct, 6 * count)
          const committed = yield* world.committed(group, topic)
          assert.deepStrictEqual(
            committed.map(({ offset }) =>
              offset
            ),
            Array.from({ length: 2 * count }, () => 3)
          )
        })
    ),
    scenario(
      "that reads to the end has nothing to do where others have everything",
      ["any partition count", "groups admin"],
      (world) =>
        Effect.gen(function*() {
          const topic = yield* world.topic(1)
          const group = world.name("group")
          const ledger = new Ledger()
          const first = yield* join(world, { group, topics: [topic], ledger, settings: {} })
          yield* world.until("it is assigned", Effect.map(first.assignment, (all) => all.length === 1))
          const spare = yield* join(world, { group, topics: [topic], ledger, name: "b", settings: { until: "end" } })
          assert.isUndefined(yield* spare.ended)
          yield* produce(topic, 0, 10, 1)
          yield* world.until("the rest is handled", Effect.sync(() => ledger.handled.length === 10))
          yield* first.stop
        })
    ),
    scenario(
      "that reads to the end has nothing to do as a spare member",
      ["classic groups", "any partition count"],
      (world) =>
        Effect.gen(function*() {
          const topic = yield* world.topic(1)
          const group = world.name("group")
          const settings = { groupProtocol: "classic" } as const
          const ledger = new Ledger()
          const first = yield* join(world, { group, topics: [topic], ledger, settings })
          yield* world.until("it is assigned", Effect.map(first.assignment, (all) => all.length === 1))
          const spares = yield* Effect.forEach(["b", "c"], (name) =>
            join(world, { group, topics: [topic], ledger, name, settings: { ...settings, until: "end" } }))
          // With an eager assignor the partition moves: the one that has it reads it to its end.
          for (const spare of spares) {
            assert.isUndefined(yield* spare.ended)
          }
          yield* produce(topic, 0, 10, 1)
          yield* world.until(
            "the rest is handled",
            Effect.sync(() =>
              ledger.handled.length === 10
            )
          )
          yield* first.stop
        })
    )
  ]
}
