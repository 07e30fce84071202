import { assert, describe, it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import { TestClock } from "effect/testing"
import { Codec, Consumer, OnFailure, Producer, Topic } from "millrace"
import { InMemoryKafka } from "millrace/testing"
import * as KafkaEngine from "../src/engine/KafkaEngine.ts"
import * as Errors from "../src/KafkaError.ts"

const Notes = Topic.make("notes", { key: Codec.nullable(Codec.string), value: Codec.nullable(Codec.string) })
const note = (value: string) => ({ key: null, value })
const values = (topic: string) =>
  Effect.flatMap(
    InMemoryKafka,
    (memory) =>
      Effect.map(memory.records(topic), (records) =>
        records.map(({ value }) => value === null ? null : Buffer.from(value).toString()))
  )

describe("Producer.transaction", () => {
  const single = InMemoryKafka.layerWith({ defaultPartitions: 1 })

  it.effect("shows everything it sent when it succeeds, in child fibers too", () =>
    Effect.gen(function*() {
      yield* Producer.transaction(
        "tx",
        Effect.forEach(["a", "b"], (value) => Producer.send(Notes, note(value)), { concurrency: 2 })
      )
      assert.deepStrictEqual(yield* values("notes"), ["a", "b"])
    }).pipe(Effect.provide(single)))

  it.effect("hides everything when it fails, and goes on with the next", () =>
    Effect.gen(function*() {
      const failing = Effect.andThen(Producer.send(Notes, note("lost")), Effect.fail("no"))
      assert.strictEqual(yield* Effect.flip(Producer.transaction("tx", failing)), "no")
      yield* Producer.transaction("tx", Producer.send(Notes, note("kept")))
      assert.deepStrictEqual(yield* values("notes"), ["kept"])
    }).pipe(Effect.provide(single)))

  it.effect("is aborted when it is interrupted", () =>
    Effect.gen(function*() {
      const sent = yield* Deferred.make<void>()
      const hanging = Effect.andThen(
        Producer.send(Notes, note("lost")),
        Effect.andThen(Deferred.succeed(sent, undefined), Effect.never)
      )
      const fiber = yield* Effect.forkChild(Producer.transaction("tx", hanging))
      yield* Deferred.await(sent)
      yield* Fiber.interrupt(fiber)
      assert.deepStrictEqual(yield* values("notes"), [])
    }).pipe(Effect.provide(single)))

  it.effect("gives up a client that cannot abort: nobody knows in which state it is", () =>
    Effect.gen(function*() {
      const engine = yield* KafkaEngine.Service
      let made = 0
      const broken = Errors.make("abort", new Errors.Timeout({ operation: "abort", timeoutMs: 1 }))
      const stuck = KafkaEngine.Service.of({
        ...engine,
        transactional: (id) =>
          Effect.map(engine.transactional(id), (client) => ++made === 1 ? { ...client, abort: broken } : client)
      })
      yield* Effect.gen(function*() {
        assert.strictEqual(yield* Effect.flip(Producer.transaction("tx", Effect.fail("no"))), "no")
        yield* Producer.transaction("tx", Producer.send(Notes, note("kept")))
        yield* Producer.transaction("tx", Producer.send(Notes, note("and kept")))
      }).pipe(Effect.provideService(KafkaEngine.Service, stuck))
      assert.deepStrictEqual(yield* values("notes"), ["kept", "and kept"])
      assert.strictEqual(made, 2)
    }).pipe(Effect.provide(single)))

  it.effect("gives up a client whose commit was not answered: it may have happened all the same", () =>
    Effect.gen(function*() {
      const engine = yield* KafkaEngine.Service
      let made = 0
      const unknown = Errors.make(
        "commit",
        new Errors.TransactionFailed({ transactionalId: "tx", problem: "its outcome is unknown", retryable: true })
      )
      const stuck = KafkaEngine.Service.of({
        ...engine,
        transactional: (id) =>
          Effect.map(
            engine.transactional(id),
            (client) => ++made === 1 ? { ...client, commit: Effect.fail(unknown) } : client
          )
      })
      yield* Effect.gen(function*() {
        const first = yield* Effect.flip(Producer.transaction("tx", Producer.send(Notes, note("unknown"))))
        assert.strictEqual(first, unknown)
        yield* Producer.transaction("tx", Producer.send(Notes, note("kept")))
        yield* Producer.transaction("tx", Producer.send(Notes, note("and kept")))
      }).pipe(Effect.provideService(KafkaEngine.Service, stuck))
      assert.deepStrictEqual(yield* values("notes"), ["kept", "and kept"])
      assert.strictEqual(made, 2)
    }).pipe(Effect.provide(single)))

  it.effect("that waited for its turn neither uses nor gives up a client in place of a broken one", () =>
    Effect.gen(function*() {
      const engine = yield* KafkaEngine.Service
      const used: Array<number> = []
      let made = 0
      const broken = Errors.make("abort", new Errors.Timeout({ operation: "abort", timeoutMs: 1 }))
      const stuck = KafkaEngine.Service.of({
        ...engine,
        transactional: (id) =>
          Effect.map(engine.transactional(id), (client) => {
            const number = ++made
            const begin = Effect.andThen(Effect.sync(() => used.push(number)), client.begin)
            return number === 1 ? { ...client, begin, abort: broken } : { ...client, begin }
          })
      })
      yield* Effect.gen(function*() {
        const go = yield* Deferred.make<void>()
        const failing = Producer.transaction("tx", Effect.andThen(Deferred.await(go), Effect.fail("no")))
        const first = yield* Effect.forkChild(Effect.flip(failing), { startImmediately: true })
        yield* TestClock.adjust(0)
        const waiting = yield* Effect.forkChild(
          Effect.forEach(["b", "c"], (value) => Producer.transaction("tx", Producer.send(Notes, note(value))), {
            concurrency: 2
          }),
          { startImmediately: true }
        )
        yield* TestClock.adjust(0)
        yield* Deferred.succeed(go, undefined)
        assert.strictEqual(yield* Fiber.join(first), "no")
        yield* Fiber.join(waiting)
      }).pipe(Effect.provideService(KafkaEngine.Service, stuck))
      assert.sameMembers([...(yield* values("notes"))], ["b", "c"])
      assert.deepStrictEqual(used, [1, 2, 2])
    }).pipe(Effect.provide(single)))

  it.effect("that is over takes nothing more from a fiber that outlived it", () =>
    Effect.gen(function*() {
      const go = yield* Deferred.make<void>()
      const started = yield* Deferred.make<Fiber.Fiber<unknown, unknown>>()
      const late = Effect.andThen(Deferred.await(go), Producer.send(Notes, note("late")))
      const aborted = Effect.gen(function*() {
        yield* Deferred.succeed(started, yield* Effect.forkDetach(late))
        return yield* Effect.fail("no")
      })
      assert.strictEqual(yield* Effect.flip(Producer.transaction("tx", aborted)), "no")
      const fiber = yield* Deferred.await(started)
      yield* Producer.transaction(
        "tx",
        Effect.gen(function*() {
          yield* Producer.send(Notes, note("kept"))
          yield* Deferred.succeed(go, undefined)
          const error: any = yield* Effect.flip(Fiber.join(fiber))
          assert.deepInclude(error.reason, { _tag: "TransactionFailed", transactionalId: "tx", retryable: false })
          assert.include(error.message, "it has ended")
        })
      )
      assert.deepStrictEqual(yield* values("notes"), ["kept"])
    }).pipe(Effect.provide(single)))

  it.effect("that is over keeps nobody from beginning another", () =>
    Effect.gen(function*() {
      const fiber = yield* Producer.transaction(
        "tx",
        Effect.forkDetach(
          Effect.andThen(Effect.sleep("1 second"), Producer.transaction("tx", Producer.send(Notes, note("next"))))
        )
      )
      yield* TestClock.adjust("1 second")
      yield* Fiber.join(fiber)
      assert.deepStrictEqual(yield* values("notes"), ["next"])
    }).pipe(Effect.provide(single)))

  it.effect("refuses to begin inside of another", () =>
    Effect.gen(function*() {
      const error = yield* Effect.flip(Producer.transaction("outer", Producer.transaction("inner", Effect.void)))
      assert.strictEqual(error.reason._tag, "TransactionFailed")
    }).pipe(Effect.provide(single)))

  it.effect("runs one at a time per id", () =>
    Effect.gen(function*() {
      let running = 0
      let most = 0
      const one = (value: string) =>
        Producer.transaction(
          "tx",
          Effect.gen(function*() {
            most = Math.max(most, ++running)
            yield* Producer.send(Notes, note(value))
            yield* Effect.yieldNow
            running--
          })
        )
      yield* Effect.forEach(["a", "b", "c"], one, { concurrency: "unbounded" })
      assert.strictEqual(most, 1)
      assert.strictEqual((yield* values("notes")).length, 3)
    }).pipe(Effect.provide(single)))

  it.effect("commits the group's progress with what it sent", () =>
    Effect.gen(function*() {
      const Copies = Topic.make("copies", { key: Codec.none, value: Codec.string })
      yield* Producer.sendAll(Notes, ["1", "2", "3"].map(note))
      const copy = Topic.handleBatch(Notes, (records) =>
        Producer.transaction(
          "copier",
          Effect.gen(function*() {
            yield* Producer.sendAll(Copies, records.map(({ value }) => ({ key: null, value: `${value}!` })))
            const { offset, partition, topic } = records[records.length - 1]!
            yield* Producer.sendOffsets([{ topic, partition, offset: offset + 1 }])
          })
        ))
      yield* Consumer.run(
        Consumer.make("copiers", { offsetReset: "earliest", until: "end", onFailure: OnFailure.stop, handlers: [copy] })
      )
      assert.deepStrictEqual(yield* values("copies"), ["1!", "2!", "3!"])
      const memory = yield* InMemoryKafka
      assert.strictEqual((yield* memory.committed("copiers"))[0]?.offset, 3)
    }).pipe(Effect.provide(single)))

  it.effect("sendOffsets outside of a transaction or a handler says where it belongs", () =>
    Effect.gen(function*() {
      const outside = yield* Effect.flip(Producer.sendOffsets([]))
      assert.include(outside.message, "Producer.transaction")
      const noGroup = yield* Effect.flip(Producer.transaction("tx", Producer.sendOffsets([])))
      assert.include(noGroup.message, "handler")
    }).pipe(Effect.provide(single)))
})
