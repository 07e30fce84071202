import { assert } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import type { Handler } from "millrace"
import { Consumer, OnFailure, Topic } from "millrace"
import type { Group, World } from "../harness.ts"
import { scenario } from "../harness.ts"
import { Ledger } from "../ledger.ts"
import { join, produce, runMember, sorted, texts, textTopic } from "../members.ts"

const partitions = 4

const offsets = (world: World, group: string, topic: string) =>
  Effect.map(
    world.committed(group, topic),
    (all) => [...all].sort((a, b) => a.partition - b.partition).map(({ offset }) => offset)
  )

/** Record 0 of the partition is held back while later ones finish: nothing may be committed past it. */
const heldBack = (concurrency: Handler.Concurrency) =>
  Effect.fnUntraced(function*(world: World) {
    const topic = yield* world.topic(partitions)
    const group = world.name("group")
    const ledger = new Ledger()
    yield* produce(topic, 0, 40, partitions)
    const gate = yield* Deferred.make<void>()
    const member = yield* join(world, {
      group,
      topics: [topic],
      ledger,
      concurrency,
      settings: { drainTimeout: 100 },
      work: ({ offset, partition }) => partition === 0 && offset === 2 ? Deferred.await(gate) : Effect.void
    })
    // Keys repeat after 5 records of a partition: with keys, offset 7 waits behind offset 2.
    const blocked = "keys" in (concurrency as object) ? 2 : 1
    yield* world.until("all others are handled", Effect.sync(() => ledger.handled.length === 40 - blocked))
    yield* Effect.flatMap(member.control, (control) => control.commit)
    assert.deepStrictEqual(yield* offsets(world, group, topic), [2, 10, 10, 10])
    yield* member.stop
    assert.deepStrictEqual(yield* offsets(world, group, topic), [2, 10, 10, 10])

    const second = yield* join(world, { group, topics: [topic], ledger, concurrency, name: "b" })
    yield* world.until("the rest is handled", Effect.sync(() => ledger.of("b").length === blocked))
    yield* second.stop
    // What was finished behind the gap is kept with the offset.
    assert.deepStrictEqual(ledger.of("b").map(({ offset }) => offset).sort(), blocked === 2 ? [2, 7] : [2])
    assert.deepStrictEqual(yield* offsets(world, group, topic), [10, 10, 10, 10])
  })

