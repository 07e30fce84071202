import { assert, describe, it } from "@effect/vitest"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as TestClock from "effect/testing/TestClock"
import { InMemoryKafka } from "../../../../src/engine/InMemoryKafka.ts"
import * as KafkaEngine from "../../../../src/engine/KafkaEngine.ts"
import type { Position } from "../../../../src/engine/KafkaEngine.ts"
import { bytes, open, settle, until, values } from "../owner.ts"

const single = InMemoryKafka.layerWith({ defaultPartitions: 1 })

const fill = Effect.fnUntraced(function*(texts: ReadonlyArray<string>, topic = "t") {
  const kafka = yield* InMemoryKafka
  for (const text of texts) yield* kafka.produce({ topic, value: bytes(text) })
})

const position = (offset: number): Position => ({ topic: "t", partition: 0, offset })

describe("poll", () => {
  it.effect("hands out no more records and bytes than asked for, but always one", () =>
    Effect.gen(function*() {
      yield* fill(["aaaa", "bbbb", "cccc", "dddd"])
      const owner = yield* open()
      yield* owner.answer("assign")
      assert.deepStrictEqual(owner.client.poll(0, 100), [])
      const sizes = [[3, 8], [3, 1], [3, 100]].map(([records, size]) => {
        const [chunk] = owner.client.poll(records!, size!)
        return [chunk!.records.length, chunk!.bytes, chunk!.next]
      })
      assert.deepStrictEqual(sizes, [[2, 8, 2], [1, 4, 3], [1, 4, 4]])
      assert.strictEqual(owner.client.highWatermark(position(0)), 4)
    }).pipe(Effect.provide(single)))

  it.effect("gives every partition its turn", () =>
    Effect.gen(function*() {
      const kafka = yield* InMemoryKafka
      for (let partition = 0; partition < 3; partition++) {
        for (let record = 0; record < 4; record++) yield* kafka.produce({ topic: "t", partition, value: bytes("v") })
      }
      const owner = yield* open()
      yield* owner.answer("assign")
      const turns = [0, 1, 2, 3].map(() => owner.client.poll(2, 1_000).map(({ partition }) => partition))
      assert.deepStrictEqual(turns, [[0], [1], [2], [0]])
    }).pipe(Effect.provide(InMemoryKafka.layer)))

  it.effect("shares records with the log instead of copying them, and the log copied the producer's bytes", () =>
    Effect.gen(function*() {
      const kafka = yield* InMemoryKafka
      const value = bytes("a")
      yield* kafka.produce({ topic: "t", value, headers: [["h", value], ["n", null]] })
      value.fill(0)
      const owner = yield* open()
      yield* owner.answer("assign")
      const [record] = owner.drain()
      assert.deepStrictEqual(values([record!]), ["a"])
      assert.deepStrictEqual(record!.headers, [["h", bytes("a")], ["n", null]])
      assert.strictEqual((yield* kafka.records("t"))[0], record)
    }).pipe(Effect.provide(single)))

  it.effect("leaves paused partitions out, until they are resumed", () =>
    Effect.gen(function*() {
      yield* fill(["a"])
      const owner = yield* open()
      yield* owner.answer("assign")
      owner.client.pause([position(0)])
      assert.deepStrictEqual(owner.drain(), [])
      yield* settle
      const before = owner.ready()
      owner.client.resume([position(0)])
      yield* until(() => owner.ready() > before)
      assert.deepStrictEqual(values(owner.drain()), ["a"])
    }).pipe(Effect.provide(single)))

  it.effect("goes on from where it was moved to", () =>
    Effect.gen(function*() {
      yield* fill(["a", "b", "c"])
      const owner = yield* open()
      yield* owner.answer("assign")
      assert.lengthOf(owner.drain(), 3)
      yield* owner.client.seek(position(1))
      assert.deepStrictEqual(values(owner.drain()), ["b", "c"])
      const error = yield* Effect.flip(owner.client.seek({ topic: "t", partition: 9, offset: 1 }))
      assert.strictEqual(error.reason._tag, "UnknownTopic")
    }).pipe(Effect.provide(single)))

  it.effect("tells the end each time it is reached", () =>
    Effect.gen(function*() {
      yield* fill(["a"])
      const owner = yield* open({ signalEnd: true })
      yield* owner.answer("assign")
      for (let times = 0; times < 3; times++) owner.drain()
      yield* settle
      assert.deepStrictEqual(owner.find("EndOfPartition").map(({ offset }) => offset), [1])
      yield* fill(["b"])
      owner.drain()
      yield* settle
      assert.deepStrictEqual(owner.find("EndOfPartition").map(({ offset }) => offset), [1, 2])
    }).pipe(Effect.provide(single)))

  it.effect("reads fixed partitions without a group", () =>
    Effect.gen(function*() {
      yield* fill(["a", "b"])
      const owner = yield* open({ subscription: { _tag: "Manual", positions: [position(1)] } })
      assert.deepStrictEqual(values(owner.drain()), ["b"])
      assert.isFalse(owner.client.store(position(2)))
      const error = yield* Effect.flip(owner.client.commit([position(2)]))
      assert.strictEqual(error.reason._tag, "CommitFailed")
      yield* settle
      assert.deepStrictEqual(owner.events, [])
    }).pipe(Effect.provide(single)))
})

