import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Schedule from "effect/Schedule"
import * as Stream from "effect/Stream"
import { TestClock } from "effect/testing"
import { Consumer, ConsumerControl, Health, Producer } from "millrace"
import type { KafkaError, Poison } from "millrace"
import { InMemoryKafka } from "millrace/testing"
import { p0, p1, scripted, settle, Texts, texts, until } from "./internal/loop/scenario.ts"

const bounded = { offsetReset: "earliest", until: "end" } as const
const endless = { offsetReset: "earliest" } as const

type One = Consumer.Uncommitted<unknown, string>
type Records = Stream.Stream<One, Poison>

const total = 1_000

const fill = Producer.sendAll(Texts, Array.from({ length: total }, (_, i) => ({ key: null, value: String(i) })))

const committed = Effect.gen(function*() {
  const positions = yield* (yield* InMemoryKafka).committed("g")
  return positions.reduce((sum, { offset }) => sum + offset, 0)
})

/** Handles and commits each record; fails at the first one for each value of `failing`, once. */
const handling = (failing: ReadonlyArray<string>) => {
  const done: Array<string> = []
  const left = new Set(failing)
  const work = ({ commit, record }: One): Effect.Effect<void, KafkaError.KafkaError | "once"> =>
    left.delete(record.value)
      ? Effect.fail("once" as const)
      : Effect.andThen(Effect.sync(() => done.push(record.value)), commit)
  return { done, read: (records: Records) => Stream.mapEffect(records, work) }
}

const isWhole = (values: ReadonlyArray<string>) => {
  assert.lengthOf(values, total)
  assert.strictEqual(new Set(values).size, total)
}

describe("the stream of a partition that is read again", () => {
  it.effect("begins with the first record that is not committed: Stream.retry in runPartitions", () =>
    Effect.gen(function*() {
      yield* fill
      const { done, read } = handling(["500", "501", "700"])
      yield* Consumer.runPartitions(
        "g",
        Texts,
        bounded,
        (_, records) => Stream.runDrain(Stream.retry(read(records), Schedule.recurs(3)))
      )
      isWhole(done)
      assert.strictEqual(yield* committed, total)
    }).pipe(Effect.provide(InMemoryKafka.layer)))

  it.effect("begins with the first record that is not committed: Stream.retry in partitioned", () =>
    Effect.gen(function*() {
      yield* fill
      const { done, read } = handling(["500", "501", "700"])
      yield* Consumer.partitioned("g", Texts, bounded).pipe(
        Stream.flatMap(([, records]) => Stream.retry(read(records), Schedule.recurs(3)), { concurrency: "unbounded" }),
        Stream.runDrain
      )
      isWhole(done)
      assert.strictEqual(yield* committed, total)
    }).pipe(Effect.provide(InMemoryKafka.layer)))

  it.effect("loses nothing to a reader that takes some, again and again", () =>
    Effect.gen(function*() {
      yield* fill
      const done: Array<string> = []
      yield* Consumer.runPartitions("g", Texts, bounded, (_, records) =>
        Effect.gen(function*() {
          while (true) {
            const some = yield* Stream.runCollect(Stream.take(records, 70))
            if (some.length === 0) return
            done.push(...some.map(({ record }) => record.value))
            yield* some[some.length - 1]!.commit
          }
        }))
      isWhole(done)
      assert.strictEqual(yield* committed, total)
    }).pipe(Effect.provide(InMemoryKafka.layer)))

  it.effect("is refused where records would be passed over", () =>
    scripted(Effect.fnUntraced(function*(script) {
      const fiber = yield* Consumer.runPartitions("g", Texts, endless, (_, records) =>
        Effect.andThen(
          Stream.runCollect(Stream.take(records, 7)),
          Stream.runForEach(records, ({ commit }) => commit)
        )).pipe(Effect.flip, Effect.forkScoped)
      yield* until(() => script.isOpen)
      script.produce(p0, texts(0, 20))
      script.emit("assign", [p0])
      const error = yield* Fiber.join(fiber)
      assert.deepInclude(error, { _tag: "HandlerFailed", topic: "t", partition: 0, offset: 0 })
      assert.include(error.message, "offset 0 is not committed")
      assert.isUndefined(script.committed.get("t/0"))
    })))

  it.effect("is refused beside another reader of it", () =>
    scripted(Effect.fnUntraced(function*(script) {
      const fiber = yield* Consumer.runPartitions("g", Texts, endless, (_, records) =>
        Stream.merge(records, records).pipe(Stream.runForEach(({ commit }) =>
          commit
        ))).pipe(Effect.flip, Effect.forkScoped)
      yield* until(() =>
        script.isOpen
      )
      script.produce(p0, texts(0, 2))
      script.emit("assign", [p0])
      const error = yield* Fiber.join(fiber)
      assert.strictEqual(error._tag, "HandlerFailed")
      assert.include(error.message, "read twice at once")
    })))
})

