/** What retries do when something goes wrong at the right moment: on the in-memory cluster, which can be told to. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Schedule from "effect/Schedule"
import type * as Scope from "effect/Scope"
import { Consumer, Health, OnFailure, Retry, Topic } from "millrace"
import type { HandlerFailed } from "millrace"
import type * as KafkaEngine from "../../../src/engine/KafkaEngine.ts"
import * as Errors from "../../../src/KafkaError.ts"
import { Ledger } from "../../conformance/ledger.ts"
import { join, runMember, texts, textTopic } from "../../conformance/members.ts"
import { makeWorld } from "../../conformance/memoryHarness.ts"
import { Boom, committedAt, intOf, message, recordsOf, retryHeaders, routes, textOf } from "../../conformance/routes.ts"

type TestWorld = Effect.Success<ReturnType<typeof makeWorld>>

/** A test on a cluster of its own, without a log. */
const on = <E>(
  test: (world: TestWorld) => Effect.Effect<void, E, KafkaEngine.Service | Scope.Scope>
): Effect.Effect<void, unknown, Scope.Scope> =>
  Effect.flatMap(makeWorld("cooperative-sticky"), (world) => Effect.provide(test(world), world.engine)).pipe(
    Effect.provide(Logger.layer([]))
  )

const unreachable = new Errors.BrokerUnreachable({ bootstrapServers: "nowhere", problem: "as planned" })
const publish = Schedule.spaced("1 second")
const kinds = {
  partition: { concurrency: "partition" },
  keys: { concurrency: { keys: 4 } },
  unordered: { concurrency: { unordered: 4 } }
} as const

