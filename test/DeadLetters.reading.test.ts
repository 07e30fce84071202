import { assert, describe, it } from "@effect/vitest"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/testing/TestClock"
import { Codec, Consumer, DeadLetters, OnFailure, Retry, RetryTopics, Topic } from "millrace"
import { InMemoryKafka } from "millrace/testing"
import type { RawHeader } from "../src/engine/KafkaEngine.ts"
import * as KafkaEngine from "../src/engine/KafkaEngine.ts"
import * as RetryHeaders from "../src/internal/retry/retryHeaders.ts"
import { retryHeaders } from "./conformance/routes.ts"
import {
  adminOf,
  billing,
  bytes,
  committed,
  deadLetter,
  group,
  makeTopics,
  onCluster,
  Order,
  parked,
  recordsOf,
  send,
  sendMany,
  start,
  tier1
} from "./internal/deadLetters/letters.ts"
import { recorded } from "./internal/retry/fixtures.ts"

const hour = 3_600_000
const two = makeTopics({ orders: 2, [deadLetter]: 2, [tier1]: 2, "billing.orders.retry.2": 2 })

const read = (filter?: DeadLetters.Filter) => Stream.runCollect(DeadLetters.records(billing, filter))
const places = (filter?: DeadLetters.Filter) =>
  Effect.map(read(filter), (letters) => letters.map(({ offset, partition }) => `${partition}/${offset}`).sort())

