import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"
import * as Stream from "effect/Stream"
import { Consumer, DeadLetters, OnFailure, Retry, type RetryTopics, Topic } from "millrace"
import { InMemoryKafka } from "millrace/testing"
import {
  bytes,
  committed,
  group,
  makeTopics,
  onCluster,
  Orders,
  recordsOf,
  send,
  text,
  Users
} from "./internal/deadLetters/letters.ts"

const naming: RetryTopics.Naming = {
  retry: ({ group, topic }, { index }) => `${group}.${topic}.retry.${index}`,
  deadLetter: () => "all.dlt"
}

const policy = Retry.nonBlocking(Schedule.recurs(1))

const make = (users: OnFailure.OnFailure<unknown> = policy) =>
  Consumer.make("billing", {
    offsetReset: "earliest",
    retries: { naming },
    onFailure: policy,
    handlers: [
      Topic.handle(Orders, () => Effect.void),
      Topic.handle(Users, () => Effect.void, { onFailure: users })
    ]
  })

const sharing = make()

const topics = makeTopics({
  orders: 2,
  users: 1,
  "all.dlt": 1,
  "billing.orders.retry.1": 2,
  "billing.users.retry.1": 1
})

const letter = (source: string, key: string) => send({ topic: "all.dlt", source, key })

const keysIn = (topic: string) => Effect.map(recordsOf(topic), (records) => records.map(({ key }) => text(key)))

const redrive = (options?: DeadLetters.RedriveOptions) => Stream.runCollect(DeadLetters.redrive(sharing, options))

const keys = (letters: ReadonlyArray<DeadLetters.DeadLetter>) => letters.map(({ key }) => text(key))