describe("a reader that seeks its own partition", () => {
  const seekOnce = () => {
    const seen: Array<string> = []
    const work = Effect.fnUntraced(function*({ commit, record }: One) {
      seen.push(record.value)
      const [control] = yield* ConsumerControl.find("g")
      if (seen.length === 4) yield* control!.seek({ ...p0, offset: 1 })
      yield* commit
    })
    return { seen, work }
  }
  const again = ["1", "2", "3", "4", "5"]

  const readers = {
    records: (work: (one: One) => Effect.Effect<void, KafkaError.KafkaError>) =>
      Stream.runForEach(Consumer.records("g", Texts, endless), work),
    partitioned: (work: (one: One) => Effect.Effect<void, KafkaError.KafkaError>) =>
      Consumer.partitioned("g", Texts, endless).pipe(
        Stream.flatMap(([, records]) => records, { concurrency: "unbounded" }),
        Stream.runForEach(work)
      ),
    runPartitions: (work: (one: One) => Effect.Effect<void, KafkaError.KafkaError>) =>
      Consumer.runPartitions("g", Texts, endless, (_, records) => Stream.runForEach(records, work))
  }

  for (const [name, run] of Object.entries(readers)) {
    it.effect(`goes on from there when it is done with the record in hand: ${name}`, () =>
      scripted(Effect.fnUntraced(function*(script) {
        const { seen, work } = seekOnce()
        yield* Effect.forkScoped(run(work))
        yield* until(() => script.isOpen)
        script.produce(p0, texts(0, 5))
        script.emit("assign", [p0])
        // What the reader had been given before may come first.
        yield* until(() => seen.length >= 4 + again.length && seen.at(-1) === "5")
        assert.deepStrictEqual(seen.slice(-again.length), again)
      })))
  }
})

describe("a partition whose stream nobody reads", () => {
  const readers = {
    "one after the other": Consumer.partitioned("g", Texts, endless).pipe(
      Stream.flatMap(([, records]) => records),
      Stream.runForEach(({ commit }) => commit)
    ),
    "not at all": Stream.runDrain(Consumer.partitioned("g", Texts, endless)),
    "by a reader that does something else": Consumer.runPartitions(
      "g",
      Texts,
      endless,
      ({ partition }, records) => partition === 0 ? Stream.runForEach(records, ({ commit }) => commit) : Effect.never
    )
  }

  for (const [name, program] of Object.entries(readers)) {
    it.effect(`turns health red within a minute: read ${name}`, () =>
      scripted(Effect.fnUntraced(function*(script) {
        yield* Effect.forkScoped(program)
        yield* until(() => script.isOpen)
        script.emit("assign", [p0, p1])
        yield* settle
        script.produce(p1, texts(0, 5))
        yield* settle
        assert.isTrue((yield* Health.all)[0]!.healthy)
        for (let second = 0; second < 60; second++) yield* TestClock.adjust("1 second")
        const [health] = yield* Health.all
        assert.isFalse(health!.healthy)
        assert.include(health!.stalled.find(({ partition }) => partition === 1)?.problem, "nobody reads its stream")
      })))
  }
})

describe("a reader of a partition", () => {
  it.effect("that ends before the end of a bounded read fails the run", () =>
    Effect.gen(function*() {
      yield* Producer.sendAll(Texts, texts(0, 29).map((_, i) => ({ key: null, value: String(i), partition: 0 })))
      const error = yield* Consumer.runPartitions("g", Texts, bounded, ({ partition }, records) =>
        partition > 0
          ? Stream.runDrain(records)
          : records.pipe(Stream.take(5), Stream.runForEach(({ commit }) => commit))).pipe(Effect.flip)
      assert.strictEqual(error._tag, "HandlerFailed")
      assert.include(error.message, "the reader ended before its stream did")
    }).pipe(Effect.provide(InMemoryKafka.layer)))

  it.effect("that takes exactly what there is, and commits it, does not", () =>
    Effect.gen(function*() {
      yield* Producer.sendAll(Texts, texts(0, 4).map((_, i) => ({ key: null, value: String(i), partition: 0 })))
      yield* Consumer.runPartitions("g", Texts, bounded, ({ partition }, records) =>
        partition > 0
          ? Stream.runDrain(records)
          : records.pipe(Stream.take(5), Stream.runForEach(({ commit }) => commit)))
      assert.strictEqual(yield* committed, 5)
    }).pipe(Effect.provide(InMemoryKafka.layer)))

  for (
    const [what, returned, problem] of [
      ["a Promise", Promise.resolve(), "the reader returned a Promise, not an Effect"],
      ["nothing", undefined, "the reader returned undefined, not an Effect"]
    ] as const
  ) {
    it.effect(`that returns ${what} fails the run with the place`, () =>
      scripted(Effect.fnUntraced(function*(script) {
        // As a program in JavaScript does.
        const read = () => returned as unknown as Effect.Effect<void>
        const fiber = yield* Consumer.runPartitions("g", Texts, endless, read).pipe(Effect.flip, Effect.forkScoped)
        yield* until(() => script.isOpen)
        script.emit("assign", [p0])
        const error = yield* Fiber.join(fiber)
        assert.deepInclude(error, { _tag: "HandlerFailed", topic: "t", partition: 0 })
        assert.include(error.message, problem)
      })))
  }
})