export const commits: Group = {
  title: "a commit",
  scenarios: [
    scenario(
      "at a graceful stop covers all that was handled, and a restart goes on exactly there",
      [],
      (world) =>
        Effect.gen(function*() {
          const topic = yield* world.topic(partitions)
          const group = world.name("group")
          const ledger = new Ledger()
          yield* produce(topic, 0, 100, partitions)
          const first = yield* join(world, { group, topics: [topic], ledger })
          yield* world.until("all are handled", Effect.sync(() => ledger.handled.length === 100))
          yield* first.stop
          assert.deepStrictEqual(yield* offsets(world, group, topic), [25, 25, 25, 25])
          yield* produce(topic, 100, 200, partitions)
          const second = yield* join(world, { group, topics: [topic], ledger, name: "b" })
          yield* world.until("the rest is handled", Effect.sync(() => ledger.handled.length >= 200))
          yield* second.stop
          assert.deepStrictEqual(sorted(ledger.values), texts(0, 200))
        })
    ),
    scenario(
      "at a stop in the middle of the load covers exactly what was handled",
      [],
      (world) =>
        Effect.gen(function*() {
          const topic = yield* world.topic(partitions)
          const group = world.name("group")
          const ledger = new Ledger()
          yield* produce(topic, 0, 400, partitions)
          const work = () => Effect.sleep(5)
          const first = yield* join(world, { group, topics: [topic], ledger, work })
          yield* world.until("some are handled", Effect.sync(() => ledger.handled.length >= 50))
          yield* first.stop
          const done = ledger.handled.length
          const committed = yield* offsets(world, group, topic)
          assert.strictEqual(committed.reduce((sum, offset) => sum + offset, 0), done)
          assert.isBelow(done, 400)
          const second = yield* join(world, { group, topics: [topic], ledger, name: "b" })
          yield* world.until("the rest is handled", Effect.sync(() => ledger.handled.length >= 400))
          yield* second.stop
          assert.deepStrictEqual(sorted(ledger.values), texts(0, 400))
          assert.deepStrictEqual(ledger.disorder(), [])
        })
    ),
    scenario(
      "at a stop covers a record whose handler fails meanwhile: it is judged, and not run again",
      [],
      (world) =>
        Effect.gen(function*() {
          const topic = yield* world.topic(4)
          const group = world.name("group")
          const ledger = new Ledger()
          const options = { group, topics: [topic], ledger, onFailure: OnFailure.skip }
          yield* produce(topic, 0, 8, 4)
          const first = yield* join(world, {
            ...options,
            work: ({ value }) =>
              value === "0" ? Effect.andThen(Effect.sleep(world.slowMillis), Effect.fail("no")) : Effect.void
          })
          yield* world.until("it is in work", Effect.sync(() => ledger.started.some(({ value }) => value === "0")))
          yield* first.stop
          const own = (yield* world.committed(group, topic)).find(({ partition }) => partition === 0)
          assert.strictEqual(own?.offset, 1)
          const second = yield* join(world, { ...options, name: "b" })
          yield* world.until("the others are handled", Effect.sync(() => ledger.handled.length === 7))
          yield* second.stop
          assert.lengthOf(ledger.started.filter(({ value }) => value === "0"), 1)
          assert.deepStrictEqual(ledger.duplicates, [])
        })
    ),
    scenario("happens by itself after the interval, and not for every record", [], (world) =>
      Effect.gen(function*() {
        const topic = yield* world.topic(partitions)
        const group = world.name("group")
        const ledger = new Ledger()
        yield* produce(topic, 0, 40, partitions)
        const member = yield* join(world, { group, topics: [topic], ledger })
        yield* world.until("all are handled", Effect.sync(() => ledger.handled.length === 40))
        yield* world.until(
          "the interval committed",
          Effect.map(offsets(world, group, topic), (all) => all.join() === "10,10,10,10")
        )
        yield* member.stop
      })),
    scenario(
      "never passes an unfinished record, and keeps what is finished behind it: keys side by side",
      [],
      heldBack({ keys: 8 })
    ),
    scenario(
      "never passes an unfinished record, and keeps what is finished behind it: no order",
      [],
      heldBack({ unordered: 8 })
    ),
    scenario("does not cover the record that stopped the consumer", [], (world) =>
      Effect.gen(function*() {
        const topic = yield* world.topic(partitions)
        const group = world.name("group")
        const ledger = new Ledger()
        yield* produce(topic, 0, 40, partitions)
        const work = ({ value }: { readonly value: string }) => value === "20" ? Effect.fail("no") : Effect.void
        const member = yield* join(world, { group, topics: [topic], ledger, work })
        const error = yield* member.ended
        assert.deepInclude(error, { _tag: "HandlerFailed", topic, partition: 0, offset: 5 })
        const committed = yield* world.committed(group, topic)
        assert.strictEqual(committed.find(({ partition }) => partition === 0)?.offset, 5)
        assert.deepStrictEqual(ledger.tooFar(committed), [])
      })),
    scenario(
      "is missing after a crash: what was not committed is handled again, and nothing is lost",
      ["network"],
      (world) =>
        Effect.gen(function*() {
          const network = yield* world.network
          const topic = yield* world.topic(partitions)
          const group = world.name("group")
          const ledger = new Ledger()
          yield* produce(topic, 0, 200, partitions)
          const first = yield* join(world, {
            group,
            topics: [topic],
            ledger,
            engine: network.engine,
            settings: { drainTimeout: 100, closeTimeout: 100 },
            work: () => Effect.sleep(10)
          })
          yield* world.until("half are handled", Effect.sync(() => ledger.handled.length >= 100))
          yield* first.kill
          const second = yield* join(world, { group, topics: [topic], ledger, name: "b" })
          yield* world.until("all are handled", Effect.sync(() => ledger.distinct === 200))
          yield* second.stop
          assert.deepStrictEqual(ledger.tooFar(yield* world.committed(group, topic)), [])
          assert.deepStrictEqual([...new Set(sorted(ledger.values))], texts(0, 200))
          assert.deepStrictEqual(ledger.disorder(), [])
          assert.isAbove(ledger.of("b").length, 0)
        })
    ),
    scenario(
      "belongs to nobody when a batch handler owns its offsets: it starts where its own store says",
      [],
      (world) =>
        Effect.gen(function*() {
          const topic = yield* world.topic(partitions)
          const group = world.name("group")
          yield* produce(topic, 0, 80, partitions)
          const store = new Map<number, number>([[0, 5], [1, 20]])
          const seen: Array<string> = []
          const consumer = Consumer.make(group, {
            offsetReset: "earliest",
            ...world.settings,
            onFailure: OnFailure.stop,
            handlers: [
              Topic.handleOwningOffsets(textTopic(topic), (batch) =>
                Effect.sync(() => {
                  assert.strictEqual(store.get(batch.partition) ?? 0, batch.start)
                  for (const record of batch.records) seen.push(`${record.partition}@${record.offset}`)
                  store.set(batch.partition, batch.next)
                }), {
                maxSize: 7,
                startOffsets: (wanted) =>
                  Effect.succeed(wanted.flatMap(({ partition }) => {
                    const offset = store.get(partition)
                    return offset === undefined ? [] : [{ topic, partition, offset }]
                  }))
              })
            ]
          })
          const first = yield* runMember(world, consumer)
          yield* world.until("all are handled", Effect.sync(() => seen.length === 15 + 0 + 20 + 20))
          yield* first.stop
          assert.deepStrictEqual([...store].sort(), [[0, 20], [1, 20], [2, 20], [3, 20]])
          assert.strictEqual(new Set(seen).size, 55)
          // Kafka has the positions as well, for whoever looks at the lag.
          assert.include(yield* offsets(world, group, topic), 20)
          store.set(3, 18)
          const second = yield* runMember(world, consumer)
          yield* world.until("the two are handled again", Effect.sync(() => seen.length === 57))
          yield* second.stop
          assert.deepStrictEqual(seen.slice(55), ["3@18", "3@19"])
        })
    )
  ]
}