describe("a position out of range", () => {
  it.effect("goes on from the earliest offset, and says so", () =>
    Effect.gen(function*() {
      const kafka = yield* InMemoryKafka
      yield* fill(["a", "b", "c", "d"])
      const owner = yield* open()
      yield* owner.answer("assign")
      owner.client.poll(1, 1_000)
      yield* kafka.truncate("t", 0, 3)
      assert.deepStrictEqual(values(owner.drain()), ["d"])
      yield* settle
      assert.include(owner.find("OffsetReset")[1]!.problem, "offset 1 is out of range, the partition has 3 to 4")
    }).pipe(Effect.provide(single)))

  it.effect("goes on from the latest offset", () =>
    Effect.gen(function*() {
      yield* fill(["a"])
      const owner = yield* open({ offsetReset: "latest" })
      yield* owner.answer("assign")
      assert.deepStrictEqual(owner.drain(), [])
      yield* owner.client.seek(position(99))
      assert.deepStrictEqual(owner.drain(), [])
      yield* fill(["b"])
      assert.deepStrictEqual(values(owner.drain()), ["b"])
    }).pipe(Effect.provide(single)))

  it.effect("fails when nothing may be chosen, with or without a committed offset", () =>
    Effect.gen(function*() {
      const admin = yield* (yield* KafkaEngine.Service).admin
      yield* fill(["a"])
      const without = yield* open({ offsetReset: "none" })
      yield* without.answer("assign")
      yield* until(() => without.find("Failed").length === 1)
      assert.strictEqual(without.find("Failed")[0]!.error.reason._tag, "NoOffset")
      yield* admin.alterGroupOffsets("h", [position(7)])
      const beyond = yield* open({ offsetReset: "none", group: "h" })
      yield* beyond.answer("assign")
      assert.deepStrictEqual(beyond.drain(), [])
      yield* until(() => beyond.find("Failed").length === 1)
      assert.strictEqual(beyond.find("Failed")[0]!.error.reason._tag, "OffsetOutOfRange")
    }).pipe(Effect.provide(single)))

  it.effect("is what a topic that was deleted and made again comes to", () =>
    Effect.gen(function*() {
      const admin = yield* (yield* KafkaEngine.Service).admin
      yield* fill(["a", "b", "c"])
      const owner = yield* open()
      yield* owner.answer("assign")
      assert.lengthOf(owner.drain(), 3)
      yield* admin.deleteTopic("t")
      assert.deepStrictEqual(owner.drain(), [])
      yield* until(() => owner.find("Disturbed").length === 1)
      assert.strictEqual(owner.find("Disturbed")[0]!.error.reason._tag, "UnknownTopic")
      yield* fill(["new"])
      assert.deepStrictEqual(values(owner.drain()), ["new"])
      yield* TestClock.adjust("1 minute")
      assert.lengthOf(owner.find("Rebalance"), 1)
      assert.lengthOf(owner.find("OffsetReset"), 2)
    }).pipe(Effect.provide(single)))
})