describe("a dead letter topic that sources share", () => {
  it.effect("gives each record back to its own source", () =>
    Effect.gen(function*() {
      yield* topics
      for (const [source, key] of [["orders", "o1"], ["users", "u1"], ["orders", "o2"]] as const) {
        yield* letter(source, key)
      }
      const dry = yield* redrive({ dryRun: true })
      const moved = yield* redrive()
      const to = (all: ReadonlyArray<DeadLetters.Moved>) => all.map(({ letter, to }) => [letter.source, to.topic])
      assert.deepStrictEqual(to(moved), [
        ["orders", "billing.orders.retry.1"],
        ["users", "billing.users.retry.1"],
        ["orders", "billing.orders.retry.1"]
      ])
      assert.deepStrictEqual(to(dry), to(moved))
      assert.deepStrictEqual(yield* keysIn("billing.orders.retry.1"), ["o1", "o2"])
      assert.deepStrictEqual(yield* keysIn("billing.users.retry.1"), ["u1"])
      assert.deepStrictEqual(yield* committed(), { 0: 3 })
      assert.lengthOf(yield* redrive(), 0)
    }).pipe(onCluster))

  it.effect("is told once, with all of its sources", () =>
    Effect.gen(function*() {
      yield* topics
      yield* letter("orders", "o1")
      yield* letter("users", "u1")
      const list = yield* DeadLetters.list(sharing)
      assert.deepStrictEqual(list.map(({ depth, source, topic, waiting }) => [topic, source, depth, waiting]), [
        ["all.dlt", "orders, users", 2, 2]
      ])
      const read = (filter: DeadLetters.Filter) => Stream.runCollect(DeadLetters.records(sharing, filter))
      assert.deepStrictEqual(keys(yield* read({})), ["o1", "u1"])
      assert.deepStrictEqual(keys(yield* read({ topic: "users" })), ["u1"])
      assert.deepStrictEqual((yield* DeadLetters.stats(sharing)).map(({ count, source }) => [source, count]), [
        ["orders", 1],
        ["users", 1]
      ])
      assert.deepStrictEqual((yield* DeadLetters.plan(sharing)).routes, [
        { topic: "all.dlt", source: "orders", to: "billing.orders.retry.1", waiting: 1 },
        { topic: "all.dlt", source: "users", to: "billing.users.retry.1", waiting: 1 }
      ])
    }).pipe(onCluster))

  it.effect("is worked off for one source without hiding the others", () =>
    Effect.gen(function*() {
      yield* topics
      for (const [source, key] of [["orders", "o1"], ["users", "u1"]] as const) yield* letter(source, key)
      assert.notStrictEqual(DeadLetters.groupOf(sharing, { topic: "users" }), group)
      assert.deepStrictEqual(keys((yield* redrive({ topic: "users" })).map(({ letter }) => letter)), ["u1"])
      assert.lengthOf(yield* redrive({ topic: "users" }), 0)
      assert.deepStrictEqual(yield* committed(), {})
      assert.deepStrictEqual(yield* committed(DeadLetters.groupOf(sharing, { topic: "users" })), { 0: 2 })
      const error = yield* Effect.flip(DeadLetters.discard(sharing, { topic: "users" }))
      assert.include(error.message, "orders, users share \"all.dlt\"")
      assert.deepStrictEqual(yield* DeadLetters.discard(sharing), [{ topic: "all.dlt", partition: 0, from: 0, to: 2 }])
    }).pipe(onCluster))

  it.effect("keeps what came from none of them, and says how to go on", () =>
    Effect.gen(function*() {
      yield* topics
      yield* letter("orders", "o1")
      yield* letter("payments", "p1")
      const kafka = yield* InMemoryKafka
      yield* kafka.produce({ topic: "all.dlt", partition: 0, key: bytes("n1"), value: bytes("{}") })
      yield* letter("orders", "o2")
      const read = yield* Stream.runCollect(DeadLetters.records(sharing))
      assert.deepStrictEqual(read.map(({ source }) => source), ["orders", "payments", "", "orders"])
      assert.include((yield* Effect.flip(read[1]!.decoded)).message, "no source topic")
      const told = yield* Effect.flip(redrive())
      assert.include(told.message, "all.dlt/0 at offset 1: it came from \"payments\"")
      assert.include(told.message, "discard (partition 0, before 2)")
      assert.deepStrictEqual(yield* committed(), { 0: 1 })
      yield* DeadLetters.discard(sharing, { partition: 0, before: 2 })
      assert.include((yield* Effect.flip(redrive())).message, "do not say which topic it came from")
      // Where the destination is the same for all, nobody has to know.
      const parked = yield* Stream.runCollect(DeadLetters.park(sharing))
      assert.deepStrictEqual(keys(parked.map(({ letter }) => letter)), ["n1", "o2"])
      assert.deepStrictEqual(yield* keysIn("all.parked"), ["n1", "o2"])
      // Sent by the redrive without a filter, or parked without one.
      assert.lengthOf(yield* redrive({ topic: "orders" }), 0)
    }).pipe(onCluster))

  it.effect("is exported and imported once", () =>
    Effect.gen(function*() {
      yield* topics
      for (const [source, key] of [["orders", "o1"], ["users", "u1"]] as const) yield* letter(source, key)
      const lines = yield* Stream.runCollect(DeadLetters.toNdjson(sharing))
      assert.deepStrictEqual(lines.map((line) => JSON.parse(line).source), ["orders", "users"])
      yield* Stream.runDrain(DeadLetters.fromNdjson(sharing, Stream.fromIterable(lines)))
      assert.deepStrictEqual(yield* keysIn("all.dlt"), ["o1", "u1", "o1", "u1"])
    }).pipe(onCluster))

  it.effect("is worked off also when one of the sources makes no dead letters any more", () =>
    Effect.gen(function*() {
      yield* topics
      const now = make(OnFailure.stop)
      yield* letter("orders", "o1")
      yield* letter("users", "u1")
      const error = yield* Effect.flip(Stream.runCollect(DeadLetters.redrive(now)))
      assert.include(error.message, "\"users\" has no retry topics")
      assert.deepStrictEqual(yield* keysIn("billing.orders.retry.1"), ["o1"])
      assert.lengthOf(yield* Stream.runCollect(DeadLetters.redrive(now, { topic: "orders" })), 0)
      assert.lengthOf(yield* Stream.runCollect(DeadLetters.redrive(now, { to: "origin" })), 1)
      assert.deepStrictEqual(yield* keysIn("users"), ["u1"])
    }).pipe(onCluster))
})
