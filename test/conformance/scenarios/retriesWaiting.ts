import { assert } from "@effect/vitest"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schedule from "effect/Schedule"
import { Codec, Consumer, ConsumerControl, KeyOffsetStore, OnFailure, Retry, Topic } from "millrace"
import * as KafkaEngine from "../../../src/engine/KafkaEngine.ts"
import { recorded } from "../../internal/retry/fixtures.ts"
import type { Group } from "../harness.ts"
import { scenario } from "../harness.ts"
import { Ledger } from "../ledger.ts"
import { join, produce, runMember, sorted, texts, textTopic } from "../members.ts"
import type { Try } from "../routes.ts"
import {
  atAnHourThatHasABefore,
  Boom,
  bytes,
  committedAt,
  committedIn,
  intOf,
  longOf,
  message,
  named,
  noting,
  partitions,
  recordsOf,
  retryHeaders,
  routes,
  textOf
} from "../routes.ts"

const day = 86_400_000

const after = (delay: string, times = 1) =>
  Retry.nonBlocking(Schedule.spaced(delay as "1 second").pipe(Schedule.upTo({ times })))

/** The controls of a member's run on the retry topics. */
const retryControl = (group: string, controls: ReadonlySet<ConsumerControl.ConsumerControl>) =>
  [...controls].find((control) => control.group === `${group}.retry`)