describe("commits", () => {
  it.effect("are acknowledged at the same offset too, and fenced for who is no member", () =>
    Effect.gen(function*() {
      const kafka = yield* InMemoryKafka
      yield* fill(["a"])
      const owner = yield* open()
      yield* owner.answer("assign")
      yield* owner.client.commit([position(1)])
      yield* owner.client.commit([position(1)])
      assert.deepStrictEqual((yield* owner.client.committed([position(0)])).map(({ offset }) => offset), [1])
      assert.deepStrictEqual(yield* owner.client.committed([{ topic: "t", partition: 5 }]), [])
      yield* owner.client.close(Duration.seconds(1))
      const error = yield* Effect.flip(owner.client.commit([position(1)]))
      assert.strictEqual(error.reason._tag, "Closed")
      assert.lengthOf(yield* kafka.committed("g"), 1)
    }).pipe(Effect.provide(single)))

  it.effect("of stored positions are tried again when the broker refused them", () =>
    Effect.gen(function*() {
      const kafka = yield* InMemoryKafka
      yield* fill(["a", "b"])
      const owner = yield* open()
      yield* owner.answer("assign")
      yield* kafka.failCommit({ times: 2 })
      owner.client.store(position(1))
      yield* TestClock.adjust("10 seconds")
      assert.lengthOf(owner.find("CommitFailed"), 2)
      owner.client.store(position(2))
      yield* TestClock.adjust("5 seconds")
      assert.deepStrictEqual((yield* kafka.committed("g")).map(({ offset }) => offset), [2])
      assert.lengthOf(owner.find("Committed"), 1)
    }).pipe(Effect.provide(single)))

  it.effect("by hand are not undone by an older stored position", () =>
    Effect.gen(function*() {
      const kafka = yield* InMemoryKafka
      yield* fill(["a", "b"])
      const owner = yield* open()
      yield* owner.answer("assign")
      owner.client.store(position(1))
      yield* owner.client.commit([position(2)])
      yield* TestClock.adjust("5 seconds")
      assert.deepStrictEqual((yield* kafka.committed("g")).map(({ offset }) => offset), [2])
    }).pipe(Effect.provide(single)))

  it.effect("of stored positions happen on close, whose failure is told before it ends", () =>
    Effect.gen(function*() {
      const kafka = yield* InMemoryKafka
      yield* fill(["a", "b"])
      const owner = yield* open()
      yield* owner.answer("assign")
      owner.client.store(position(2))
      yield* owner.client.close(Duration.seconds(1))
      assert.deepStrictEqual((yield* kafka.committed("g")).map(({ offset }) => offset), [2])
      assert.lengthOf(owner.find("Committed"), 1)
      const second = yield* open()
      yield* second.answer("assign")
      second.client.store(position(1))
      yield* kafka.failCommit()
      const error = yield* Effect.flip(second.client.close(Duration.seconds(1)))
      assert.strictEqual(error.reason._tag, "CommitFailed")
      assert.lengthOf(second.find("CommitFailed"), 1)
      assert.lengthOf(yield* kafka.members("g"), 0)
    }).pipe(Effect.provide(single)))
})