describe("a copy that the broker does not take", () => {
  for (const kind of ["partition", "keys", "unordered"] as const) {
    it.effect(`is sent again, the handler is not run again, and the offset stays: ${kind}`, () =>
      on(Effect.fnUntraced(function*(world) {
        const { dlt, group, topic } = yield* routes(world, 0)
        yield* world.memory.failProduce({ reason: unreachable, times: 5, topic: dlt })
        const ledger = new Ledger()
        yield* world.foreignProduce(["bad", "1", "2"].map((value) => message(topic, value)))
        const member = yield* join(world, {
          group,
          topics: [topic],
          ledger,
          ...kinds[kind],
          onFailure: OnFailure.deadLetter,
          settings: { retries: { publish } },
          work: ({ value }) => value === "bad" ? new Boom() : Effect.void
        })
        yield* world.until("it failed", Effect.sync(() => ledger.started.length > 0))
        yield* world.advance(3_000)
        const control = yield* member.control
        yield* control.commit
        assert.strictEqual((yield* committedAt(world, group, topic, 0)) ?? 0, 0)
        assert.deepStrictEqual((yield* control.waiting).map(({ kind, offset }) => [kind, offset]), [["publish", 0]])
        assert.deepStrictEqual(yield* world.memory.records(dlt), [])
        yield* recordsOf(world, dlt, 1)
        yield* member.stop
        assert.strictEqual(ledger.started.filter(({ value }) => value === "bad").length, 1)
        assert.strictEqual(yield* committedAt(world, group, topic, 0), 3)
      })))
  }

  it.effect("stops the consumer at the record when the schedule for it is over", () =>
    on(Effect.fnUntraced(function*(world) {
      const { dlt, group, topic } = yield* routes(world, 0)
      yield* world.memory.failProduce({ reason: unreachable, times: 100, topic: dlt })
      yield* world.foreignProduce(["1", "bad", "2"].map((value) => message(topic, value)))
      const member = yield* join(world, {
        group,
        topics: [topic],
        ledger: new Ledger(),
        onFailure: OnFailure.deadLetter,
        settings: { retries: { publish: Schedule.upTo(publish, { times: 3 }) } },
        work: ({ value }) => value === "bad" ? new Boom() : Effect.void
      })
      const error = (yield* member.ended) as HandlerFailed<unknown>
      assert.deepInclude(error, { _tag: "HandlerFailed", topic, partition: 0, offset: 1 })
      assert.strictEqual(error.routing?.reason._tag, "BrokerUnreachable")
      assert.strictEqual(yield* committedAt(world, group, topic, 0), 1)
    })))

  it.effect("holds up neither the end nor a rebalance, and its record is handled again", () =>
    on(Effect.fnUntraced(function*(world) {
      const { dlt, group, topic } = yield* routes(world, 0)
      yield* world.memory.failProduce({ reason: unreachable, times: 1_000, topic: dlt })
      const ledger = new Ledger()
      yield* world.foreignProduce([message(topic, "bad"), message(topic, "behind")])
      const run = (name: string) =>
        join(world, {
          group,
          topics: [topic],
          ledger,
          name,
          onFailure: OnFailure.deadLetter,
          settings: { retries: { publish: Schedule.spaced("1 hour") }, drainTimeout: "1 minute" },
          work: ({ value }) => value === "bad" ? new Boom() : Effect.void
        })
      const first = yield* run("a")
      yield* world.until("it failed", Effect.sync(() => ledger.started.length > 0))
      const before = yield* Effect.clockWith((clock) => clock.currentTimeMillis)
      yield* first.stop
      assert.isBelow((yield* Effect.clockWith((clock) => clock.currentTimeMillis)) - before, 2_000)
      assert.strictEqual((yield* committedAt(world, group, topic, 0)) ?? 0, 0)
      const second = yield* run("b")
      yield* world.until("it failed again", Effect.sync(() => ledger.started.length === 2))
      const control = yield* second.control
      yield* world.until("it waits", Effect.map(control.waiting, (all) => all.length === 1))
      assert.isTrue(yield* control.skip({ topic, partition: 0, offset: 0 }))
      yield* world.until("it is behind", Effect.map(control.waiting, (all) => all.length === 0))
      yield* second.stop
      assert.strictEqual(yield* committedAt(world, group, topic, 0), 2)
      // Given up by hand, it is told like any other skipped record.
      assert.deepStrictEqual(
        second.events.flatMap((event) => event._tag === "Skipped" ? [event.offset] : []),
        [0]
      )
    })))

  it.effect("is settled before the partition is held at a later record: who goes on behind it loses nothing", () =>
    on(Effect.fnUntraced(function*(world) {
      const { dlt, group, topic } = yield* routes(world, 0)
      yield* world.memory.failProduce({ reason: unreachable, times: 3, topic: dlt })
      yield* world.foreignProduce(["routed", "stops"].map((value) => message(topic, value)))
      const consumer = Consumer.make(group, {
        offsetReset: "earliest",
        ...world.settings,
        retries: { publish },
        onFailure: OnFailure.stop.pipe(
          OnFailure.route(({ record }) => record.offset === 0 ? OnFailure.deadLetter : OnFailure.stop, {
            uses: [OnFailure.deadLetter]
          })
        ),
        handlers: [Topic.handle(textTopic(topic), () => new Boom())]
      })
      const healths = new Set<() => Health.ConsumerHealth>()
      yield* Layer.build(Consumer.layer(consumer)).pipe(Effect.provideService(Health.Registry, healths))
      const held = () => [...healths].flatMap((read) => read().held.map(({ offset }) => offset))
      yield* world.until("it is held", Effect.sync(() => held().length > 0))
      assert.deepStrictEqual(held(), [1])
      assert.strictEqual((yield* world.memory.records(dlt)).length, 1)
    })))
})

describe("a copy that the broker has", () => {
  it.effect("is committed while slow records behind it are handled", () =>
    on(Effect.fnUntraced(function*(world) {
      const { dlt, group, topic } = yield* routes(world, 0)
      const ledger = new Ledger()
      yield* world.foreignProduce(["bad", "1", "2", "3"].map((value) => message(topic, value)))
      const member = yield* join(world, {
        group,
        topics: [topic],
        ledger,
        onFailure: OnFailure.deadLetter,
        work: ({ value }) => value === "bad" ? new Boom() : Effect.sleep("1 minute")
      })
      yield* recordsOf(world, dlt, 1)
      yield* world.until("two are handled", Effect.sync(() => ledger.handled.length === 2))
      yield* Effect.flatMap(member.control, (control) => control.commit)
      assert.strictEqual(yield* committedAt(world, group, topic, 0), 3)
      yield* member.stop
    })))
})

