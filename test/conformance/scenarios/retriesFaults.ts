import { assert } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schedule from "effect/Schedule"
import { Consumer, Health, OnFailure, Producer, Retry, Switches, Topic } from "millrace"
import type { HandlerFailed } from "millrace"
import { randomBytes } from "node:crypto"
import * as KafkaEngine from "../../../src/engine/KafkaEngine.ts"
import type { Group } from "../harness.ts"
import { scenario } from "../harness.ts"
import { Ledger } from "../ledger.ts"
import { join, reasonOf, runMember, textTopic } from "../members.ts"
import {
  Boom,
  bytes,
  committedAt,
  committedIn,
  headerOf,
  message,
  named,
  partitions,
  recordsOf,
  routes,
  textOf,
  Told
} from "../routes.ts"

const once = Retry.nonBlocking(Schedule.spaced("200 millis").pipe(Schedule.upTo({ times: 1 })))

/** A publish that is tried again soon, so that scenarios in real time are short. */
const publish = Schedule.spaced("100 millis")

const adminOf = Effect.flatMap(KafkaEngine.Service, (engine) => engine.admin)

export const retriesFaults: Group = {
  title: "a copy for a retry topic",
  scenarios: [
    scenario(
      "is sent until the broker has it: the handler ran once, and the offset stays meanwhile",
      ["network"],
      (world) =>
        Effect.gen(function*() {
          const network = yield* world.network
          const { dlt, group, topic } = yield* routes(world, 0)
          const ledger = new Ledger()
          const member = yield* join(world, {
            group,
            topics: [topic],
            ledger,
            engine: network.engine,
            onFailure: OnFailure.deadLetter,
            settings: { retries: { publish } },
            // The broker is gone by the time the handler failed.
            work: ({ value }) => value === "bad" ? Effect.andThen(network.down, new Boom()) : Effect.void
          })
          yield* world.foreignProduce([message(topic, "good"), message(topic, "bad"), message(topic, "behind")])
          yield* world.until("it failed", Effect.sync(() => ledger.started.some(({ value }) => value === "bad")))
          yield* world.advance(world.slowMillis)
          yield* network.up
          const [dead] = yield* recordsOf(world, dlt, 1)
          yield* world.until("the one behind is handled", Effect.sync(() => ledger.handled.length === 2))
          yield* member.stop
          assert.strictEqual(Buffer.from(dead!.value!).toString(), "bad")
          assert.deepStrictEqual(ledger.started.map(({ value }) => value), ["good", "bad", "behind"])
          assert.strictEqual(yield* committedAt(world, group, topic, 0), 3)
        })
    ),
    scenario(
      "that is too large goes without the account of the error, and stops the consumer if that is too large too",
      ["topics admin"],
      (world) =>
        Effect.gen(function*() {
          const topic = yield* world.topic(partitions)
          const made = named(world.name("group"), topic)
          // What compresses well may be larger.
          const random = randomBytes(4_000).toString("hex")
          const account = randomBytes(600).toString("hex")
          yield* world.topic(partitions, { name: made.dlt, config: { "max.message.bytes": "5500" } })
          yield* world.foreignProduce([
            message(topic, "fits"),
            message(topic, random.slice(0, 4_400), { partition: 1 }),
            message(topic, "before", { partition: 2 }),
            message(topic, random, { partition: 2 })
          ])
          const ledger = new Ledger()
          const run = () =>
            join(world, {
              group: made.group,
              topics: [topic],
              ledger,
              onFailure: OnFailure.deadLetter,
              work: ({ value }) => value === "before" ? Effect.void : Effect.fail(new Told({ message: account }))
            })
          const first = yield* run()
          const error = (yield* first.ended) as HandlerFailed<unknown>
          assert.strictEqual(error._tag, "HandlerFailed")
          assert.deepInclude(error, { topic, partition: 2, offset: 1 })
          assert.strictEqual(error.routing?.reason._tag, "RecordTooLarge")
          assert.include(error.problem, made.dlt)
          assert.include(error.message, "cannot be sent")
          assert.strictEqual(yield* committedAt(world, made.group, topic, 2), 1)
          const dead = yield* recordsOf(world, made.dlt, 2)
          assert.deepStrictEqual(dead.map(({ partition }) => partition), [0, 1])
          assert.isDefined(headerOf(dead[0]!, "kafka_exception-stacktrace"))
          assert.isUndefined(headerOf(dead[1]!, "kafka_exception-stacktrace"))
          assert.isUndefined(headerOf(dead[1]!, "kafka_exception-message"))
          assert.strictEqual(textOf(dead[1]!, "kafka_original-topic"), topic)
        })
    ),
    scenario(
      "for a topic that is gone: made again, or the consumer stops when it may not make topics",
      ["topics admin"],
      (world) =>
        Effect.gen(function*() {
          const { dlt, group, topic } = yield* routes(world, 1)
          const run = (topics: "create" | "require") =>
            join(world, {
              group,
              topics: [topic],
              ledger: new Ledger(),
              onFailure: once.pipe(OnFailure.route(() => OnFailure.deadLetter)),
              settings: { retries: { topics, publish } },
              work: () => new Boom()
            })
          const admin = yield* adminOf
          const gone = Effect.andThen(
            admin.deleteTopic(dlt),
            world.until("it is gone", Effect.map(admin.describeTopics([dlt]), (found) => found.length === 0))
          )
          const strict = yield* run("require")
          const isAssigned = (of: string) =>
            strict.events.some(({ _tag, group }) => _tag === "Assigned" && group === of)
          yield* world.until("it runs", Effect.sync(() => isAssigned(group) && isAssigned(`${group}.retry`)))
          yield* gone
          yield* world.foreignProduce([message(topic, "bad")])
          const error = (yield* strict.ended) as HandlerFailed<unknown>
          assert.strictEqual(error._tag, "HandlerFailed")
          assert.include(String(error.routing?.message), dlt)
          assert.strictEqual((yield* committedAt(world, group, topic, 0)) ?? 0, 0)
          const generous = yield* run("create")
          yield* recordsOf(world, dlt, 1)
          yield* generous.stop
          assert.strictEqual(yield* committedAt(world, group, topic, 0), 1)
        })
    ),
    scenario(
      "for a forbidden topic stops the consumer at the record",
      ["authorization"],
      (world) =>
        Effect.gen(function*() {
          const { engine, topic: forbidden } = yield* world.forbidden
          const { group, topic } = yield* routes(world, 0)
          const ledger = new Ledger()
          yield* world.foreignProduce([message(topic, "good"), message(topic, "bad")])
          const member = yield* join(world, {
            group,
            topics: [topic],
            ledger,
            engine,
            onFailure: OnFailure.make(() => OnFailure.deadLetterTo(forbidden), { uses: [OnFailure.deadLetter] }),
            work: ({ value }) => value === "bad" ? new Boom() : Effect.void
          })
          const error = (yield* member.ended) as HandlerFailed<unknown>
          assert.deepInclude(error, { _tag: "HandlerFailed", topic, partition: 0, offset: 1 })
          assert.strictEqual(error.routing?.reason._tag, "AuthorizationFailed")
          assert.strictEqual(yield* committedAt(world, group, topic, 0), 1)
          assert.deepStrictEqual(ledger.started.map(({ value }) => value), ["good", "bad"])
        })
    ),
    scenario("is sent though producing is switched off and suppressed", [], (world) =>
      Effect.gen(function*() {
        const { dlt, group, tier, topic } = yield* routes(world, 1)
        const other = textTopic(yield* world.topic(partitions))
        yield* world.foreignProduce([message(topic, "bad")])
        const seen: Array<string> = []
        const consumer = Consumer.make(group, {
          offsetReset: "earliest",
          ...world.settings,
          onFailure: once,
          handlers: [
            Topic.handle(textTopic(topic), (record) =>
              Producer.send(other, { key: null, value: "never there" }).pipe(
                Effect.tap(Effect.sync(() => seen.push(record.topic))),
                Effect.andThen(new Boom())
              ))
          ]
        })
        const suppressed = yield* runMember(world, consumer).pipe(
          Producer.suppress(),
          Effect.provide(Switches.layer({ produce: false }))
        )
        const [dead] = yield* recordsOf(world, dlt, 1)
        yield* suppressed.stop
        assert.strictEqual(Buffer.from(dead!.value!).toString(), "bad")
        assert.deepStrictEqual(seen, [topic, tier(1)])
        yield* world.foreignProduce([message(other.name, "the only one")])
        const [only] = yield* recordsOf(world, other.name, 1)
        assert.strictEqual(Buffer.from(only!.value!).toString(), "the only one")
      })),
    scenario(
      "is not sent any more when too many went to the dead letter topic: the record stops the consumer",
      [],
      (world) =>
        Effect.gen(function*() {
          const { dlt, group, topic } = yield* routes(world, 0)
          yield* world.foreignProduce(["1", "2", "3", "4"].map((value) => message(topic, value)))
          const retries = { deadLetterLimit: { consecutive: 2 } }
          const member = yield* join(world, {
            group,
            topics: [topic],
            ledger: new Ledger(),
            onFailure: OnFailure.deadLetter,
            settings: { retries },
            work: () => new Boom()
          })
          const error = (yield* member.ended) as HandlerFailed<unknown>
          assert.deepInclude(error, { _tag: "HandlerFailed", topic, partition: 0, offset: 2 })
          assert.include(error.problem, "2 records in a row")
          assert.strictEqual(yield* committedAt(world, group, topic, 0), 2)
          // As a layer it holds the partition, and its health says so.
          const consumer = Consumer.make(group, {
            offsetReset: "earliest",
            ...world.settings,
            retries,
            onFailure: OnFailure.deadLetter,
            handlers: [
              Topic.handle(textTopic(topic), ({ value }) => value === "ok" ? Effect.void : Effect.fail(new Boom()))
            ]
          })
          const healths = new Set<() => Health.ConsumerHealth>()
          yield* world.foreignProduce(["5", "6"].map((value) => message(topic, value)))
          yield* Layer.build(Consumer.layer(consumer)).pipe(Effect.provideService(Health.Registry, healths))
          const held = () => [...healths].map((read) => read()).filter(({ healthy }) => !healthy)
          yield* world.until("it is held", Effect.sync(() => held().length === 1))
          assert.deepStrictEqual(held().map(({ group, held }) => [group, held.map(({ offset }) => offset)]), [
            [group, [4]]
          ])
          yield* recordsOf(world, dlt, 4)
        })
    ),
    scenario(
      "has a bounded number of headers after a hundred hops, with the first origin and the last error",
      [],
      (world) =>
        Effect.gen(function*() {
          const { dlt, group, tier, topic } = yield* routes(world, 1)
          yield* world.foreignProduce([
            message(topic, "bad", { partition: 2, headers: [["mine", bytes("kept")], ["mine", bytes("twice")]] })
          ])
          let hops = 0
          const member = yield* join(world, {
            group,
            topics: [topic],
            ledger: new Ledger(),
            onFailure: Retry.nonBlocking(Schedule.recurs(100)),
            work: () => Effect.suspend(() => Effect.fail(new Told({ message: `error ${++hops}` })))
          })
          const [dead] = yield* recordsOf(world, dlt, 1)
          yield* member.stop
          assert.strictEqual(hops, 101)
          const copies = (yield* recordsOf(world, tier(1), 100)).map(({ headers }) => headers!)
          assert.strictEqual(new Set(copies.map((headers) => headers.length)).size, 1)
          const names = dead!.headers!.map(([name]) => name)
          assert.strictEqual(names.filter((name) => name === "mine").length, 2)
          assert.strictEqual(new Set(names).size, names.length - 1)
          assert.strictEqual(textOf(dead!, "kafka_original-topic"), topic)
          assert.strictEqual(textOf(dead!, "kafka_exception-message"), "error 101")
        })
    ),
    scenario("carries on what is in transactions, and passes their markers and what they took back", [
      "transactions"
    ], (world) =>
      Effect.gen(function*() {
        const { dlt, group, topic } = yield* routes(world, 1)
        const source = textTopic(topic)
        const id = world.name("tx")
        const to0 = (value: string) => ({ key: null, value, partition: 0 })
        yield* Producer.transaction(id, Producer.sendAll(source, [to0("bad"), to0("1")]))
        yield* Effect.flip(
          Producer.transaction(id, Effect.andThen(Producer.send(source, to0("never")), Effect.fail("no")))
        )
        yield* Producer.transaction(id, Producer.send(source, to0("bad too")))
        const ledger = new Ledger()
        const member = yield* join(world, {
          group,
          topics: [topic],
          ledger,
          onFailure: once,
          work: ({ value }) => value.startsWith("bad") ? new Boom() : Effect.void
        })
        const dead = yield* recordsOf(world, dlt, 2)
        // The marker of the last one is behind it: seven places in all.
        yield* world.until(
          "all is committed",
          Effect.map(committedIn(world, group, topic), (count) => count >= 6)
        )
        yield* member.stop
        assert.deepStrictEqual(dead.map(({ value }) => Buffer.from(value!).toString()), ["bad", "bad too"])
        assert.deepStrictEqual(ledger.values, ["1"])
        assert.notInclude(ledger.started.map(({ value }) => value), "never")
      })),
    scenario("needs its topics: a consumer that requires them does not start, and says which are missing", [
      "topics admin"
    ], (world) =>
      Effect.gen(function*() {
        const topic = yield* world.topic(partitions)
        const { dlt, group, tier } = named(world.name("group"), topic)
        yield* world.topic(partitions, { name: tier(1) })
        const member = yield* join(world, {
          group,
          topics: [topic],
          ledger: new Ledger(),
          onFailure: Retry.nonBlocking(Schedule.exponential("1 second").pipe(Schedule.upTo({ times: 3 }))),
          settings: { retries: { topics: "require" } }
        })
        const error = yield* member.ended
        assert.strictEqual(reasonOf(error), "InvalidSetting")
        for (const name of [tier(2), tier(3), dlt]) assert.include(error!.message, name)
        assert.notInclude(error!.message, `${tier(1)} (`)
        assert.include(error!.message, "millrace retry topics --create")
      }))
  ]
}