describe("a broker that is down", () => {
  it.effect("hands out and commits nothing until it is back, and is told", () =>
    Effect.gen(function*() {
      const kafka = yield* InMemoryKafka
      yield* fill(["a"])
      const owner = yield* open()
      yield* owner.answer("assign")
      yield* kafka.broker("down")
      assert.deepStrictEqual(owner.drain(), [])
      yield* until(() => owner.find("Disturbed").length === 1)
      assert.strictEqual(owner.find("Disturbed")[0]!.error.reason._tag, "BrokerUnreachable")
      owner.client.store(position(1))
      const committing = yield* Effect.forkChild(Effect.flip(owner.client.commit([position(1)])))
      yield* TestClock.adjust("30 seconds")
      assert.strictEqual((yield* Fiber.join(committing)).reason._tag, "BrokerUnreachable")
      assert.deepStrictEqual(yield* kafka.committed("g"), [])
      const late = yield* Effect.forkChild(owner.client.commit([position(0)]))
      yield* settle
      yield* kafka.broker("up")
      yield* Fiber.join(late)
      assert.deepStrictEqual(values(owner.drain()), ["a"])
      yield* TestClock.adjust("5 seconds")
      assert.deepStrictEqual((yield* kafka.committed("g")).map(({ offset }) => offset), [1])
    }).pipe(Effect.provide(single)))

  it.effect("does not hold up a close, nor keep a new consumer from joining later", () =>
    Effect.gen(function*() {
      const kafka = yield* InMemoryKafka
      yield* fill(["a"])
      const owner = yield* open()
      yield* owner.answer("assign")
      owner.client.store(position(1))
      yield* kafka.broker("down")
      const error = yield* Effect.flip(owner.client.close(Duration.seconds(30)))
      assert.strictEqual(error.reason._tag, "BrokerUnreachable")
      const next = yield* open()
      yield* settle
      assert.deepStrictEqual(next.tags(), ["Disturbed"])
      yield* kafka.broker("up")
      // The partition is free when the session of the first one is over.
      yield* TestClock.adjust("45 seconds")
      yield* next.answer("assign")
      assert.deepStrictEqual(values(next.drain()), ["a"])
    }).pipe(Effect.provide(single)))
})

describe("a slow broker", () => {
  it.effect("takes its time for each fetch and each request", () =>
    Effect.gen(function*() {
      const kafka = yield* InMemoryKafka
      yield* fill(["a", "b"])
      const owner = yield* open()
      yield* owner.answer("assign")
      yield* kafka.slow("1 second")
      assert.deepStrictEqual(owner.drain(), [])
      yield* TestClock.adjust("999 millis")
      assert.deepStrictEqual(owner.drain(), [])
      yield* settle
      const before = owner.ready()
      yield* TestClock.adjust("1 millis")
      assert.strictEqual(owner.ready(), before + 1)
      assert.lengthOf(owner.client.poll(1, 100), 1)
      assert.lengthOf(owner.client.poll(1, 100), 0)
      yield* TestClock.adjust("1 second")
      assert.lengthOf(owner.client.poll(1, 100), 1)
      const committing = yield* Effect.forkChild(owner.client.commit([position(2)]))
      yield* TestClock.adjust("500 millis")
      assert.deepStrictEqual(yield* kafka.committed("g"), [])
      yield* TestClock.adjust("500 millis")
      yield* Fiber.join(committing)
      assert.lengthOf(yield* kafka.committed("g"), 1)
    }).pipe(Effect.provide(single)))
})

describe("an ACL that was taken away", () => {
  it.effect("stops a topic until it is granted again, and is told once", () =>
    Effect.gen(function*() {
      const kafka = yield* InMemoryKafka
      yield* fill(["a"])
      const owner = yield* open()
      yield* owner.answer("assign")
      yield* kafka.revokeAuthorization({ resource: "topic", name: "t" })
      for (let times = 0; times < 3; times++) assert.deepStrictEqual(owner.drain(), [])
      yield* settle
      assert.deepStrictEqual(owner.find("Disturbed").map(({ error }) => error.reason._tag), ["AuthorizationFailed"])
      owner.drain()
      const before = owner.ready()
      yield* kafka.grant({ resource: "topic", name: "t" })
      yield* until(() => owner.ready() > before)
      assert.deepStrictEqual(values(owner.drain()), ["a"])
    }).pipe(Effect.provide(single)))

  it.effect("ends the members of a group", () =>
    Effect.gen(function*() {
      const kafka = yield* InMemoryKafka
      yield* fill(["a"])
      const owner = yield* open()
      yield* owner.answer("assign")
      yield* kafka.revokeAuthorization({ resource: "group", name: "g" })
      yield* until(() => owner.find("Failed").length === 1)
      assert.strictEqual(owner.find("Failed")[0]!.error.reason._tag, "AuthorizationFailed")
      const next = yield* open()
      yield* until(() => next.find("Failed").length === 1)
    }).pipe(Effect.provide(single)))
})