export const retriesWaiting: Group = {
  title: "a record in a retry topic",
  scenarios: [
    scenario(
      "is handled once, when it is due, however often its partition moves meanwhile",
      [],
      (world) =>
        Effect.gen(function*() {
          const { group, tier, topic } = yield* routes(world, 1)
          const tries: Array<Try> = []
          const ledger = new Ledger()
          const now = yield* Clock.currentTimeMillis
          const soon = now + world.slowMillis
          yield* world.foreignProduce(
            Array.from({ length: partitions }, (_, partition) =>
              message(tier(1), String(partition), { partition, headers: retryHeaders(2, soon) }))
          )
          const member = (name: string) =>
            join(world, {
              group,
              topics: [topic],
              ledger,
              name,
              onFailure: after("20 seconds"),
              work: noting(tries)
            })
          const first = yield* member("a")
          yield* world.until(
            "it has the partitions",
            Effect.map(first.assignment, (all) =>
              all.length > 0)
          )
          const second = yield* member("b")
          yield* world.until(
            "the other has some",
            Effect.map(second.assignment, (all) => all.length > 0)
          )
          yield* first.stop
          const third = yield* member("c")
          yield* world.until("all are handled", Effect.sync(() => tries.length >= partitions))
          yield* second.stop
          yield* third.stop
          assert.deepStrictEqual(sorted(tries.map(({ value }) => value)), texts(0, partitions))
          for (const { at } of tries) assert.isAtLeast(at, soon)
          assert.strictEqual(yield* committedIn(world, `${group}.retry`, tier(1)), partitions)
        })
    ),
    scenario(
      "is handed out with a thousand others: none early, none late, no two at once",
      [],
      (world) =>
        Effect.gen(function*() {
          const { group, tier, topic } = yield* routes(world, 1)
          const ledger = new Ledger()
          yield* produce(topic, 0, 1_000, partitions)
          const due = new Map<string, number>()
          const dues: Array<number> = []
          const early: Array<number> = []
          const member = yield* join(world, {
            group,
            topics: [topic],
            ledger,
            onFailure: after("500 millis"),
            work: ({ topic: at, value }) =>
              Effect.flatMap(Clock.currentTimeMillis, (now) => {
                const dueAt = due.get(value)
                if (at !== topic) {
                  return Effect.sync(() => {
                    dues.push(dueAt!)
                    if (now < dueAt!) early.push(dueAt! - now)
                  })
                }
                due.set(value, now + 500)
                return new Boom()
              })
          })
          yield* world.until("all are handled", Effect.sync(() => ledger.handled.length === 1_000))
          yield* member.stop
          assert.deepStrictEqual(sorted(ledger.values), texts(0, 1_000))
          assert.deepStrictEqual(early, [])
          // None is late: none was handled behind another one that was due long after it.
          let latest = 0
          for (const dueAt of dues) {
            latest = Math.max(latest, dueAt)
            assert.isAtMost(latest - dueAt, 2_000)
          }
          assert.deepStrictEqual(ledger.overlaps, [])
          assert.strictEqual(yield* committedIn(world, `${group}.retry`, tier(1)), 1_000)
        })
    ),
    scenario("of Spring or django-kafka is carried on at its attempt", [], (world) =>
      Effect.gen(function*() {
        const { dlt, group, tier, topic } = yield* routes(world, 3)
        const tries: Array<Try> = []
        const [, , ofSpring] = recorded("spring-kafka/non-blocking-retry")
        const ofDjango = recorded("django-kafka/retry-5.1.2").find((record) => record.topic.endsWith("retry.1"))!
        // Of its repeated headers the last one counts: the third delivery.
        assert.strictEqual(ofSpring!.headers.filter(([name]) => name === "retry_topic-attempts").length, 2)
        assert.isDefined(textOf(ofDjango, "RETRY_TIMESTAMP"))
        const copied = (record: typeof ofDjango, to: string, value: string) =>
          // The binding sends no header without a value.
          message(to, value, { headers: record.headers.filter(([, bytes]) => bytes !== null) })
        yield* world.foreignProduce([copied(ofSpring!, tier(2), "spring"), copied(ofDjango, tier(1), "django")])
        const member = yield* join(world, {
          group,
          topics: [topic],
          ledger: new Ledger(),
          onFailure: Retry.nonBlocking(Schedule.exponential("100 millis").pipe(Schedule.upTo({ times: 3 }))),
          work: (record) => Effect.andThen(noting(tries)(record), new Boom())
        })
        const dead = yield* recordsOf(world, dlt, 2)
        yield* member.stop
        const where = (value: string) => tries.filter((one) => one.value === value).map((one) => one.topic)
        assert.deepStrictEqual(where("spring"), [tier(2), tier(3)])
        assert.deepStrictEqual(where("django"), [tier(1), tier(2), tier(3)])
        assert.deepStrictEqual(dead.map((record) => intOf(record, "retry_topic-attempts")), [5, 5])
        const spring = dead.find(({ value }) => Buffer.from(value!).toString() === "spring")!
        // Where Spring read it first, not where we did.
        assert.strictEqual(textOf(spring, "kafka_original-topic"), textOf(ofSpring!, "kafka_original-topic"))
        assert.strictEqual(longOf(spring, "kafka_original-offset"), longOf(ofSpring!, "kafka_original-offset"))
        const django = dead.find((record) => record !== spring)!
        assert.isUndefined(textOf(django, "RETRY_TIMESTAMP"))
      })),
    scenario(
      "may be older than its retention: a copy has the time of its hop",
      ["topics admin"],
      (world) =>
        Effect.gen(function*() {
          const topic = yield* world.topic(partitions, { config: { "retention.ms": "-1" } })
          const { dlt, group, tier } = named(world.name("group"), topic)
          if ((yield* Clock.currentTimeMillis) < 31 * day) yield* world.advance(31 * day)
          const now = yield* Clock.currentTimeMillis
          const old = now - 30 * day
          yield* world.foreignProduce([message(topic, "old", { timestamp: old })])
          const member = yield* join(world, {
            group,
            topics: [topic],
            ledger: new Ledger(),
            onFailure: Retry.nonBlocking(Schedule.exponential("300 millis").pipe(Schedule.upTo({ times: 2 }))),
            work: () => new Boom()
          })
          // Nobody made these topics but the consumer.
          yield* world.until(
            "it has them",
            Effect.map((yield* (yield* KafkaEngine.Service).admin).describeTopics([tier(1), tier(2), dlt]), (found) =>
              found.length === 3)
          )
          const [dead] = yield* recordsOf(world, dlt, 1)
          yield* member.stop
          const copies = [...(yield* recordsOf(world, tier(1), 1)), ...(yield* recordsOf(world, tier(2), 1)), dead!]
          for (const copy of copies) {
            assert.isAtLeast(copy.timestamp, now - 5_000)
            assert.strictEqual(longOf(copy, "kafka_original-timestamp"), old)
          }
          const found = yield* (yield* (yield* KafkaEngine.Service).admin).describeTopics([tier(1), tier(2), dlt])
          assert.deepStrictEqual(
            found.map((each) =>
              each.partitions.length
            ),
            [partitions, partitions, partitions]
          )
        })
    ),
    scenario(
      "of a topic that a pattern matches finds its way, also of a topic that appears later",
      ["topics admin"],
      (world) =>
        Effect.gen(function*() {
          yield* atAnHourThatHasABefore(world)
          const prefix = world.name("audit")
          const group = world.name("group")
          const source = Topic.pattern(new RegExp(`${prefix}\\.[a-z]`), {
            key: Codec.nullable(Codec.string),
            value: Codec.string
          })
          const seen: Array<string> = []
          const consumer = Consumer.make(group, {
            offsetReset: "earliest",
            ...world.settings,
            onFailure: after("200 millis"),
            handlers: [
              Topic.handle(source, (record) =>
                Effect.suspend(() => {
                  seen.push(record.topic)
                  return new Boom()
                }))
            ]
          })
          const [first, later] = [named(group, `${prefix}.a`), named(group, `${prefix}.b`)]
          yield* world.topic(2, { name: first.topic })
          const member = yield* runMember(world, consumer)
          yield* world.until("it runs", Effect.map(member.assignment, (all) => all.length === 2))
          yield* world.topic(2, { name: later.topic })
          yield* world.foreignProduce([message(first.topic, "a"), message(later.topic, "b", { partition: 1 })])
          yield* world.until("all are handled", Effect.sync(() => seen.length === 4))
          yield* recordsOf(world, first.dlt, 1, 2)
          yield* recordsOf(world, later.dlt, 1, 2)
          yield* member.stop
          assert.deepStrictEqual(
            [...seen].sort(),
            [
              first.topic,
              later.topic,
              first.tier(1),
              later.tier(1)
            ].sort()
          )
        })
    ),
    scenario(
      "is shown, can be let go before its time, and stands still with its partition",
      [],
      (world) =>
        Effect.gen(function*() {
          const { group, tier, topic } = yield* routes(world, 1)
          const controls = new Set<ConsumerControl.ConsumerControl>()
          const seen: Array<string> = []
          yield* world.foreignProduce([message(topic, "later"), message(topic, "stuck", { partition: 1 })])
          const policy = Retry.blocking(Schedule.spaced("1 hour"), { include: ["Boom"] }).pipe(
            OnFailure.andThen(after("1 hour", 2))
          )
          const consumer = Consumer.make(group, {
            offsetReset: "earliest",
            ...world.settings,
            onFailure: policy,
            handlers: [
              Topic.handle(textTopic(topic), ({ topic: at, value }) =>
                Effect.suspend((): Effect.Effect<void, unknown> => {
                  seen.push(value)
                  return value === "stuck" ? new Boom() : at === topic ? Effect.fail("no") : Effect.void
                }))
            ]
          })
          const scope = yield* Effect.scope
          yield* Consumer.run(consumer).pipe(
            Effect.provideService(ConsumerControl.Registry, controls),
            Effect.provide(world.engine),
            Effect.forkIn(scope)
          )
          const waiting = Effect.suspend(() =>
            Effect.forEach([...controls], (control) =>
              control.waiting)
          )
          const all = Effect.map(waiting, (found) => found.flat())
          yield* world.until("both wait", Effect.map(all, (found) => found.length === 2))
          const kinds = (yield* all).map(({ attempts, kind, offset, topic }) => ({ attempts, kind, offset, topic }))
          assert.deepInclude(kinds, { attempts: 1, kind: "retry", offset: 0, topic })
          assert.deepInclude(kinds, { attempts: 1, kind: "due", offset: 0, topic: tier(1) })
          const main = [...controls].find((control) => control.group === group)!
          const retry = retryControl(group, controls)!
          // Paused: it does not run even when it is let go.
          yield* retry.pause([{ topic: tier(1), partition: 0 }])
          assert.strictEqual(yield* retry.retryNow({ topic: tier(1), partition: 0 }), 1)
          assert.strictEqual(yield* main.retryNow({ topic, partition: 1, offset: 7 }), 0)
          assert.strictEqual(yield* main.retryNow({ topic, partition: 1 }), 1)
          yield* world.until("it ran again", Effect.sync(() => seen.filter((value) => value === "stuck").length === 2))
          assert.strictEqual(seen.filter((value) => value === "later").length, 1)
          yield* retry.resume([{ topic: tier(1), partition: 0 }])
          yield* world.until("the copy ran", Effect.sync(() => seen.filter((value) => value === "later").length === 2))
          yield* world.until("it waits again", Effect.map(main.waiting, (found) => found[0]?.attempts === 2))
          assert.isTrue(yield* main.skip({ topic, partition: 1, offset: 0 }))
          assert.isFalse(yield* main.skip({ topic, partition: 0, offset: 0 }))
          yield* world.until("nothing waits", Effect.map(all, (found) => found.length === 0))
          yield* main.commit
          assert.strictEqual(yield* committedAt(world, group, topic, 1), 1)
          yield* main.stop
        })
    ),
    scenario(
      "is skipped, or a dead letter, when a later record of its key makes it stale",
      [],
      (world) =>
        Effect.gen(function*() {
          for (const decision of ["skip", "deadLetter"] as const) {
            const guard = KeyOffsetStore.guard({
              when: () => true,
              stale: decision === "skip" ? OnFailure.skip : OnFailure.deadLetter
            })
            const { dlt, group, topic } = yield* routes(world, 1)
            const ledger = new Ledger()
            yield* world.foreignProduce([
              message(topic, "old", { key: bytes("k") }),
              message(topic, "other", { key: bytes("o") }),
              message(topic, "new", { key: bytes("k") }),
              message(topic, "keyless")
            ])
            const work = ({ topic: at, value }: { readonly topic: string; readonly value: string }) =>
              value === "old" || at === topic && value !== "new" ? new Boom() : Effect.void
            const consumer = Consumer.make(group, {
              offsetReset: "earliest",
              ...world.settings,
              onFailure: after("200 millis", 2).pipe(guard),
              handlers: [Topic.handle(textTopic(topic), ledger.handler("a", { dead: false }, work, false))]
            })
            const store = yield* Layer.build(KeyOffsetStore.layerMemory())
            // The store is provided around the member.
            const member = yield* runMember(world, consumer as Consumer.Consumer<Boom, any>).pipe(
              Effect.provide(store)
            )
            yield* world.until("the others are handled", Effect.sync(() => ledger.handled.length === 3))
            const skipped = () => member.events.filter(({ _tag }) => _tag === "Skipped").length
            yield* decision === "skip"
              ? world.until("it is skipped", Effect.sync(() => skipped() === 1))
              : recordsOf(world, dlt, 1)
            // Whether the later record was known at the first failure depends on the fetches.
            assert.isAtMost(ledger.started.filter(({ value }) => value === "old").length, 2)
            yield* world.foreignProduce([message(dlt, "the last one")])
            const dead = yield* recordsOf(world, dlt, decision === "skip" ? 1 : 2)
            yield* member.stop
            assert.deepStrictEqual(dead.map(({ value }) => Buffer.from(value!).toString()), [
              ...(decision === "skip" ? [] : ["old"]),
              "the last one"
            ])
            assert.strictEqual(skipped(), decision === "skip" ? 1 : 0)
            assert.deepStrictEqual([...ledger.values].sort(), ["keyless", "new", "other"])
          }
        })
    ),
    scenario(
      "that is stale leaves its batch: the others are handled again, and none of them is lost",
      [],
      (world) =>
        Effect.gen(function*() {
          const { group, topic } = yield* routes(world, 0)
          yield* world.foreignProduce([
            message(topic, "bad", { key: bytes("a") }),
            message(topic, "only", { key: bytes("b") }),
            message(topic, "new", { key: bytes("a") })
          ])
          const batches: Array<string> = []
          const consumer = Consumer.make(group, {
            offsetReset: "earliest",
            ...world.settings,
            onFailure: OnFailure.stop.pipe(KeyOffsetStore.guard({ when: () => true, stale: OnFailure.skip })),
            handlers: [
              Topic.handleBatch(textTopic(topic), (records) =>
                Effect.suspend(() => {
                  const values = records.map(({ value }) => value).join()
                  batches.push(values)
                  return values.includes("bad") ? new Boom() : Effect.void
                }), { maxSize: 3, maxWait: "10 seconds" })
            ]
          })
          const store = yield* Layer.build(KeyOffsetStore.layerMemory())
          // The store is provided around the member.
          const member = yield* runMember(world, consumer as Consumer.Consumer<Boom, any>).pipe(Effect.provide(store))
          yield* world.until("all are done", Effect.map(committedAt(world, group, topic, 0), (offset) => offset === 3))
          yield* member.stop
          assert.deepStrictEqual(batches, ["bad,only,new", "only,new"])
          assert.deepStrictEqual(
            member.events.flatMap((event) => event._tag === "Skipped" ? event.offset : []),
            [0]
          )
        })
    )
  ]
}
