import { assert, describe, it } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schedule from "effect/Schedule"
import * as Stream from "effect/Stream"
import { BatchFailed, Codec, Consumer, KafkaEngine, KafkaError, OnFailure, Producer, Retry, Topic } from "millrace"
import { InMemoryKafka } from "millrace/testing"

const In = Topic.make("in", { key: Codec.none, value: Codec.string })
const Out = Topic.make("out", { key: Codec.none, value: Codec.string })

const produce = (count: number) =>
  Producer.sendAll(In, Array.from({ length: count }, (_, i) => ({ key: null, value: String(i), partition: i % 3 })))

const texts = (count: number) => Array.from({ length: count }, (_, i) => String(i))

const results = Topic.read(Out, { from: "earliest", until: "end" }).pipe(
  Stream.map(({ value }) => value),
  Stream.runCollect,
  Effect.map((values) => values.sort((a, b) => Number(a) - Number(b)))
)

const progress = Effect.gen(function*() {
  const positions = yield* (yield* InMemoryKafka).committed("g")
  return positions.reduce((sum, { offset }) => sum + offset, 0)
})

const settings = { offsetReset: "earliest", until: "end" } as const

const copying = (
  before: (values: ReadonlyArray<string>) => Effect.Effect<unknown, string>,
  options: Topic.TransactionalOptions<unknown, never> = {}
) =>
  Topic.handleTransactional(In, (records) =>
    Effect.gen(function*() {
      const values = records.map(({ value }) => value)
      yield* Producer.sendAll(Out, values.map((value) => ({ key: null, value })))
      yield* before(values)
    }), { maxSize: 5, ...options })

/** The first end of a transaction takes effect, or not, and is not answered either way. */
const unanswered = (takesEffect: boolean) =>
  Layer.effect(KafkaEngine.Service)(Effect.map(KafkaEngine.Service, (engine) => {
    let left = 1
    return {
      ...engine,
      transactional: (id: string) =>
        Effect.map(engine.transactional(id), (client) => {
          const problem = "no answer"
          const reason = new KafkaError.TransactionFailed({ transactionalId: id, problem, retryable: false })
          const lost = Effect.fail(KafkaError.make("commit transaction", reason))
          const commit = Effect.suspend(() => {
            if (left-- <= 0) return client.commit
            return takesEffect ? Effect.andThen(client.commit, lost) : Effect.andThen(client.abort, lost)
          })
          return Object.create(client, { commit: { value: commit } }) as typeof client
        })
    }
  })).pipe(Layer.provideMerge(InMemoryKafka.layer))