describe("a batch in a retry topic", () => {
  it.effect("leaves each of its records the attempts that it has", () =>
    on(Effect.fnUntraced(function*(world) {
      const { dlt, group, tier, topic } = yield* routes(world, 1)
      const now = yield* Effect.clockWith((clock) => clock.currentTimeMillis)
      yield* world.foreignProduce([
        message(tier(1), "fifth", { headers: retryHeaders(5, now - 1) }),
        message(tier(1), "second", { headers: retryHeaders(2, now - 1) })
      ])
      const batches: Array<string> = []
      const consumer = Consumer.make(group, {
        offsetReset: "earliest",
        ...world.settings,
        // One tier for four retries.
        onFailure: Retry.nonBlocking(Schedule.spaced("1 second").pipe(Schedule.upTo({ times: 4 }))),
        handlers: [
          Topic.handleBatch(textTopic(topic), (records) =>
            Effect.suspend(() => {
              batches.push(records.map(({ value }) => value).join())
              return new Boom()
            }))
        ]
      })
      const member = yield* runMember(world, consumer)
      const dead = yield* recordsOf(world, dlt, 2)
      yield* member.stop
      assert.strictEqual(batches[0], "fifth,second")
      assert.deepStrictEqual(batches.slice(1), ["second", "second", "second"])
      const told = dead.map((record) => [
        Buffer.from(record.value!).toString(),
        intOf(record, "retry_topic-attempts"),
        textOf(record, "x-retry-executions")
      ])
      assert.deepStrictEqual(told, [["fifth", 6, "5"], ["second", 6, "5"]])
    })))
})

describe("the limit of dead letters", () => {
  it.effect("counts none that waits with others of its batch", () =>
    on(Effect.fnUntraced(function*(world) {
      const { group, tier, topic } = yield* routes(world, 1)
      const now = yield* Effect.clockWith((clock) => clock.currentTimeMillis)
      yield* world.foreignProduce([
        message(tier(1), "fifth", { headers: retryHeaders(5, now - 1) }),
        message(tier(1), "second", { headers: retryHeaders(2, now - 1) })
      ])
      let calls = 0
      const consumer = Consumer.make(group, {
        offsetReset: "earliest",
        ...world.settings,
        retries: { deadLetterLimit: { consecutive: 1 } },
        onFailure: OnFailure.make(
          ({ retries }) => retries > 1 ? OnFailure.deadLetter : OnFailure.wait(1_000),
          { uses: [OnFailure.deadLetter, OnFailure.wait(1_000)] }
        ),
        handlers: [
          Topic.handleBatch(textTopic(topic), () => Effect.suspend(() => ++calls < 5 ? new Boom() : Effect.void))
        ]
      })
      const member = yield* runMember(world, consumer)
      const done = Effect.map(committedAt(world, `${group}.retry`, tier(1), 0), (offset) => offset === 2)
      yield* world.until("both are handled", done)
      yield* member.stop
      assert.strictEqual(calls, 5)
    })))

  it.effect("counts records of a batch, not batches, and those in a row alone", () =>
    on(Effect.fnUntraced(function*(world) {
      const { dlt, group, topic } = yield* routes(world, 0)
      const poison = new Uint8Array([0xff])
      const record = (value: string) => message(topic, value, value === "poison" ? { value: poison } : {})
      yield* world.foreignProduce(["poison", "1", "poison", "2", "poison", "3"].map(record))
      const batches: Array<number> = []
      const consumer = Consumer.make(group, {
        offsetReset: "earliest",
        ...world.settings,
        retries: { deadLetterLimit: { consecutive: 1 } },
        onFailure: OnFailure.deadLetter,
        handlers: [
          Topic.handleBatch(textTopic(topic), (records) => Effect.sync(() => void batches.push(records.length)))
        ]
      })
      const member = yield* runMember(world, consumer)
      yield* recordsOf(world, dlt, 3)
      yield* world.until("the good ones are handled", Effect.sync(() => batches.join() === "3"))
      yield* world.foreignProduce(["4", "poison", "poison"].map(record))
      const error = (yield* member.ended) as HandlerFailed<unknown>
      assert.deepInclude(error, { _tag: "HandlerFailed", offset: 8 })
      assert.strictEqual(yield* committedAt(world, group, topic, 0), 8)
    })))
})