describe("dead letters", () => {
  it.effect("know the times of a record that came and failed at the first moment of a test's clock", () =>
    Effect.gen(function*() {
      const kafka = yield* InMemoryKafka
      yield* kafka.produce({ topic: "orders", key: null, value: bytes("no json") })
      yield* Effect.exit(Consumer.run(Consumer.make("billing", {
        offsetReset: "earliest",
        onFailure: OnFailure.deadLetter,
        until: "end",
        handlers: [Topic.handle(Topic.make("orders", { key: Codec.none, value: Codec.json(Order) }), () => Effect.void)]
      })))
      const [letter] = yield* read()
      const { failedAt, firstFailedAt, origin } = letter!
      assert.deepStrictEqual([origin?.timestamp, firstFailedAt, failedAt], [0, 0, 0])
    }).pipe(Effect.provide(InMemoryKafka.layer)))

  it.effect("tell what happened to them, and decode when asked", () =>
    Effect.gen(function*() {
      yield* two
      yield* send({ partition: 1, key: "k", value: "{\"id\":\"a\",\"total\":3}", originOffset: 77, replays: 2 })
      yield* send({ partition: 1, value: "no json" })
      const [letter, poison] = yield* read()
      assert.deepInclude(letter, {
        topic: deadLetter,
        partition: 1,
        offset: 0,
        timestamp: start,
        source: "orders",
        origin: { topic: "orders", partition: 1, offset: 77, timestamp: 5000, timestampType: "CreateTime" },
        group: "billing",
        attempts: 3,
        errorTag: "CardDeclined",
        firstFailedAt: 6000,
        failedAt: 90_000,
        replays: 2,
        family: "millrace"
      })
      assert.match(letter!.errorMessage!, /^CardDeclined of \d+$/)
      const record = yield* letter!.decoded
      assert.deepStrictEqual([record.key, record.value], ["k", { id: "a", total: 3 }])
      const error = yield* Effect.flip(poison!.decoded)
      assert.deepInclude(error, { _tag: "Poison", offset: 1, part: "value" })
    }).pipe(onCluster))

  it.effect("of other toolkits are told alike, and redriven with what tells of their origin", () =>
    Effect.gen(function*() {
      yield* two
      const kafka = yield* InMemoryKafka
      const spring = recorded("spring-kafka/non-blocking-retry").at(-1)!
      const recoverer = recorded("spring-kafka/dead-letter-recoverer").at(-1)!
      const django = recorded("django-kafka/retry-5.1.2").at(-1)!
      for (const { headers } of [spring, recoverer, django]) {
        yield* kafka.produce({ topic: deadLetter, partition: 0, value: bytes("{}"), headers })
      }
      const letters = yield* read()
      assert.deepStrictEqual(letters.map(({ family }) => family), ["spring", "spring", "django-kafka"])
      assert.deepInclude(letters[0], { errorTag: "Declined", attempts: 4, group: "sk-billing" })
      assert.strictEqual(letters[0]!.origin?.topic, RetryHeaders.read(spring).origin?.topic)
      yield* Stream.runDrain(DeadLetters.redrive(billing))
      const sent = yield* recordsOf(tier1)
      assert.lengthOf(sent, 3)
      for (const record of sent) assert.deepInclude(RetryHeaders.read(record), { attempts: 1, replays: 1, due: start })
      assert.deepStrictEqual(RetryHeaders.read(sent[0]!).origin, letters[0]!.origin)
    }).pipe(onCluster))

  it.effect("with hostile headers harm nobody", () =>
    Effect.gen(function*() {
      yield* two
      const kafka = yield* InMemoryKafka
      const huge = Uint8Array.from({ length: 8 }, () => 0x7f)
      yield* kafka.produce({
        topic: deadLetter,
        partition: 1,
        value: bytes("{}"),
        headers: [
          ["kafka_original-topic", bytes("orders")],
          ["kafka_original-partition", Uint8Array.from([0x7f, 255, 255, 255])],
          ["kafka_original-offset", huge],
          ["retry_topic-attempts", huge],
          ["retry_topic-backoff-timestamp", huge],
          ["x-retry-replays", bytes("99999999999999999999")],
          ["x-retry-error-tag", null],
          ["", null]
        ]
      })
      const [letter] = yield* read()
      assert.deepInclude(letter, { origin: undefined, replays: 0, errorTag: undefined, failedAt: start })
      assert.lengthOf(yield* Stream.runCollect(DeadLetters.redrive(billing)), 1)
      assert.strictEqual((yield* recordsOf(tier1))[0]!.partition, 1)
    }).pipe(onCluster))

  it.effect("are chosen by filters", () =>
    Effect.gen(function*() {
      yield* two
      yield* send({ partition: 0, key: "a", tag: "Timeout" })
      yield* send({ partition: 0, key: null })
      yield* TestClock.adjust("1 hour")
      yield* send({ partition: 1, key: "a" })
      yield* send({ partition: 1, key: "b", tag: "Timeout" })
      assert.deepStrictEqual(yield* places(), ["0/0", "0/1", "1/0", "1/1"])
      assert.deepStrictEqual(yield* places({ key: "a" }), ["0/0", "1/0"])
      assert.deepStrictEqual(yield* places({ key: null }), ["0/1"])
      assert.deepStrictEqual(yield* places({ tag: "Timeout" }), ["0/0", "1/1"])
      assert.deepStrictEqual(yield* places({ tag: "Timeout", key: "b" }), ["1/1"])
      assert.deepStrictEqual(yield* places({ since: start + 1 }), ["1/0", "1/1"])
      assert.deepStrictEqual(yield* places({ since: start, until: start + hour }), ["0/0", "0/1"])
      assert.deepStrictEqual(yield* places({ partition: 1 }), ["1/0", "1/1"])
      assert.deepStrictEqual(yield* places({ partition: 0, offset: 1 }), ["0/1"])
      assert.deepStrictEqual(yield* places({ topic: "orders", offset: 0 }), ["0/0", "1/0"])
      const odd = { name: "odd", test: ({ offset }: DeadLetters.DeadLetter) => offset % 2 === 1 }
      assert.deepStrictEqual(yield* places({ where: odd }), ["0/1", "1/1"])
      assert.include((yield* Effect.flip(read({ topic: "order" }))).message, "there is: orders")
      assert.deepStrictEqual(yield* committed(), {})
    }).pipe(onCluster))

  it.effect("end where they ended when the reading began", () =>
    Effect.gen(function*() {
      yield* two
      yield* sendMany(2)
      const letters = yield* Stream.runCollect(Stream.tap(DeadLetters.records(billing), () => send()))
      assert.lengthOf(letters, 2)
    }).pipe(onCluster))

  it.effect("behind an end that is a transaction's are waited for by nobody", () =>
    Effect.gen(function*() {
      yield* two
      yield* send()
      const engine = yield* KafkaEngine.Service
      yield* Effect.scoped(
        Effect.gen(function*() {
          const client = yield* engine.transactional("t")
          yield* client.begin
          client.produce({ topic: deadLetter, partition: 0, key: null, value: bytes("{}") }, () => {})
          yield* client.flush(Duration.seconds(1))
          // What is open cannot be read yet, and is not waited for.
          assert.lengthOf(yield* read(), 1)
          yield* client.commit
        })
      )
      assert.lengthOf(yield* read(), 2)
    }).pipe(onCluster))

  it.effect("whose codecs need what is not there are still listed", () =>
    Effect.gen(function*() {
      yield* two
      yield* send()
      const consumer = Consumer.make("billing", {
        offsetReset: "earliest",
        onFailure: OnFailure.deadLetter,
        handlers: [
          Topic.handle(
            Topic.make("orders", {
              key: Codec.none,
              value: Codec.make<string>({
                decoder: () => Effect.die(new Error("Service not found: Registry")),
                encoder: () => Effect.die(new Error("Service not found: Registry"))
              })
            }),
            () => Effect.void
          )
        ]
      })
      const [letter] = yield* Stream.runCollect(DeadLetters.records(consumer))
      const error = yield* Effect.flip(letter!.decoded)
      assert.include(error.message, "Service not found: Registry")
    }).pipe(onCluster))
})

