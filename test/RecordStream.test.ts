import { assert, describe, it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Stream from "effect/Stream"
import { TestClock } from "effect/testing"
import { Codec, Consumer, ConsumerControl, Health, Producer, Topic } from "millrace"
import { InMemoryKafka } from "millrace/testing"
import { p0, p1, poison, scripted, settle, text, Texts, texts, until } from "./internal/loop/scenario.ts"

const settings = { offsetReset: "earliest" } as const

/** Reads the partitions side by side, each by itself. */
const reading = <E, R>(
  read: (records: Stream.Stream<Consumer.Uncommitted<unknown, string>, unknown>) => Stream.Stream<unknown, E, R>,
  options: Partial<Consumer.Settings> = {}
) =>
  Consumer.partitioned("g", Texts, { ...settings, ...options }).pipe(
    Stream.flatMap(([, records]) => read(records), { concurrency: "unbounded" }),
    Stream.runDrain
  )

const commitLast = (window: ReadonlyArray<Consumer.Uncommitted<unknown, string>>) => window[window.length - 1]!.commit

const control = Effect.map(ConsumerControl.find("g"), ([control]) => control!)

describe("a partition that is revoked", () => {
  it.effect("is given up when the reader flushed its window, and its commit took effect", () =>
    scripted(Effect.fnUntraced(function*(script) {
      const sent: Array<ReadonlyArray<string>> = []
      const sending = yield* Deferred.make<void>()
      yield* Effect.forkScoped(reading((records) =>
        records.pipe(
          Stream.groupedWithin(500, "1 hour"),
          Stream.mapEffect((window) =>
            Effect.gen(function*() {
              sent.push(window.map(({ record }) => record.value))
              yield* Deferred.await(sending)
              yield* commitLast(window)
            })
          )
        )
      ))
      yield* until(() => script.isOpen)
      script.produce(p0, texts(0, 2))
      script.emit("assign", [p0])
      yield* settle
      script.emit("revoke", [p0])
      yield* until(() => sent.length === 1)
      assert.deepStrictEqual(sent, [["0", "1", "2"]])
      yield* settle
      assert.strictEqual(script.answersDue, 1, "waits for the window that is on its way")
      yield* Deferred.succeed(sending, undefined)
      yield* until(() => script.answersDue === 0)
      assert.strictEqual(script.committed.get("t/0")?.offset, 3)
    })))

  it.effect("is given up when the record that a reader of all partitions has in hand is committed", () =>
    scripted(Effect.fnUntraced(function*(script) {
      const started: Array<string> = []
      const working = yield* Deferred.make<void>()
      yield* Consumer.records("g", Texts, settings).pipe(
        Stream.runForEach(({ commit, record }) =>
          Effect.gen(function*() {
            started.push(record.value)
            yield* Deferred.await(working)
            yield* commit
          })
        ),
        Effect.forkScoped
      )
      yield* until(() => script.isOpen)
      script.produce(p0, texts(0, 9))
      script.emit("assign", [p0])
      yield* until(() => started.length === 1)
      script.emit("revoke", [p0])
      yield* settle
      assert.strictEqual(script.answersDue, 1)
      yield* Deferred.succeed(working, undefined)
      yield* until(() => script.answersDue === 0)
      yield* settle
      assert.deepStrictEqual(started, ["0"])
      assert.strictEqual(script.committed.get("t/0")?.offset, 1)
    })))

  it.effect("gives its reader nothing more after the drain budget, and no new reader begins beside it", () =>
    scripted(Effect.fnUntraced(function*(script) {
      const started: Array<string> = []
      const problems: Array<string> = []
      const hanging = yield* Deferred.make<void>()
      yield* Effect.forkScoped(
        reading((records) =>
          Stream.mapEffect(records, ({ commit, record }) =>
            Effect.gen(function*() {
              started.push(record.value)
              if (started.length === 1) yield* Deferred.await(hanging)
              yield* Effect.catch(commit, ({ reason }) => Effect.sync(() => problems.push(reason._tag)))
            }))
        )
      )
      yield* until(() => script.isOpen)
      script.produce(p0, texts(0, 4))
      script.emit("assign", [p0])
      yield* until(() => started.length === 1)
      script.emit("revoke", [p0])
      yield* TestClock.adjust("32 seconds")
      assert.strictEqual(script.answersDue, 0)
      script.emit("assign", [p0])
      yield* settle
      assert.deepStrictEqual(started, ["0"], "the old reader has its record still in hand")
      yield* Deferred.succeed(hanging, undefined)
      yield* until(() => started.length === 6)
      assert.deepStrictEqual(started, ["0", "0", "1", "2", "3", "4"])
      assert.deepStrictEqual(problems, ["CommitFailed"], "the old reader hears that its commit came too late")
    })))

  it.effect("is free when a reader that has a record in hand is interrupted after the drain budget", () =>
    scripted(Effect.fnUntraced(function*(script) {
      let started = 0
      const read = Stream.runForEach(Consumer.records("g", Texts, settings), () => {
        started++
        return Effect.never
      })
      const first = yield* Effect.forkScoped(read)
      yield* until(() => script.isOpen)
      script.produce(p0, texts(0, 4))
      script.emit("assign", [p0])
      yield* until(() => started === 1)
      script.emit("revoke", [p0])
      yield* TestClock.adjust("32 seconds")
      yield* Fiber.interrupt(first)
      yield* Effect.forkScoped(read)
      yield* until(() => script.isOpen)
      script.emit("assign", [p0])
      yield* until(() => started === 2)
    })))
})

describe("a partition that is lost", () => {
  it.effect("ends its stream at once", () =>
    scripted(Effect.fnUntraced(function*(script) {
      let open = 0
      let ended = 0
      yield* Effect.forkScoped(reading((records) =>
        records.pipe(
          Stream.onStart(Effect.sync(() => open++)),
          Stream.tap(({ commit }) => commit),
          Stream.onEnd(Effect.sync(() => ended++))
        )
      ))
      yield* until(() => script.isOpen)
      script.produce(p0, texts(0, 4))
      for (let losses = 0; losses < 3; losses++) {
        script.emit("assign", [p0])
        yield* until(() => open === losses + 1)
        script.emit("lost", [p0])
        yield* until(() => ended === losses + 1)
      }
      script.emit("assign", [p0])
      yield* until(() => open === 4)
      yield* settle
      assert.strictEqual(ended, 3)
    })))

  it.effect("refuses the commit of a record in hand", () =>
    scripted(Effect.fnUntraced(function*(script) {
      const inHand = yield* Deferred.make<Consumer.Uncommitted<unknown, string>>()
      yield* Effect.forkScoped(reading((records) => Stream.mapEffect(records, (one) => Deferred.succeed(inHand, one))))
      yield* until(() => script.isOpen)
      script.produce(p0, texts(0, 0))
      script.emit("assign", [p0])
      const { commit } = yield* Deferred.await(inHand)
      script.emit("lost", [p0])
      yield* until(() => script.answersDue === 0)
      const { message, reason } = yield* Effect.flip(commit)
      assert.deepInclude(reason, { _tag: "CommitFailed", group: "g", retryable: false })
      assert.include(message, "t/0")
      assert.isUndefined(script.committed.get("t/0"))
    })))
})

describe("a record that cannot be decoded", () => {
  it.effect("holds its partition when the reader catches it, and the others go on", () =>
    scripted(Effect.fnUntraced(function*(script) {
      const read: Array<string> = []
      const options = { chunkRecords: 5, bufferRecords: 10 }
      const caught: Array<number> = []
      yield* Effect.forkScoped(reading((records) =>
        records.pipe(
          Stream.tap(({ commit, record }) =>
            Effect.andThen(commit, Effect.sync(() => read.push(`${record.partition}:${record.value}`)))
          ),
          Stream.catchCause(() => Stream.fromEffect(Effect.sync(() => caught.push(1))))
        ), options))
      yield* until(() => script.isOpen)
      script.produce(p0, [text(0), text(1), poison(2), ...texts(3, 99)])
      script.produce(p1, texts(0, 99))
      script.emit("assign", [p0, p1])
      yield* until(() => read.length >= 102)
      assert.deepStrictEqual(read.filter((name) => name.startsWith("0:")), ["0:0", "0:1"])
      assert.isTrue(script.isPaused(p0), "nothing is fetched for a partition that stands still")
      const [health] = yield* Health.all
      assert.deepStrictEqual(health!.held.map(({ offset, partition }) => [partition, offset]), [[0, 2]])
      assert.isFalse(health!.healthy)
      yield* (yield* control).seek({ ...p0, offset: 3 })
      yield* until(() => read.length === 199)
      assert.isTrue((yield* Health.all)[0]!.healthy)
    })))

  it.effect("fails the stream of all partitions, after the records before it", () =>
    Effect.gen(function*() {
      const memory = yield* InMemoryKafka
      yield* Producer.sendAll(Texts, [{ key: null, value: "0" }, { key: null, value: "1" }])
      yield* memory.produce({ topic: "t", value: new Uint8Array([0xff, 0xfe]) })
      const seen: Array<string> = []
      const error = yield* Consumer.records("g", Texts, settings).pipe(
        Stream.runForEach(({ record }) => Effect.sync(() => seen.push(record.value))),
        Effect.flip
      )
      assert.deepStrictEqual(seen, ["0", "1"])
      assert.strictEqual(error._tag, "Poison")
    }).pipe(Effect.provide(InMemoryKafka.layerWith({ defaultPartitions: 1 }))))
})

const Numbers = Topic.make("numbers", { key: Codec.none, value: Codec.string })

const produce = (count: number) =>
  Producer.sendAll(Numbers, Array.from({ length: count }, (_, i) => ({ key: null, value: String(i) })))

const committed = Effect.flatMap(
  InMemoryKafka,
  (memory) => Effect.map(memory.committed("g"), (positions) => positions.map(({ offset }) => offset))
)

describe("Consumer.records", () => {
  it.effect("hands out every record and commits what the reader says is done", () =>
    Effect.gen(function*() {
      yield* produce(10)
      const read = yield* Consumer.records("g", Numbers, settings).pipe(
        Stream.take(10),
        Stream.tap(({ commit, record }) => Number(record.value) < 6 ? commit : Effect.void),
        Stream.runCollect
      )
      assert.deepStrictEqual(read.map(({ record }) => record.value).sort(), "0123456789".split(""))
      assert.deepStrictEqual(yield* committed, [6])
      const again = yield* Consumer.records("g", Numbers, settings).pipe(Stream.take(4), Stream.runCollect)
      assert.deepStrictEqual(again.map(({ record }) => record.value), ["6", "7", "8", "9"])
    }).pipe(Effect.provide(InMemoryKafka.layerWith({ defaultPartitions: 1 }))))

  it.effect("ends at the end without commits, also behind more than the buffer", () =>
    Effect.gen(function*() {
      yield* produce(1_000)
      const bounded = { ...settings, until: "end", chunkRecords: 10, bufferRecords: 20 } as const
      const sum = yield* Stream.runFold(Consumer.records("g", Numbers, bounded), () => 0, (sum) => sum + 1)
      assert.strictEqual(sum, 1_000)
      const parts = yield* Consumer.partitioned("g", Numbers, bounded).pipe(
        Stream.flatMap(([, records]) => records),
        Stream.runFold(() => 0, (sum) => sum + 1)
      )
      assert.strictEqual(parts, 1_000)
      // At most the beginning, which offsetReset chose.
      assert.isTrue((yield* committed).every((offset) => offset === 0))
    }).pipe(Effect.provide(InMemoryKafka.layer)))

  it.effect("commits what the reader kept until the end of a bounded read", () =>
    Effect.gen(function*() {
      yield* produce(10)
      const sizes = yield* Consumer.records("g", Numbers, { ...settings, until: "end" }).pipe(
        Stream.grouped(4),
        Stream.mapEffect((window) => Effect.as(window[window.length - 1]!.commit, window.length)),
        Stream.runCollect
      )
      assert.deepStrictEqual(sizes, [4, 4, 2])
      assert.deepStrictEqual(yield* committed, [10])
    }).pipe(Effect.provide(InMemoryKafka.layerWith({ defaultPartitions: 1 }))))

  it.effect("ends over a topic without records", () =>
    Effect.gen(function*() {
      yield* produce(1)
      const bounded = { offsetReset: "latest", until: "end" } as const
      assert.deepStrictEqual(yield* Stream.runCollect(Consumer.records("g", Numbers, bounded)), [])
    }).pipe(Effect.provide(InMemoryKafka.layer)))

  it.effect("lets the reader finish what it kept when the member is stopped", () =>
    scripted(Effect.fnUntraced(function*(script) {
      const fiber = yield* Consumer.records("g", Texts, settings).pipe(
        Stream.grouped(100),
        Stream.runForEach(commitLast),
        Effect.forkScoped
      )
      yield* until(() => script.isOpen)
      script.produce(p0, texts(0, 4))
      script.emit("assign", [p0])
      yield* settle
      yield* (yield* control).stop
      yield* Fiber.join(fiber)
      assert.strictEqual(script.committed.get("t/0")?.offset, 5)
    })))

  it.effect("stands still while it is paused, and goes on", () =>
    scripted(Effect.fnUntraced(function*(script) {
      const read: Array<string> = []
      yield* Consumer.records("g", Texts, settings).pipe(
        Stream.runForEach(({ commit, record }) =>
          Effect.andThen(Effect.sleep("1 second"), () => {
            read.push(record.value)
            return commit
          })
        ),
        Effect.forkScoped
      )
      yield* until(() => script.isOpen)
      script.produce(p0, texts(0, 9))
      script.emit("assign", [p0])
      yield* TestClock.adjust("3500 millis")
      const member = yield* control
      yield* member.pause([p0])
      yield* TestClock.adjust("10 seconds")
      assert.deepStrictEqual(read, ["0", "1", "2", "3"], "the one in hand is the last one")
      yield* member.resume([p0])
      yield* TestClock.adjust("10 seconds")
      assert.strictEqual(read.length, 10)
    })))

  it.effect("turns red when the reader neither commits nor asks for more", () =>
    scripted(Effect.fnUntraced(function*(script) {
      yield* Effect.forkScoped(Stream.runForEach(Consumer.records("g", Texts, settings), () => Effect.never))
      yield* until(() => script.isOpen)
      script.produce(p0, texts(0, 1))
      script.emit("assign", [p0])
      yield* TestClock.adjust("6 minutes")
      const [health] = yield* Health.all
      assert.deepInclude(health, { healthy: false, status: "failed" })
      assert.include(health!.lastError!.message, "t/0")
    })))
})

describe("Consumer.partitioned", () => {
  it.effect("gives each assigned partition a stream of its own", () =>
    Effect.gen(function*() {
      yield* produce(9)
      const partitions = yield* Consumer.partitioned("g", Numbers, settings).pipe(Stream.take(3), Stream.runCollect)
      assert.deepStrictEqual(partitions.map(([{ partition }]) => partition).sort(), [0, 1, 2])
    }).pipe(Effect.provide(InMemoryKafka.layer)))
})
