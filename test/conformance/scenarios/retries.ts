import { assert } from "@effect/vitest"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"
import { Codec, Consumer, Producer, Retry, Topic } from "millrace"
import type { OnFailure } from "millrace"
import type { Group } from "../harness.ts"
import { scenario } from "../harness.ts"
import { Ledger } from "../ledger.ts"
import { join, produce, runMember, sorted, texts, textTopic } from "../members.ts"
import type { Try } from "../routes.ts"
import {
  bigIntegerOf,
  Boom,
  bytes,
  committedIn,
  headerOf,
  intOf,
  longOf,
  message,
  noting,
  partitions,
  recordsOf,
  retryHeaders,
  routes,
  textOf
} from "../routes.ts"

const hour = 3_600_000

/** Tiers of 200 and 400 ms. */
const twice = Retry.nonBlocking(Schedule.exponential("200 millis").pipe(Schedule.upTo({ times: 2 })))
const once = Retry.nonBlocking(Schedule.spaced("300 millis").pipe(Schedule.upTo({ times: 1 })))

export const retries: Group = {
  title: "a retry topic",
  scenarios: [
    scenario(
      "hands a failed record back after each delay, and then it is a dead letter that Spring can read",
      [],
      (world) =>
        Effect.gen(function*() {
          const { dlt, group, tier, topic } = yield* routes(world, 2)
          const tries: Array<Try> = []
          const note = noting(tries)
          const ledger = new Ledger()
          const headers = [["trace", bytes("a")], ["trace", new Uint8Array([0, 255])]] as const
          const sent = yield* Producer.send(textTopic(topic), { key: "k", value: "bad", headers, partition: 1 })
          yield* produce(topic, 0, 40, partitions)
          const member = yield* join(world, {
            group,
            topics: [topic],
            ledger,
            onFailure: twice,
            work: (record) => record.value === "bad" ? Effect.andThen(note(record), new Boom()) : Effect.void
          })
          const [dead] = yield* recordsOf(world, dlt, 1)
          yield* world.until("the others are handled", Effect.sync(() => ledger.handled.length === 40))
          yield* member.stop
          assert.strictEqual(yield* committedIn(world, group, topic), 41)
          assert.strictEqual(yield* committedIn(world, `${group}.retry`, tier(2)), 1)
          assert.deepStrictEqual(sorted(ledger.values), texts(0, 40))
          assert.deepStrictEqual(tries.map(({ partition, topic }) => [topic, partition]), [[topic, 1], [tier(1), 1], [
            tier(2),
            1
          ]])
          const [first, second, third] = tries.map(({ at }) => at)
          assert.isAtLeast(second! - first!, 200)
          assert.isAtLeast(third! - second!, 400)

          assert.strictEqual(dead!.partition, 1)
          assert.strictEqual(Buffer.from(dead!.key!).toString(), "k")
          assert.strictEqual(Buffer.from(dead!.value!).toString(), "bad")
          assert.deepStrictEqual(
            dead!.headers!.slice(0, 2).map(([name, value]) => [name, [...value!]]),
            [["trace", [97]], ["trace", [0, 255]]]
          )
          assert.strictEqual(textOf(dead!, "kafka_original-topic"), topic)
          assert.strictEqual(intOf(dead!, "kafka_original-partition"), 1)
          assert.strictEqual(headerOf(dead!, "kafka_original-partition")!.length, 4)
          assert.strictEqual(longOf(dead!, "kafka_original-offset"), sent.offset)
          assert.strictEqual(headerOf(dead!, "kafka_original-offset")!.length, 8)
          assert.strictEqual(textOf(dead!, "kafka_dlt-original-consumer-group"), group)
          assert.strictEqual(textOf(dead!, "kafka_exception-fqcn"), "Boom")
          assert.include(textOf(dead!, "kafka_exception-stacktrace"), "Boom")
          assert.strictEqual(intOf(dead!, "retry_topic-attempts"), 4)
          assert.strictEqual(headerOf(dead!, "retry_topic-attempts")!.length, 4)
          // On a dead letter it is the time of the failure.
          assert.isAtMost(Math.abs(bigIntegerOf(dead!, "retry_topic-backoff-timestamp")! - third!), 1_000)
          const [copy] = yield* recordsOf(world, tier(2), 1)
          assert.isAtLeast(bigIntegerOf(copy!, "retry_topic-backoff-timestamp")!, second! + 400)
          assert.isAtMost(bigIntegerOf(copy!, "retry_topic-backoff-timestamp")!, third!)
          assert.strictEqual(intOf(copy!, "retry_topic-attempts"), 3)
        })
    ),
    scenario(
      "believes a due time as far as the tier allows, whatever clock its producer has",
      [],
      (world) =>
        Effect.gen(function*() {
          const { group, tier, topic } = yield* routes(world, 1)
          const tries: Array<Try> = []
          const now = yield* Clock.currentTimeMillis
          const record = (partition: number, value: string, timestamp: number, due: number) =>
            message(tier(1), value, { partition, timestamp, headers: retryHeaders(2, due) })
          yield* world.foreignProduce([
            record(0, "past", now - 1_000, now - 500),
            record(1, "future", now, now + 900),
            record(2, "slow clock", now - hour, now - hour + 300),
            record(3, "fast clock", now + hour, now + hour + 900)
          ])
          const slow = Retry.nonBlocking(Schedule.spaced("900 millis").pipe(Schedule.upTo({ times: 1 })))
          const member = yield* join(world, {
            group,
            topics: [topic],
            ledger: new Ledger(),
            onFailure: slow,
            work: noting(tries)
          })
          yield* world.until("all are handled", Effect.sync(() => tries.length === 4))
          yield* member.stop
          const at = (value: string) => tries.find((one) => one.value === value)!.at
          assert.isAtLeast(at("future"), now + 900)
          assert.isBelow(at("fast clock"), now + hour)
          assert.isAtLeast(at("fast clock"), now + 900)
          // These were due before they were read: nothing tells when that was, but it is not an hour.
          assert.isBelow(at("past"), now + hour)
          assert.isBelow(at("slow clock"), now + hour)
        })
    ),
    scenario(
      "is passed by: poison goes to the dead letter topic at once, as it came; a tombstone and a null key do not",
      [],
      (world) =>
        Effect.gen(function*() {
          const { dlt, group, tier, topic } = yield* routes(world, 1)
          const broken = new Uint8Array([0xff, 0xfe, 0x00])
          const source = Topic.make(topic, { key: Codec.nullable(Codec.string), value: Codec.nullable(Codec.string) })
          yield* world.foreignProduce([
            message(topic, "", { value: broken, key: bytes("k") }),
            message(topic, "ok", { key: broken }),
            message(topic, "", { key: broken, value: broken }),
            message(topic, "", { key: bytes("gone"), value: null }),
            message(topic, "no key")
          ])
          const seen: Array<string> = []
          const consumer = Consumer.make(group, {
            offsetReset: "earliest",
            ...world.settings,
            onFailure: once,
            handlers: [
              Topic.handle(source, ({ key, topic: at, value }) =>
                Effect.suspend(() => {
                  seen.push(`${key} ${value}`)
                  return at === topic ? new Boom() : Effect.void
                }))
            ]
          })
          const member = yield* runMember(world, consumer)
          const dead = yield* recordsOf(world, dlt, 3)
          yield* world.until("the others are handled twice", Effect.sync(() => seen.length === 4))
          yield* member.stop
          assert.deepStrictEqual(seen, ["gone null", "null no key", "gone null", "null no key"])
          assert.deepStrictEqual(
            dead.map(({ key, value }) => [key && [...key], value && [...value]]),
            [[[...bytes("k")], [...broken]], [[...broken], [...bytes("ok")]], [[...broken], [...broken]]]
          )
          assert.deepStrictEqual(dead.map((record) => intOf(record, "retry_topic-attempts")), [2, 2, 2])
          assert.deepStrictEqual(dead.map((record) => textOf(record, "x-retry-executions")), ["0", "0", "0"])
          const copies = yield* recordsOf(world, tier(1), 2)
          assert.isNull(copies[0]!.value)
          assert.isNull(copies[1]!.key)
          assert.strictEqual(yield* committedIn(world, group, topic), 5)
        })
    ),
    scenario("belongs to one group: another one on the same topic has its own", [], (world) =>
      Effect.gen(function*() {
        const a = yield* routes(world, 1)
        const b = { ...a, group: world.name("group") }
        const other = { dlt: `${b.group}.${a.topic}.dlt`, tier: `${b.group}.${a.topic}.retry.1` }
        yield* Effect.forEach([other.dlt, other.tier], (name) => world.topic(partitions, { name }))
        const ledgers = [new Ledger(), new Ledger()] as const
        yield* produce(a.topic, 0, 8, partitions)
        const of = (group: string, ledger: Ledger, failing: string) =>
          join(world, {
            group,
            topics: [a.topic],
            ledger,
            onFailure: once,
            work: ({ value }) => value === failing ? new Boom() : Effect.void
          })
        const members = [yield* of(a.group, ledgers[0], "3"), yield* of(b.group, ledgers[1], "5")]
        const [deadOfA] = yield* recordsOf(world, a.dlt, 1)
        const [deadOfB] = yield* recordsOf(world, other.dlt, 1)
        for (const member of members) yield* member.stop
        assert.strictEqual(Buffer.from(deadOfA!.value!).toString(), "3")
        assert.strictEqual(Buffer.from(deadOfB!.value!).toString(), "5")
        assert.deepStrictEqual(sorted(ledgers[0].values), texts(0, 8).filter((value) => value !== "3"))
        assert.deepStrictEqual(sorted(ledgers[1].values), texts(0, 8).filter((value) => value !== "5"))
        assert.strictEqual(ledgers[0].started.length, 9)
        assert.strictEqual(ledgers[1].started.length, 9)
      })),
    scenario(
      "may have fewer partitions than its source",
      ["any partition count", "topics admin"],
      (world) =>
        Effect.gen(function*() {
          const { dlt, group, topic, tier } = yield* routes(world, 0)
          yield* world.topic(2, { name: tier(1) })
          const ledger = new Ledger()
          yield* produce(topic, 0, 8, partitions)
          const member = yield* join(world, {
            group,
            topics: [topic],
            ledger,
            onFailure: once,
            work: () => new Boom()
          })
          const dead = yield* recordsOf(world, dlt, 8)
          const copies = yield* recordsOf(world, tier(1), 8, 2)
          yield* member.stop
          assert.deepStrictEqual(copies.map(({ partition }) => partition), [0, 0, 0, 0, 1, 1, 1, 1])
          assert.deepStrictEqual(
            copies.map((record) => intOf(record, "kafka_original-partition")! % 2),
            copies.map(({ partition }) => partition)
          )
          assert.deepStrictEqual(sorted(dead.map(({ value }) => Buffer.from(value!).toString())), texts(0, 8))
          assert.strictEqual(yield* committedIn(world, group, topic), 8)
        })
    ),
    scenario(
      "of an earlier policy is handled by the next one, which has fewer, more, or other delays",
      [],
      (world) =>
        Effect.gen(function*() {
          const { dlt, group, tier, topic } = yield* routes(world, 3)
          const tries: Array<Try> = []
          const run = (onFailure: OnFailure.OnFailure<unknown>) =>
            join(world, {
              group,
              topics: [topic],
              ledger: new Ledger(),
              onFailure,
              work: (record) => Effect.andThen(noting(tries)(record), new Boom())
            })
          const where = (value: string) =>
            tries.filter((one) => one.value === value).map((one) => one.topic.split(".").at(-1))
          // An hour and two: what fails now waits for long.
          const slow = yield* run(Retry.nonBlocking(Schedule.exponential("1 hour").pipe(Schedule.upTo({ times: 2 }))))
          yield* world.foreignProduce([message(topic, "early")])
          yield* recordsOf(world, tier(1), 1)
          yield* slow.stop
          const now = yield* Clock.currentTimeMillis
          yield* world.foreignProduce([
            message(tier(3), "orphan", { partition: 1, headers: retryHeaders(4, now) }),
            message(tier(1), "behind", { partition: 2, headers: retryHeaders(2, now) })
          ])
          // Fewer tiers, and shorter ones.
          const quick = yield* run(once)
          yield* recordsOf(world, dlt, 3)
          yield* quick.stop
          assert.deepStrictEqual(where("early"), [topic.split(".").at(-1), "1"])
          assert.deepStrictEqual(where("orphan"), ["3"])
          assert.deepStrictEqual(where("behind"), ["1"])
          yield* world.foreignProduce([message(tier(1), "goes on", { partition: 3, headers: retryHeaders(2, now) })])
          const three = Retry.nonBlocking(Schedule.exponential("100 millis").pipe(Schedule.upTo({ times: 3 })))
          const more = yield* run(three)
          yield* recordsOf(world, dlt, 4)
          yield* more.stop
          assert.deepStrictEqual(where("goes on"), ["1", "2", "3"])
        })
    )
  ]
}