describe("the list of dead letter topics", () => {
  it.effect("tells how many there are, how old, and of what", () =>
    Effect.gen(function*() {
      yield* two
      yield* send({ partition: 0, tag: "Timeout" })
      yield* TestClock.adjust("1 hour")
      yield* sendMany(3, { partition: 1 })
      yield* sendMany(2, { partition: 1, replays: 3 })
      assert.deepStrictEqual(yield* DeadLetters.list(billing), [{
        topic: deadLetter,
        source: "orders",
        partitions: 2,
        depth: 6,
        waiting: 6,
        oldest: start,
        newest: start + hour,
        tags: [{ tag: "CardDeclined", count: 5 }, { tag: "Timeout", count: 1 }],
        scanned: 6,
        parked,
        parkedDepth: 0
      }])
      yield* Stream.runDrain(DeadLetters.redrive(billing, { max: 6 }))
      const [after] = yield* DeadLetters.list(billing, { scan: 4 })
      assert.deepInclude(after, { depth: 6, waiting: 0, oldest: start, scanned: 3, parkedDepth: 2 })
      // Looking is nothing that is committed.
      const admin = yield* adminOf
      assert.deepStrictEqual((yield* admin.listGroups).map(({ groupId }) => groupId), [group])
    }).pipe(onCluster))

  it.effect("tells of topics that a policy needs and that are not there", () =>
    Effect.gen(function*() {
      yield* makeTopics({ orders: 2 })
      const [summary] = yield* DeadLetters.list(billing)
      assert.deepInclude(summary, { partitions: undefined, depth: 0, waiting: 0, oldest: undefined, scanned: 0 })
    }).pipe(onCluster))

  it.effect("finds the topics of a pattern by their names, also when their source is gone", () =>
    Effect.gen(function*() {
      yield* makeTopics({
        "eu.orders": 1,
        "us.orders": 1,
        "billing.us.orders.dlt": 1,
        "billing.old.orders.dlt": 1,
        "other.eu.orders.dlt": 1,
        "billing.eu.orders.retry.1": 1,
        "billing.users.dlt": 1
      })
      const consumer = Consumer.make("billing", {
        offsetReset: "earliest",
        onFailure: Retry.nonBlocking(Schedule.recurs(1)),
        handlers: [
          Topic.handle(
            Topic.pattern(/[a-z]+\.orders/, { key: Codec.none, value: Codec.json(Order) }),
            () => Effect.void
          )
        ]
      })
      const list = yield* DeadLetters.list(consumer)
      assert.deepStrictEqual(list.map(({ partitions, source }) => [source, partitions]), [
        ["eu.orders", undefined],
        ["old.orders", 1],
        ["us.orders", 1]
      ])
    }).pipe(onCluster))

  it.effect("keeps topics of an earlier policy", () =>
    Effect.gen(function*() {
      yield* two
      yield* send()
      const now = Consumer.make("billing", {
        offsetReset: "earliest",
        onFailure: OnFailure.stop,
        handlers: [Topic.handle(Topic.make("orders", { key: Codec.none, value: Codec.string }), () => Effect.void)]
      })
      assert.deepStrictEqual((yield* DeadLetters.list(now)).map(({ topic, waiting }) => [topic, waiting]), [
        [deadLetter, 1]
      ])
    }).pipe(onCluster))

  it.effect("counts by source, tag and hour", () =>
    Effect.gen(function*() {
      yield* two
      yield* sendMany(2, { tag: "Timeout" })
      yield* send()
      yield* TestClock.adjust("1 hour")
      yield* send({ tag: "Timeout" })
      const first = Math.floor(start / hour) * hour
      assert.deepStrictEqual(yield* DeadLetters.stats(billing), [
        { source: "orders", tag: "Timeout", hour: first, count: 2 },
        { source: "orders", tag: "CardDeclined", hour: first, count: 1 },
        { source: "orders", tag: "Timeout", hour: first + hour, count: 1 }
      ])
      assert.lengthOf(yield* DeadLetters.stats(billing, { tag: "CardDeclined" }), 1)
    }).pipe(onCluster))
})

