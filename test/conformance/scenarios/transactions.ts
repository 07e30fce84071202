import { assert } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Schedule from "effect/Schedule"
import * as Stream from "effect/Stream"
import { Consumer, OnFailure, Producer, Retry, Topic } from "millrace"
import * as KafkaEngine from "../../../src/engine/KafkaEngine.ts"
import type { Group } from "../harness.ts"
import { scenario } from "../harness.ts"
import { Ledger } from "../ledger.ts"
import { join, produce, reasonOf, runMember, share, sorted, texts, textTopic } from "../members.ts"
import { recordsOf } from "../routes.ts"

const adminOf = Effect.flatMap(KafkaEngine.Service, (engine) => engine.admin)
const message = (value: string) => ({ key: null, value, partition: 0 })

export const transactions: Group = {
  title: "a transaction",
  scenarios: [
    scenario(
      "is seen when it is committed, and never when it is aborted",
      ["transactions"],
      (world) =>
        Effect.gen(function*() {
          const topic = textTopic(yield* world.topic(4))
          const id = world.name("tx")
          yield* Producer.send(topic, message("1"))
          yield* Producer.transaction(id, Producer.sendAll(topic, [message("2"), message("3")]))
          const failed = yield* Effect.flip(
            Producer.transaction(id, Effect.andThen(Producer.send(topic, message("aborted")), Effect.fail("no")))
          )
          assert.strictEqual(failed, "no")
          yield* Producer.send(topic, message("4"))
          const read = (isolation: "read_committed" | "read_uncommitted" | undefined) =>
            Effect.gen(function*() {
              const ledger = new Ledger()
              const group = world.name("group")
              const settings = { until: "end", ...(isolation === undefined ? {} : { isolation }) } as const
              const member = yield* join(world, { group, topics: [topic.name], ledger, settings })
              assert.isUndefined(yield* member.ended)
              const committed = yield* world.committed(group, topic.name)
              return { values: ledger.values, next: committed.find(({ partition }) => partition === 0)?.offset }
            })
          assert.deepStrictEqual((yield* read(undefined)).values, ["1", "2", "3", "4"])
          assert.deepStrictEqual((yield* read("read_committed")).values, ["1", "2", "3", "4"])
          assert.deepStrictEqual((yield* read("read_uncommitted")).values, ["1", "2", "3", "aborted", "4"])
        })
    ),
    scenario(
      "is not seen while it is open, and holds back what comes after it",
      ["transactions"],
      (world) =>
        Effect.gen(function*() {
          const topic = textTopic(yield* world.topic(4))
          const ledger = new Ledger()
          const member = yield* join(world, { group: world.name("group"), topics: [topic.name], ledger })
          yield* Producer.send(topic, message("1"))
          yield* world.until("the first is handled", Effect.sync(() => ledger.handled.length === 1))
          yield* Producer.transaction(
            world.name("tx"),
            Effect.gen(function*() {
              yield* Producer.send(topic, message("2"))
              yield* world.foreignProduce([{
                topic: topic.name,
                partition: 0,
                key: null,
                value: new TextEncoder().encode("3")
              }])
              yield* world.advance(world.slowMillis)
              assert.deepStrictEqual(ledger.values, ["1"])
            })
          )
          yield* world.until("all are handled", Effect.sync(() => ledger.handled.length === 3))
          yield* member.stop
          assert.deepStrictEqual(ledger.values, ["1", "2", "3"])
        })
    ),
    scenario(
      "carries what a batch handler read and wrote, and its progress, or nothing of it",
      ["transactions"],
      (world) =>
        Effect.gen(function*() {
          const [source, target] = [yield* world.topic(4), yield* world.topic(4)]
          const group = world.name("group")
          const id = world.name("tx")
          yield* produce(source, 0, 40, 4)
          const admin = yield* adminOf
          let healthy = false
          const copy = Topic.handleOwningOffsets(textTopic(source), (batch) =>
            Producer.transaction(
              id,
              Effect.gen(function*() {
                yield* Producer.sendAll(textTopic(target), batch.records.map(({ value }) => message(value)))
                yield* Producer.sendOffsets([{ topic: source, partition: batch.partition, offset: batch.next }])
                if (!healthy && batch.start > 0) return yield* Effect.fail("the batch fails after all")
              })
            ), {
            maxSize: 5,
            startOffsets: (partitions) =>
              Effect.map(admin.groupOffsets(group), (all) =>
                all.filter((position) =>
                  partitions.some(({ partition, topic }) =>
                    position.topic === topic && position.partition === partition
                  )
                ))
          })
          const consumer = Consumer.make(group, {
            offsetReset: "earliest",
            ...world.settings,
            onFailure: OnFailure.stop,
            handlers: [copy]
          })
          // Each failure ends the run, as its policy says; the next run begins where the transactions say.
          for (let run = 0; run < 2; run++) {
            const failing = yield* runMember(world, consumer)
            assert.strictEqual((yield* failing.ended)?._tag, "HandlerFailed")
          }
          healthy = true
          const member = yield* runMember(world, consumer)
          const ledger = new Ledger()
          const reader = yield* join(world, { group: world.name("reader"), topics: [target], ledger, name: "r" })
          yield* world.until(
            "all are copied",
            Effect.sync(() =>
              ledger.handled.length >= 40
            )
          )
          yield* world.until(
            "all are committed",
            Effect.map(world.committed(group, source), (all) => all.reduce((sum, { offset }) => sum + offset, 0) === 40)
          )
          yield* member.stop
          yield* reader.stop
          assert.strictEqual(new Set(ledger.values).size, 40)
          assert.strictEqual(ledger.values.length, 40, sorted(ledger.values).join())
        })
    ),
    scenario(
      "that is over takes nothing more from a fiber that outlived it",
      ["transactions"],
      (world) =>
        Effect.gen(function*() {
          const topic = textTopic(yield* world.topic(1))
          const id = world.name("tx")
          const go = yield* Deferred.make<void>()
          const outliving = yield* Deferred.make<Fiber.Fiber<unknown, unknown>>()
          const late = Effect.forkDetach(Effect.andThen(Deferred.await(go), Producer.send(topic, message("late"))))
          const failing = Effect.flatMap(
            late,
            (fiber) => Effect.andThen(Deferred.succeed(outliving, fiber), Effect.fail("no"))
          )
          assert.strictEqual(yield* Effect.flip(Producer.transaction(id, failing)), "no")
          yield* Producer.transaction(
            id,
            Effect.gen(function*() {
              yield* Producer.send(topic, message("kept"))
              yield* Deferred.succeed(go, undefined)
              const error = yield* Effect.flip(Fiber.join(yield* Deferred.await(outliving)))
              assert.strictEqual(reasonOf(error), "TransactionFailed")
            })
          )
          const ledger = new Ledger()
          yield* Producer.send(topic, message("end"))
          const member = yield* join(world, { group: world.name("group"), topics: [topic.name], ledger })
          yield* world.until("all are read", Effect.sync(() => ledger.values.includes("end")))
          yield* member.stop
          assert.deepStrictEqual(ledger.values, ["kept", "end"])
        })
    ),
    scenario("of an older producer with the same id is fenced", ["transactions"], (world) =>
      Effect.gen(function*() {
        const topic = yield* world.topic(4)
        const engine = yield* KafkaEngine.Service
        const id = world.name("tx")
        const older = yield* engine.transactional(id)
        yield* older.begin
        const newer = yield* engine.transactional(id)
        const raw = { topic, partition: 0, key: null, value: new Uint8Array([1]) }
        const told = yield* Deferred.make<void>()
        while (!older.produce(raw, () => Deferred.doneUnsafe(told, Effect.void))) yield* older.whenSpace
        yield* Deferred.await(told)
        const error = yield* Effect.flip(older.commit)
        assert.strictEqual(reasonOf(error), "Fenced")
        yield* newer.begin
        yield* newer.abort
      })),
    scenario(
      "copies each record once through members that come, fail and go",
      ["transactions"],
      (world) =>
        Effect.gen(function*() {
          const topic = textTopic(yield* world.topic(4))
          const copies = textTopic(yield* world.topic(4))
          const group = world.name("group")
          const failed = new Set<string>()
          const consumer = Consumer.make(group, {
            offsetReset: "earliest",
            ...world.settings,
            onFailure: Retry.blocking(Schedule.spaced("10 millis")),
            handlers: [
              Topic.handleTransactional(topic, (records) =>
                Effect.gen(function*() {
                  const values = records.map(({ value }) => value)
                  yield* Producer.sendAll(copies, values.map((value) => ({ key: value, value })))
                  const last = values[values.length - 1]!
                  if (Number(last) % 3 === 0 && !failed.has(last)) return yield* Effect.fail(failed.add(last))
                  yield* Effect.sleep(20)
                }), { maxSize: 10 })
            ]
          })
          yield* produce(topic.name, 0, 200, 4)
          const first = yield* runMember(world, consumer, { name: "the first" })
          yield* world.until("a batch failed", Effect.sync(() => failed.size > 0))
          const second = yield* runMember(world, consumer, { name: "the second" })
          yield* world.until("both have a share", share([first, second], 4))
          yield* produce(topic.name, 200, 400, 4)
          yield* first.stop
          const progress = Effect.map(
            world.committed(group, topic.name),
            (positions) => positions.reduce((sum, { offset }) => sum + offset, 0)
          )
          // The markers of transactions take offsets in the copies alone.
          yield* world.until("all are handled", Effect.map(progress, (sum) => sum === 400))
          yield* second.stop
          const read = yield* Topic.read(copies, { from: "earliest", until: "end" }).pipe(
            Stream.map(({ value }) => value),
            Stream.runCollect
          )
          assert.deepStrictEqual(sorted(read), texts(0, 400))
        })
    ),
    scenario(
      "commits offsets of a partition that stayed, also after a rebalance",
      ["transactions"],
      (world) =>
        Effect.gen(function*() {
          const topic = yield* world.topic(4)
          const group = world.name("group")
          const ledger = new Ledger()
          const failed: Array<unknown> = []
          const work = ({ offset, partition }: { readonly offset: number; readonly partition: number }) =>
            Producer.transaction(
              `${group}-${partition}`,
              Producer.sendOffsets([{ topic, partition, offset: offset + 1 }])
            ).pipe(
              Effect.tapError((error) => Effect.sync(() => failed.push(error))),
              Effect.retry({ times: 5 }),
              Effect.provide(world.engine)
            )
          const first = yield* join(world, { group, topics: [topic], ledger, name: "a", work })
          yield* produce(topic, 0, 4, 4)
          yield* world.until("all are handled", Effect.sync(() => ledger.handled.length === 4))
          const second = yield* join(world, { group, topics: [topic], ledger, name: "b", work })
          yield* world.until("they share", share([first, second], 4))
          yield* produce(topic, 4, 12, 4)
          yield* world.until("the rest is handled", Effect.sync(() => ledger.handled.length >= 12))
          assert.deepStrictEqual(failed, [])
          yield* second.stop
          yield* first.stop
          assert.deepStrictEqual(sorted(ledger.values), texts(0, 12))
        })
    ),
    scenario(
      "takes dead letters of a partition that stayed along, also after a rebalance",
      ["transactions"],
      (world) =>
        Effect.gen(function*() {
          const topic = yield* world.topic(4)
          const group = world.name("group")
          const ledger = new Ledger()
          const options = {
            group,
            topics: [topic],
            ledger,
            work: () => Effect.fail("no"),
            onFailure: OnFailure.deadLetter,
            settings: { retries: { transactional: true } }
          }
          const first = yield* join(world, { ...options, name: "a" })
          yield* produce(topic, 0, 4, 4)
          const dlt = `${group}.${topic}.dlt`
          yield* recordsOf(world, dlt, 4, 4)
          const second = yield* join(world, { ...options, name: "b" })
          yield* world.until("they share", share([first, second], 4))
          yield* produce(topic, 4, 12, 4)
          const dead = yield* recordsOf(world, dlt, 12, 4)
          yield* second.stop
          yield* first.stop
          assert.deepStrictEqual(sorted(dead.map(({ value }) => Buffer.from(value!).toString())), texts(0, 12))
          const committed = yield* world.committed(group, topic)
          assert.deepStrictEqual(committed.map(({ offset }) => offset), [3, 3, 3, 3])
        })
    ),
    scenario(
      "commits no offsets of a partition that was lost while its handler ran",
      ["transactions", "network"],
      (world) =>
        Effect.gen(function*() {
          const topic = yield* world.topic(1)
          const group = world.name("group")
          const ledger = new Ledger()
          const gate = yield* Deferred.make<void>()
          const outcomes: Array<unknown> = []
          const late = Effect.gen(function*() {
            yield* Deferred.await(gate)
            const exit = yield* Effect.exit(
              Producer.transaction(world.name("tx"), Producer.sendOffsets([{ topic, partition: 0, offset: 1 }]))
            )
            outcomes.push(exit)
          })
          const { engine } = yield* world.network
          const member = yield* join(world, {
            group,
            topics: [topic],
            ledger,
            engine,
            work: () => outcomes.length > 0 ? Effect.void : Effect.uninterruptible(Effect.provide(late, world.engine))
          })
          yield* produce(topic, 0, 1, 1)
          yield* world.until("it runs", Effect.sync(() => ledger.started.length === 1))
          yield* world.expire(member)
          const isBack = () => {
            const tags = member.events.map(({ _tag }) => _tag)
            return tags.lastIndexOf("Assigned") > tags.lastIndexOf("Lost") && tags.includes("Lost")
          }
          yield* world.until("it is back", Effect.sync(isBack))
          yield* Deferred.succeed(gate, undefined)
          yield* world.until("it has tried", Effect.sync(() => outcomes.length === 1))
          const error = Cause.squash((outcomes[0] as Exit.Failure<unknown, unknown>).cause)
          assert.strictEqual(reasonOf(error), "CommitFailed")
          yield* world.until("it is handled again", Effect.sync(() => ledger.started.length === 2))
          yield* member.stop
        })
    )
  ]
}
