import { assert } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as KafkaEngine from "../../../src/engine/KafkaEngine.ts"
import type { Group, World } from "../harness.ts"
import { scenario } from "../harness.ts"
import { Ledger } from "../ledger.ts"
import { join, produce, reasonOf, share, sorted, texts } from "../members.ts"

const partitions = 4
const adminOf = Effect.flatMap(KafkaEngine.Service, (engine) => engine.admin)

/** A group whose position in partition 0 was removed from the log. */
const behind = Effect.fnUntraced(function*(world: World) {
  const topic = yield* world.topic(partitions)
  const group = world.name("group")
  yield* produce(topic, 0, 80, partitions)
  const first = yield* join(world, {
    group,
    topics: [topic],
    ledger: new Ledger(),
    work: ({ offset, partition }) => partition === 0 && offset === 5 ? Effect.fail("stop here") : Effect.void
  })
  yield* first.ended
  yield* (yield* adminOf).deleteRecords([{ topic, partition: 0, offset: 12 }])
  return { topic, group }
})

export const positions: Group = {
  title: "the position",
  scenarios: [
    scenario("of a new group is the beginning with offsetReset earliest", [], (world) =>
      Effect.gen(function*() {
        const topic = yield* world.topic(partitions)
        const ledger = new Ledger()
        yield* produce(topic, 0, 20, partitions)
        const member = yield* join(world, { group: world.name("group"), topics: [topic], ledger })
        yield* world.until("all are handled", Effect.sync(() => ledger.handled.length === 20))
        yield* member.stop
        assert.deepStrictEqual(sorted(ledger.values), texts(0, 20))
      })),
    scenario("of a new group is the end with offsetReset latest", [], (world) =>
      Effect.gen(function*() {
        const topic = yield* world.topic(partitions)
        const ledger = new Ledger()
        yield* produce(topic, 0, 20, partitions)
        const member = yield* join(world, {
          group: world.name("group"),
          topics: [topic],
          ledger,
          settings: { offsetReset: "latest" }
        })
        yield* world.until("it is assigned", Effect.map(member.assignment, (all) => all.length === partitions))
        // The position is looked up after the assignment: what is sent until then is before it.
        let sent = 20
        yield* world.until(
          "all partitions are read",
          Effect.suspend(() =>
            Effect.as(
              produce(topic, sent, sent += partitions, partitions),
              new Set(ledger.handled.map(({ partition }) => partition)).size === partitions
            )
          )
        )
        yield* world.until("the last is handled", Effect.sync(() => ledger.values.includes(String(sent - 1))))
        yield* member.stop
        assert.isAtLeast(Math.min(...ledger.values.map(Number)), 20)
      })),
    scenario("of a new group is an error with offsetReset none", [], (world) =>
      Effect.gen(function*() {
        const topic = yield* world.topic(partitions)
        const group = world.name("group")
        const ledger = new Ledger()
        yield* produce(topic, 0, 20, partitions)
        const member = yield* join(world, { group, topics: [topic], ledger, settings: { offsetReset: "none" } })
        const error = yield* member.ended
        assert.strictEqual(reasonOf(error), "NoOffset")
        assert.deepInclude((error as any).reason, { group, topic })
        assert.deepStrictEqual(ledger.handled, [])
      })),
    ...(["earliest", "latest", "none"] as const).map((offsetReset) =>
      scenario(`out of range follows offsetReset ${offsetReset}`, ["records admin"], (world) =>
        Effect.gen(function*() {
          const { group, topic } = yield* behind(world)
          const ledger = new Ledger()
          const member = yield* join(world, { group, topics: [topic], ledger, settings: { offsetReset } })
          if (offsetReset === "none") {
            const error = yield* member.ended
            assert.strictEqual(reasonOf(error), "OffsetOutOfRange")
            assert.deepInclude((error as any).reason, { topic, partition: 0 })
            return
          }
          const zero = Effect.sync(() => ledger.handled.filter(({ partition }) => partition === 0))
          if (offsetReset === "earliest") {
            yield* world.until("what is left is handled", Effect.map(zero, (all) => all.length === 8))
            assert.strictEqual((yield* zero)[0]!.offset, 12)
          } else {
            let sent = 80
            yield* world.until(
              "new ones are handled",
              Effect.suspend(() =>
                Effect.andThen(
                  produce(topic, sent, sent += partitions, partitions),
                  Effect.map(zero, (all) => all.length > 0)
                )
              )
            )
            assert.isAtLeast((yield* zero)[0]!.offset, 20)
          }
          yield* member.stop
        }))
    ),
    scenario("is moved by seek, back and forth, and the new one is committed", [], (world) =>
      Effect.gen(function*() {
        const topic = yield* world.topic(partitions)
        const group = world.name("group")
        const ledger = new Ledger()
        yield* produce(topic, 0, 40, partitions)
        const member = yield* join(world, { group, topics: [topic], ledger })
        yield* world.until("all are handled", Effect.sync(() => ledger.handled.length === 40))
        const control = yield* member.control
        yield* control.seek({ topic, partition: 1, offset: 7 })
        yield* world.until("three are handled again", Effect.sync(() => ledger.handled.length === 43))
        assert.deepStrictEqual(ledger.handled.slice(40).map(({ offset, partition }) => `${partition}@${offset}`), [
          "1@7",
          "1@8",
          "1@9"
        ])
        yield* control.pause([{ topic, partition: 2 }])
        yield* produce(topic, 40, 60, partitions)
        yield* world.until("the other partitions are handled", Effect.sync(() => ledger.handled.length === 58))
        yield* control.seek({ topic, partition: 2, offset: 13 })
        yield* control.resume([{ topic, partition: 2 }])
        yield* world.until("the last two are handled", Effect.sync(() => ledger.handled.length === 60))
        yield* member.stop
        const committed = yield* world.committed(group, topic)
        assert.deepStrictEqual(committed.map(({ offset }) => offset), [15, 15, 15, 15])
        assert.deepStrictEqual(ledger.handled.slice(-2).map(({ offset }) => offset), [13, 14])
      })),
    scenario("is moved by a seek as soon as there is an assignment", [], (world) =>
      Effect.gen(function*() {
        const topic = yield* world.topic(partitions)
        const ledger = new Ledger()
        yield* produce(topic, 0, 40, partitions)
        const member = yield* join(world, { group: world.name("group"), topics: [topic], ledger })
        const control = yield* member.control
        while ((yield* control.assignment).length < partitions) yield* Effect.yieldNow
        yield* control.seek({ topic, partition: 1, offset: 7 })
        yield* world.until(
          "the end is handled",
          Effect.sync(() => ledger.handled.some(({ offset, partition }) => partition === 1 && offset === 9))
        )
        yield* world.until("the others are handled", Effect.sync(() => ledger.handled.length >= 33))
        yield* member.stop
        const sought = ledger.handled.filter(({ partition }) => partition === 1).slice(-3)
        assert.deepStrictEqual(sought.map(({ offset }) => offset), [7, 8, 9])
      })),
    scenario(
      "goes on in a partition that was paused, given up, and assigned again",
      [],
      (world) =>
        Effect.gen(function*() {
          const topic = yield* world.topic(partitions)
          const ledger = new Ledger()
          const group = world.name("group")
          yield* produce(topic, 0, 40, partitions)
          const first = yield* join(world, { group, topics: [topic], ledger })
          yield* world.until("all are handled", Effect.sync(() => ledger.handled.length === 40))
          const control = yield* first.control
          yield* control.pause(Array.from({ length: partitions }, (_, partition) => ({ topic, partition })))
          const second = yield* join(world, { group, topics: [topic], ledger, name: "b" })
          yield* world.until("they share", share([first, second], partitions))
          const moved = (yield* second.assignment).length
          yield* second.stop
          yield* world.until("one has all", share([first], partitions))
          yield* produce(topic, 40, 80, partitions)
          // In a cooperative group the others stayed, and are paused still.
          yield* world.until("what moved is handled", Effect.sync(() => ledger.handled.length >= 40 + moved * 10))
          yield* control.resume(Array.from({ length: partitions }, (_, partition) => ({ topic, partition })))
          yield* world.until("all are handled", Effect.sync(() => ledger.handled.length === 80))
          yield* first.stop
          assert.deepStrictEqual(ledger.disorder(), [])
          assert.deepStrictEqual(ledger.duplicates, [])
        })
    ),
    scenario("stands still while a partition is paused, and the others go on", [], (world) =>
      Effect.gen(function*() {
        const topic = yield* world.topic(partitions)
        const ledger = new Ledger()
        yield* produce(topic, 0, 40, partitions)
        const member = yield* join(world, { group: world.name("group"), topics: [topic], ledger })
        yield* world.until("all are handled", Effect.sync(() => ledger.handled.length === 40))
        const control = yield* member.control
        yield* control.pause([{ topic, partition: 0 }])
        yield* produce(topic, 40, 80, partitions)
        yield* world.until("the others are handled", Effect.sync(() => ledger.handled.length === 70))
        yield* world.advance(world.slowMillis)
        assert.strictEqual(ledger.handled.length, 70)
        yield* control.resume([{ topic, partition: 0 }])
        yield* world.until("all are handled", Effect.sync(() => ledger.handled.length === 80))
        yield* member.stop
        assert.deepStrictEqual(ledger.disorder(), [])
        assert.deepStrictEqual(ledger.duplicates, [])
      })),
    scenario(
      "reaches the end, and a run until the end is over with everything committed",
      [],
      (world) =>
        Effect.gen(function*() {
          const topic = yield* world.topic(partitions)
          const group = world.name("group")
          const ledger = new Ledger()
          yield* produce(topic, 0, 41, partitions)
          const once = Effect.gen(function*() {
            const member = yield* join(world, { group, topics: [topic], ledger, settings: { until: "end" } })
            assert.isUndefined(yield* member.ended)
          })
          yield* once
          assert.deepStrictEqual(sorted(ledger.values), texts(0, 41))
          const committed = yield* world.committed(group, topic)
          assert.deepStrictEqual(committed.map(({ offset }) => offset).sort(), [10, 10, 10, 11])
          // A second run finds nothing, and ends all the same.
          yield* once
          assert.strictEqual(ledger.handled.length, 41)
        })
    ),
    scenario("reaches the end of an empty topic", [], (world) =>
      Effect.gen(function*() {
        const topic = yield* world.topic(partitions)
        const member = yield* join(world, {
          group: world.name("group"),
          topics: [topic],
          ledger: new Ledger(),
          settings: { until: "end" }
        })
        assert.isUndefined(yield* member.ended)
      }))
  ]
}