describe("dead letters that a broker wrote for a share group", () => {
  const reference = (offset: number): ReadonlyArray<RawHeader> => [
    ["__dlq.errors.topic", bytes("orders")],
    ["__dlq.errors.partition", bytes("0")],
    ["__dlq.errors.offset", bytes(String(offset))],
    ["__dlq.errors.group", bytes("shares")],
    ["__dlq.errors.message", bytes("rejected")],
    ["__dlq.errors.delivery.count", bytes("5")]
  ]

  it.effect("have the record that they refer to, and say when it is gone", () =>
    Effect.gen(function*() {
      yield* two
      const kafka = yield* InMemoryKafka
      yield* kafka.produce({
        topic: "orders",
        partition: 0,
        key: bytes("o"),
        value: bytes("{\"id\":\"1\",\"total\":2}")
      })
      for (const offset of [0, 7]) {
        yield* kafka.produce({ topic: deadLetter, partition: 0, key: null, value: null, headers: reference(offset) })
      }
      const [there, gone] = yield* Stream.runCollect(DeadLetters.records(billing))
      assert.deepInclude(there, { attempts: 5, errorMessage: "rejected", group: "shares", gone: undefined })
      assert.deepStrictEqual((yield* there!.decoded).value, { id: "1", total: 2 })
      assert.deepInclude(gone, { key: null, value: null, gone: "orders/0 at offset 7" })
      assert.include((yield* Effect.flip(gone!.decoded)).message, "is gone")
      const error = yield* Effect.flip(Stream.runDrain(DeadLetters.redrive(billing)))
      assert.include(error.message, "orders/0 at offset 7, and that record is gone")
      const [sent] = yield* kafka.records(tier1)
      assert.deepStrictEqual([sent?.key, sent?.value], [bytes("o"), bytes("{\"id\":\"1\",\"total\":2}")])
    }).pipe(onCluster))
})

describe("retry topics", () => {
  it.effect("tell what waits in them, and until when", () =>
    Effect.gen(function*() {
      yield* two
      yield* sendMany(3, { partition: 0 })
      yield* sendMany(2, { partition: 1 })
      yield* Stream.runDrain(DeadLetters.redrive(billing))
      const kafka = yield* InMemoryKafka
      yield* TestClock.adjust("5 seconds")
      yield* kafka.produce({ topic: "billing.orders.retry.2", partition: 0, value: bytes("{}") })
      const admin = yield* adminOf
      yield* admin.alterGroupOffsets("billing.retry", [{ topic: tier1, partition: 0, offset: 2 }])
      assert.deepStrictEqual(yield* RetryTopics.list(billing), [
        {
          topic: tier1,
          source: "orders",
          tier: 1,
          delay: 10_000,
          partitions: 2,
          waiting: 3,
          nextDue: start,
          oldest: start
        },
        // Without a header the delay of the tier counts.
        {
          topic: "billing.orders.retry.2",
          source: "orders",
          tier: 2,
          delay: 20_000,
          partitions: 2,
          waiting: 1,
          nextDue: start + 25_000,
          oldest: start + 5000
        }
      ])
    }).pipe(onCluster))

  it.effect("of an earlier policy are listed behind those of this one", () =>
    Effect.gen(function*() {
      yield* two
      yield* makeTopics({ "billing.orders.retry.11": 1, "billing.orders.retry.3": 1, "billing.users.retry.3": 1 })
      const kafka = yield* InMemoryKafka
      yield* kafka.produce({
        topic: "billing.orders.retry.3",
        partition: 0,
        value: bytes("{}"),
        headers: retryHeaders(2, start + 3_600_000)
      })
      const left = (yield* RetryTopics.list(billing)).slice(2)
      assert.deepStrictEqual(left.map(({ delay, nextDue, topic, waiting }) => ({ delay, nextDue, topic, waiting })), [
        { topic: "billing.orders.retry.3", delay: undefined, waiting: 1, nextDue: start + 3_600_000 },
        { topic: "billing.orders.retry.11", delay: undefined, waiting: 0, nextDue: undefined }
      ])
    }).pipe(onCluster))
})