describe("a policy that says nothing in its needs", () => {
  it.effect("cannot send a dead letter, also where another handler has a topic for them", () =>
    on(Effect.fnUntraced(function*(world) {
      const { group, topic } = yield* routes(world, 0)
      const other = yield* world.topic(1)
      yield* world.topic(1, { name: `${group}.${other}.dlt` })
      yield* world.foreignProduce([message(topic, "bad")])
      const silent = OnFailure.make(() => OnFailure.deadLetter)
      const consumer = Consumer.make(group, {
        offsetReset: "earliest",
        ...world.settings,
        onFailure: OnFailure.deadLetter,
        handlers: [
          Topic.handle(textTopic(other), () => Effect.void),
          Topic.handle(textTopic(topic), () => new Boom(), { onFailure: silent })
        ]
      })
      const member = yield* runMember(world, consumer)
      const error = (yield* member.ended) as HandlerFailed<unknown>
      assert.deepInclude(error, { _tag: "HandlerFailed", topic, offset: 0 })
      assert.include(error.problem, "uses")
    })))
})

describe("records that wait for long", () => {
  it.effect("do not keep those from being handled that are due", () =>
    on(Effect.fnUntraced(function*(world) {
      const { group, tier, topic } = yield* routes(world, 2)
      const now = yield* Effect.clockWith((clock) => clock.currentTimeMillis)
      const due = now + 3_600_000
      yield* world.foreignProduce([0, 1, 2, 3].flatMap((partition) =>
        texts(0, 40).map((value) => message(tier(2), value, { partition, headers: retryHeaders(3, due) }))
      ))
      const ledger = new Ledger()
      const member = yield* join(world, {
        group,
        topics: [topic],
        ledger,
        onFailure: Retry.nonBlocking(
          Schedule.concat(Schedule.spaced("1 second").pipe(Schedule.upTo({ times: 1 })), Schedule.spaced("1 hour"))
        ),
        settings: { chunkRecords: 10, bufferRecords: 40 },
        work: ({ topic: at }) =>
          at === topic ? new Boom() : Effect.void
      })
      yield* world.until("it reads", Effect.map(member.assignment, (all) => all.length === 4))
      yield* world.advance(5_000)
      yield* world.foreignProduce(texts(0, 100).map((value, i) => message(topic, value, { partition: i % 4 })))
      yield* world.advance(20_000)
      assert.strictEqual(ledger.handled.length, 100)
      yield* world.advance(3_700_000)
      yield* world.until("all are handled", Effect.sync(() => ledger.handled.length === 260))
      yield* member.stop
      assert.deepStrictEqual(ledger.duplicates, [])
    })))
})

describe("gaps of a log", () => {
  it.effect("of a compacted topic are passed, by records that wait and by those that are routed", () =>
    on(Effect.fnUntraced(function*(world) {
      const topic = yield* world.topic(1, { config: { "cleanup.policy": "compact" } })
      const group = world.name("group")
      const ledger = new Ledger()
      const keyed = (value: string, key: string) => message(topic, value, { key: new TextEncoder().encode(key) })
      yield* world.foreignProduce([
        keyed("0", "a"),
        keyed("1", "b"),
        keyed("2", "a"),
        keyed("bad", "c"),
        keyed("4", "d"),
        keyed("5", "b"),
        keyed("6", "d")
      ])
      assert.strictEqual(yield* world.memory.compact(topic), 3)
      const member = yield* join(world, {
        group,
        topics: [topic],
        ledger,
        onFailure: Retry.blocking(Schedule.spaced("1 second").pipe(Schedule.upTo({ times: 1 }))).pipe(
          OnFailure.andThen(Retry.nonBlocking(Schedule.spaced("1 second").pipe(Schedule.upTo({ times: 1 }))))
        ),
        work: ({ value }) => value === "bad" ? new Boom() : Effect.void
      })
      const [dead] = yield* recordsOf(world, `${group}.${topic}.dlt`, 1, 1)
      yield* world.until("the others are handled", Effect.sync(() => ledger.handled.length === 3))
      yield* member.stop
      assert.strictEqual(textOf(dead!, "x-retry-executions"), "3")
      assert.deepStrictEqual(ledger.values, ["2", "5", "6"])
      assert.strictEqual(yield* committedAt(world, group, topic, 0), 7)
    })))
})