describe("Topic.handleTransactional", () => {
  it.effect("handles what is before a record that its handler names in a transaction of its own", () =>
    Effect.gen(function*() {
      yield* produce(30)
      const failures: Array<string> = []
      const batches: Array<ReadonlyArray<string>> = []
      const onFailure = OnFailure.make(({ records }) =>
        Effect.sync(() => {
          for (const { value } of records) failures.push(Buffer.from(value!).toString())
          return OnFailure.skip
        })
      )
      const handler = Topic.handleTransactional(In, (records) =>
        Effect.gen(function*() {
          batches.push(records.map(({ value }) => value))
          // More than would be kept: what is taken back is seen in the results.
          yield* Producer.sendAll(Out, records.map(({ value }) => ({ key: null, value })))
          const bad = records.find(({ value }) => Number(value) % 7 === 0)
          if (bad !== undefined) return yield* new BatchFailed({ offset: bad.offset, cause: Cause.fail("no") })
        }), { onFailure })
      yield* Consumer.run(Consumer.make("g", { ...settings, onFailure: OnFailure.stop, handlers: [handler] }))
      const bad = ["0", "7", "14", "21", "28"]
      assert.sameMembers(failures, bad)
      assert.deepStrictEqual(yield* results, texts(30).filter((value) => !bad.includes(value)))
      assert.strictEqual(yield* progress, 30)
      assert.isTrue(batches.some((values) => values.length > 1 && values.includes("7")))
    }).pipe(Effect.provide(InMemoryKafka.layer)))

  it.effect("takes a batch back whole whose handler names a record that is not in it", () =>
    Effect.gen(function*() {
      yield* produce(5)
      const failures: Array<number> = []
      const onFailure = OnFailure.make(({ records }) =>
        Effect.sync(() => {
          failures.push(records.length)
          return OnFailure.skip
        })
      )
      const handler = Topic.handleTransactional(In, (records) =>
        Effect.andThen(
          Producer.sendAll(Out, records.map(({ value }) => ({ key: null, value }))),
          Effect.fail(new BatchFailed({ offset: 17, cause: Cause.fail("no") }))
        ), { onFailure })
      yield* Consumer.run(Consumer.make("g", { ...settings, onFailure: OnFailure.stop, handlers: [handler] }))
      assert.deepStrictEqual(failures.sort(), [1, 2, 2])
      assert.deepStrictEqual(yield* results, [])
      assert.strictEqual(yield* progress, 5)
    }).pipe(Effect.provide(InMemoryKafka.layer)))

  it.effect("sends and commits a batch together, and takes a failed one back", () =>
    Effect.gen(function*() {
      yield* produce(30)
      const failed = new Set<string>()
      const once = ([value]: ReadonlyArray<string>) =>
        Number(value) % 2 === 0 && !failed.has(value!)
          ? Effect.suspend(() => Effect.fail((failed.add(value!), "no")))
          : Effect.void
      yield* Consumer.run(Consumer.make("g", {
        ...settings,
        onFailure: Retry.blocking(Schedule.spaced(Duration.zero)),
        handlers: [copying(once)]
      }))
      assert.isAbove(failed.size, 0)
      assert.deepStrictEqual(yield* results, texts(30))
      assert.strictEqual(yield* progress, 30)
    }).pipe(Effect.provide(InMemoryKafka.layer)))

  it.effect("leaves nothing of a batch that stops the consumer", () =>
    Effect.gen(function*() {
      yield* produce(15)
      const consumer = (fails: boolean) =>
        Consumer.make("g", {
          ...settings,
          onFailure: OnFailure.stop,
          handlers: [copying((values) => fails && values.includes("7") ? Effect.fail("no") : Effect.void)]
        })
      const error = yield* Effect.flip(Consumer.run(consumer(true)))
      assert.deepInclude(error, { _tag: "HandlerFailed", partition: 1, offset: 0 })
      assert.notInclude(yield* results, "7")
      yield* Consumer.run(consumer(false))
      assert.deepStrictEqual(yield* results, texts(15))
      assert.strictEqual(yield* progress, 15)
    }).pipe(Effect.provide(InMemoryKafka.layer)))

  for (const takesEffect of [true, false]) {
    const what = takesEffect ? "once if it took effect" : "again if it did not"
    it.effect(`handles a batch whose transaction ended without an answer ${what}`, () =>
      Effect.gen(function*() {
        yield* produce(9)
        let calls = 0
        yield* Consumer.run(Consumer.make("g", {
          ...settings,
          onFailure: Retry.blocking(Schedule.spaced(Duration.zero)),
          handlers: [copying(() => Effect.sync(() => calls++))]
        }))
        assert.strictEqual(calls, takesEffect ? 3 : 4)
        assert.deepStrictEqual(yield* results, texts(9))
        assert.strictEqual(yield* progress, 9)
      }).pipe(Effect.provide(unanswered(takesEffect))))
  }
})

describe("Topic.handleBatch", () => {
  it.effect("says which part of the partition the batch covers", () =>
    Effect.gen(function*() {
      yield* produce(9)
      const spans: Array<unknown> = []
      yield* Consumer.run(Consumer.make("g", {
        ...settings,
        onFailure: OnFailure.stop,
        handlers: [
          Topic.handleBatch(In, (records, span) => Effect.sync(() => spans.push([records.length, span])), {
            maxSize: 2
          })
        ]
      }))
      const first = spans.filter((one) => JSON.stringify(one).includes("\"partition\":0"))
      assert.deepStrictEqual(first, [
        [2, { topic: "in", partition: 0, start: 0, next: 2 }],
        [1, { topic: "in", partition: 0, start: 2, next: 3 }]
      ])
    }).pipe(Effect.provide(InMemoryKafka.layer)))
})
