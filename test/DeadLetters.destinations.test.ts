import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"
import * as Stream from "effect/Stream"
import { TestClock } from "effect/testing"
import { Consumer, ConsumerControl, DeadLetters, KafkaError, OnFailure, Retry, Topic } from "millrace"
import { InMemoryKafka } from "millrace/testing"
import * as KafkaEngine from "../src/engine/KafkaEngine.ts"
import * as RetryHeaders from "../src/internal/retry/retryHeaders.ts"
import { retryHeaders } from "./conformance/routes.ts"
import {
  bare,
  billing,
  both,
  bytes,
  committed,
  deadLetter,
  group,
  lastHeader,
  makeTopics,
  onCluster,
  one,
  Orders,
  recordsOf,
  redrive,
  send,
  sendMany,
  start,
  tier1,
  Users,
  usual
} from "./internal/deadLetters/letters.ts"

describe("destinations of a redrive", () => {
  it.effect("have to be named where there is no retry topic", () =>
    Effect.gen(function*() {
      yield* usual
      yield* send()
      const error = yield* Effect.flip(Stream.runCollect(DeadLetters.redrive(bare)))
      assert.include(error.message, "has no retry topics")
      assert.include(error.message, "origin")
      assert.lengthOf(yield* Stream.runCollect(DeadLetters.redrive(bare, { to: "origin" })), 1)
      const [record] = yield* recordsOf("orders")
      assert.deepInclude(RetryHeaders.read(record!), { attempts: 1, due: undefined, replays: 1 })
      assert.isUndefined(lastHeader(record!, "retry_topic-attempts"))
    }).pipe(onCluster))

  it.effect("that one topic lacks do not hold up the others", () =>
    Effect.gen(function*() {
      yield* usual
      yield* makeTopics({ users: 1, "billing.users.dlt": 1 })
      yield* sendMany(2)
      const mixed = Consumer.make("billing", {
        offsetReset: "earliest",
        onFailure: Retry.nonBlocking(Schedule.exponential("10 seconds").pipe(Schedule.upTo({ times: 2 }))),
        handlers: [
          Topic.handle(Users, () => Effect.void, { onFailure: OnFailure.deadLetter }),
          Topic.handle(Orders, () => Effect.void)
        ]
      })
      // Nothing of the topic waits, so nothing is refused.
      assert.lengthOf(yield* Stream.runCollect(DeadLetters.redrive(mixed, { max: 1 })), 1)
      yield* sendMany(3, { source: "users", tag: "Timeout" })
      yield* send({ source: "users" })
      const { refused, routes } = yield* DeadLetters.plan(mixed, { tag: "Timeout" })
      assert.deepStrictEqual(routes, [{ topic: deadLetter, source: "orders", to: tier1, waiting: 0 }])
      assert.deepStrictEqual(refused.map(({ source, topic, waiting }) => [source, topic, waiting]), [
        ["users", "billing.users.dlt", 3]
      ])
      const moved: Array<string> = []
      const error = yield* DeadLetters.redrive(mixed).pipe(
        Stream.runForEach(({ to }) => Effect.sync(() => moved.push(to.topic))),
        Effect.flip
      )
      assert.match(error.message, /topic "users" has no retry topics/)
      assert.deepStrictEqual(moved, [tier1])
      // Only with these the error is about nothing that was meant.
      assert.lengthOf(yield* Stream.runCollect(DeadLetters.redrive(mixed, { tag: "None" })), 0)
      assert.match(
        (yield* Effect.flip(Stream.runDrain(DeadLetters.redrive(mixed, { topic: "users" })))).message,
        /has no retry topics/
      )
      assert.lengthOf(yield* recordsOf("billing.users.dlt"), 4)
      // A retry topic that is not there is the same for its source.
      const { refused: missing } = yield* DeadLetters.plan(both)
      assert.deepStrictEqual(missing.map(({ error, waiting }) => [error.reason._tag, waiting]), [["UnknownTopic", 4]])
    }).pipe(onCluster))

  it.effect("that others read as well are told with their groups", () =>
    Effect.gen(function*() {
      yield* usual
      yield* send({ partition: 1 })
      const admin = yield* Effect.flatMap(KafkaEngine.Service, (engine) => engine.admin)
      for (const reader of ["shipping", "billing"]) {
        yield* admin.alterGroupOffsets(reader, [{ topic: "orders", partition: 0, offset: 0 }])
      }
      yield* admin.alterGroupOffsets("billing.retry", [{ topic: tier1, partition: 0, offset: 0 }])
      assert.deepStrictEqual(yield* DeadLetters.plan(billing, { to: "origin" }), {
        group,
        routes: [{ topic: deadLetter, source: "orders", to: "orders", waiting: 1 }],
        refused: [],
        readers: [{ topic: "orders", groups: ["billing", "shipping"] }],
        unknown: []
      })
      assert.deepStrictEqual((yield* DeadLetters.plan(billing)).readers, [])
      assert.deepStrictEqual(yield* committed(), {})
    }).pipe(onCluster))

  it.effect("are told with the groups that may not be looked at as well", () =>
    Effect.gen(function*() {
      yield* usual
      yield* send()
      const engine = yield* KafkaEngine.Service
      const admin = yield* engine.admin
      for (const reader of ["shipping", "secret"]) {
        yield* admin.alterGroupOffsets(reader, [{ topic: "orders", partition: 0, offset: 0 }])
      }
      const refused = new KafkaError.AuthorizationFailed({ resource: "group", name: "secret" })
      const groupOffsets: typeof admin.groupOffsets = (groupId) =>
        groupId === "secret" ? Effect.fail(KafkaError.make("group offsets", refused)) : admin.groupOffsets(groupId)
      const guarded = {
        ...engine,
        admin: Effect.succeed(Object.create(admin, { groupOffsets: { value: groupOffsets } }))
      }
      yield* Effect.gen(function*() {
        const { readers, unknown } = yield* DeadLetters.plan(billing, { to: "origin" })
        assert.deepStrictEqual(readers, [{ topic: "orders", groups: ["shipping"] }])
        assert.deepStrictEqual(unknown, ["secret"])
        assert.lengthOf(yield* redrive({ to: "origin", dryRun: true }), 1)
        assert.lengthOf(yield* redrive({ to: "origin" }), 1)
      }).pipe(Effect.provideService(KafkaEngine.Service, guarded))
    }).pipe(onCluster))

  it.effect("let nothing overtake what waits in a retry topic, unless it is told to go", () =>
    Effect.gen(function*() {
      yield* one
      const kafka = yield* InMemoryKafka
      yield* kafka.produce({
        topic: tier1,
        partition: 0,
        key: bytes("waits"),
        value: bytes("{\"id\":\"1\",\"total\":1}"),
        headers: retryHeaders(2, start + 10_000)
      })
      yield* send({ key: "redriven" })
      yield* redrive()
      const seen: Array<string | null> = []
      const consumer = Consumer.make("billing", {
        offsetReset: "earliest",
        onFailure: OnFailure.make(() => billing.onFailure, { uses: [billing.onFailure] }),
        handlers: [Topic.handle(Orders, ({ key }) => Effect.sync(() => seen.push(key)))]
      })
      yield* Effect.forkScoped(Consumer.run(consumer))
      for (let i = 0; i < 50; i++) yield* TestClock.adjust("100 millis")
      assert.deepStrictEqual(seen, [])
      const [member] = yield* ConsumerControl.find("billing.retry")
      const [waiting] = yield* member!.waiting
      assert.strictEqual(yield* member!.retryNow(waiting!), 1)
      for (let i = 0; i < 20 && seen.length < 2; i++) yield* TestClock.adjust("100 millis")
      assert.deepStrictEqual(seen, ["waits", "redriven"])
    }).pipe(
      Effect.scoped,
      Effect.provideService(ConsumerControl.Registry, new Set()),
      onCluster
    ))

  it.effect("are the consumer's own topics, or allowed ones", () =>
    Effect.gen(function*() {
      yield* usual
      const admin = yield* Effect.flatMap(KafkaEngine.Service, (engine) => engine.admin)
      yield* admin.createTopic({ name: "elsewhere", partitions: 1 })
      yield* sendMany(3)
      const refused = yield* Effect.flip(redrive({ to: { topic: "elsewhere" } }))
      assert.strictEqual(refused.reason._tag, "InvalidSetting")
      assert.include(refused.message, tier1)
      assert.include(refused.message, "allow")
      const circle = yield* Effect.flip(redrive({ to: { topic: deadLetter }, allow: [deadLetter] }))
      assert.include(circle.message, "for ever")
      assert.deepStrictEqual(yield* committed(), {})
      yield* redrive({ to: { topic: "elsewhere" }, allow: ["elsewhere"], max: 1 })
      yield* redrive({ to: { topic: "billing.orders.retry.2" }, max: 1 })
      yield* redrive({ to: { topic: "orders" } })
      assert.lengthOf(yield* recordsOf("elsewhere"), 1)
      const [late] = yield* recordsOf("billing.orders.retry.2")
      assert.strictEqual(RetryHeaders.read(late!).due, start)
      assert.lengthOf(yield* recordsOf("orders"), 1)
    }).pipe(onCluster))

  it.effect("that do not exist are said before anything begins", () =>
    Effect.gen(function*() {
      yield* makeTopics({ orders: 1, [deadLetter]: 1 })
      yield* send()
      const error = yield* Effect.flip(redrive())
      assert.deepInclude(error.reason, { _tag: "UnknownTopic", topic: tier1 })
    }).pipe(onCluster))

  it.effect("and numbers that make no sense are refused", () =>
    Effect.gen(function*() {
      yield* usual
      const wrong: ReadonlyArray<DeadLetters.RedriveOptions> = [
        { rate: 0 },
        { rate: NaN },
        { max: 0 },
        { max: 1.5 },
        { canary: 0 },
        { maxReplays: -1 },
        { topic: "nothing" }
      ]
      for (const options of wrong) {
        assert.strictEqual(
          (yield* Effect.flip(redrive(options))).reason._tag,
          "InvalidSetting",
          JSON.stringify(options)
        )
      }
    }).pipe(onCluster))

  it.effect("are each source's own; one source can be worked off alone", () =>
    Effect.gen(function*() {
      yield* usual
      const admin = yield* Effect.flatMap(KafkaEngine.Service, (engine) => engine.admin)
      for (const name of ["users", "billing.users.dlt", "billing.users.retry.1"]) {
        yield* admin.createTopic({ name, partitions: 1 })
      }
      yield* send()
      yield* send({ source: "users" })
      assert.lengthOf(yield* Stream.runCollect(DeadLetters.redrive(both, { topic: "users" })), 1)
      assert.lengthOf(yield* recordsOf("billing.users.retry.1"), 1)
      assert.lengthOf(yield* recordsOf(tier1), 0)
      assert.lengthOf(yield* Stream.runCollect(DeadLetters.redrive(both)), 1)
      assert.lengthOf(yield* recordsOf(tier1), 1)
      assert.lengthOf(yield* recordsOf("billing.users.retry.1"), 1)
    }).pipe(onCluster))

  it.effect("without any dead letter topic there is nothing to do", () =>
    Effect.gen(function*() {
      yield* makeTopics({ orders: 1 })
      assert.lengthOf(yield* redrive(), 0)
      assert.lengthOf(yield* redrive({ dryRun: true }), 0)
      assert.deepStrictEqual(yield* DeadLetters.discard(billing), [])
      assert.lengthOf(yield* Stream.runCollect(DeadLetters.records(billing)), 0)
    }).pipe(onCluster))
})
