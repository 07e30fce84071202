import { assert } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"
import { Consumer, OnFailure, Retry, Topic } from "millrace"
import type { Handler } from "millrace"
import type { Group, World } from "../harness.ts"
import { scenario } from "../harness.ts"
import { Ledger } from "../ledger.ts"
import { join, produce, runMember, share, sorted, texts, textTopic } from "../members.ts"
import {
  Bang,
  Boom,
  committedAt,
  committedIn,
  intOf,
  message,
  partitions,
  recordsOf,
  routes,
  textOf
} from "../routes.ts"

/** So many attempts in place, then the dead letter topic. */
const inPlace = (delay: string, times: number) =>
  OnFailure.andThen(
    Retry.blocking(Schedule.spaced(delay as "1 second").pipe(Schedule.upTo({ times }))),
    OnFailure.deadLetter
  )

/** How often each value was handed to a handler. */
const counts = (ledger: Ledger) => {
  const all = new Map<string, number>()
  for (const { value } of ledger.started) all.set(value, (all.get(value) ?? 0) + 1)
  return all
}

/** With lanes of their own, records behind a waiting one are handled, and nothing is committed past it. */
const lanes = (concurrency: Handler.Concurrency, blocked: ReadonlyArray<string>) =>
  Effect.fnUntraced(function*(world: World) {
    const { group, topic } = yield* routes(world, 0)
    const ledger = new Ledger()
    yield* world.foreignProduce(
      texts(0, 12).map((value, i) => message(topic, value, { key: new Uint8Array([97 + i % 3]) }))
    )
    const healed = { yet: false }
    const member = yield* join(world, {
      group,
      topics: [topic],
      ledger,
      concurrency,
      onFailure: Retry.blocking(Schedule.spaced("200 millis")),
      work: ({ value }) => value === "1" && !healed.yet ? new Boom() : Effect.void
    })
    yield* world.until("all others are handled", Effect.sync(() => ledger.handled.length === 12 - blocked.length))
    const control = yield* member.control
    yield* control.commit
    assert.strictEqual(yield* committedAt(world, group, topic, 0), 1)
    assert.deepStrictEqual(texts(0, 12).filter((value) => !ledger.values.includes(value)), blocked)
    healed.yet = true
    yield* world.until("it is handled too", Effect.sync(() => ledger.handled.length === 12))
    yield* member.stop
    assert.strictEqual(yield* committedAt(world, group, topic, 0), 12)
    assert.deepStrictEqual(
      ledger.disorder(concurrency !== "partition" && "keys" in concurrency ? "key" : "partition")
        .length > 0,
      blocked.length === 1
    )
    assert.deepStrictEqual(ledger.duplicates, [])
  })

export const retriesInPlace: Group = {
  title: "a retry in place",
  scenarios: [
    scenario(
      "keeps the order, and nothing is committed past a record that waits",
      [],
      (world) =>
        Effect.gen(function*() {
          const { dlt, group, topic } = yield* routes(world, 0)
          const ledger = new Ledger()
          yield* produce(topic, 0, 40, partitions)
          const tries = new Map<string, number>()
          const member = yield* join(world, {
            group,
            topics: [topic],
            ledger,
            onFailure: inPlace("300 millis", 5),
            // The fourth of partition 0 fails twice, the fifth of partition 1 for good.
            work: ({ value }) => {
              const failed = tries.get(value) ?? 0
              tries.set(value, failed + 1)
              return value === "12" && failed < 2 || value === "17" ? new Boom() : Effect.void
            }
          })
          yield* world.until("it waits", Effect.sync(() => tries.get("12") === 1))
          yield* (yield* member.control).commit
          assert.isAtMost((yield* committedAt(world, group, topic, 0)) ?? 0, 3)
          const [dead] = yield* recordsOf(world, dlt, 1)
          yield* world.until("all are handled", Effect.sync(() => ledger.handled.length === 39))
          yield* member.stop
          assert.deepStrictEqual(ledger.disorder(), [])
          assert.deepStrictEqual(ledger.duplicates, [])
          // Each failing partition counts for itself.
          assert.strictEqual(counts(ledger).get("12"), 3)
          assert.strictEqual(counts(ledger).get("17"), 6)
          assert.strictEqual(ledger.started.length, 38 + 3 + 6)
          assert.strictEqual(textOf(dead!, "x-retry-executions"), "6")
          assert.strictEqual(yield* committedIn(world, group, topic), 40)
        })
    ),
    scenario("lets other keys go on while one waits", [], lanes({ keys: 4 }, ["1", "4", "7", "10"])),
    scenario(
      "keeps no handler from the other keys, however few there are",
      [],
      lanes({ keys: 1 }, ["1", "4", "7", "10"])
    ),
    scenario("lets all others go on where there is no order", [], lanes({ unordered: 4 }, ["1"])),
    scenario(
      "depends on the error: by tag, by kind, and decided again at each attempt",
      [],
      (world) =>
        Effect.gen(function*() {
          const { dlt, group, tier, topic } = yield* routes(world, 1)
          const ledger = new Ledger()
          yield* world.foreignProduce(
            ["boom", "bang", "changes", "bug", "interrupted"].map((value) => message(topic, value))
          )
          const policy = Retry.blocking(Schedule.spaced("100 millis").pipe(Schedule.upTo({ times: 2 })), {
            include: ["Boom"]
          }).pipe(
            OnFailure.andThen(
              Retry.nonBlocking(Schedule.spaced("200 millis").pipe(Schedule.upTo({ times: 1 })), {
                exclude: ["Bang"],
                defects: false
              })
            )
          )
          const failure = (value: string): Effect.Effect<void, unknown> => {
            switch (value) {
              case "boom":
                return new Boom()
              case "bang":
                return new Bang()
              case "changes":
                return counts(ledger).get(value) === 1 ? new Boom() : new Bang()
              case "bug":
                return Effect.die(new TypeError("a bug"))
              default:
                return Effect.interrupt
            }
          }
          const member = yield* join(world, {
            group,
            topics: [topic],
            ledger,
            onFailure: policy,
            work: ({ value }) => failure(value)
          })
          const dead = yield* recordsOf(world, dlt, 5)
          yield* member.stop
          const told = new Map(dead.map((record) => [
            Buffer.from(record.value!).toString(),
            [textOf(record, "x-retry-executions"), intOf(record, "retry_topic-attempts")]
          ]))
          // In place twice, then once through the retry topic.
          assert.deepStrictEqual(told.get("boom"), ["4", 3])
          assert.deepStrictEqual(told.get("bang"), ["1", 2])
          assert.deepStrictEqual(told.get("changes"), ["2", 2])
          assert.deepStrictEqual(told.get("bug"), ["1", 2])
          assert.deepStrictEqual(told.get("interrupted"), ["1", 2])
          const copies = yield* recordsOf(world, tier(1), 1)
          assert.strictEqual(copies.length, 1)
        })
    ),
    scenario(
      "is given up at once when the consumer stops, and the count goes on with the next one",
      [],
      (world) =>
        Effect.gen(function*() {
          const { dlt, group, topic } = yield* routes(world, 0)
          const ledger = new Ledger()
          yield* world.foreignProduce([message(topic, "first")])
          const work = ({ value }: { readonly value: string }) => value === "bad" ? new Boom() : Effect.void
          for (let run = 1; run <= 2; run++) {
            const member = yield* join(world, {
              group,
              topics: [topic],
              ledger,
              onFailure: OnFailure.andThen(
                Retry.blocking(Schedule.spaced("1 hour").pipe(Schedule.upTo({ times: 4 }))),
                OnFailure.deadLetter
              ),
              settings: { drainTimeout: 60_000 },
              work
            })
            if (run === 1) {
              yield* world.until(
                "the first is committed",
                Effect.map(committedAt(world, group, topic, 0), (offset) => offset === 1)
              )
              yield* world.foreignProduce([message(topic, "bad"), message(topic, "good")])
            }
            yield* world.until("it waits", Effect.sync(() => ledger.started.length === 1 + run))
            // What the client commits by itself must not take the count away.
            yield* world.advance(2 * world.commitMillis)
            yield* member.stop
          }
          assert.strictEqual(yield* committedAt(world, group, topic, 0), 1)
          // Three attempts are left of five, and then it is over.
          const last = yield* join(world, { group, topics: [topic], ledger, onFailure: inPlace("100 millis", 4), work })
          const [dead] = yield* recordsOf(world, dlt, 1)
          yield* world.until("the other is handled", Effect.sync(() => ledger.handled.length === 2))
          yield* last.stop
          assert.strictEqual(counts(ledger).get("bad"), 5)
          assert.strictEqual(textOf(dead!, "x-retry-executions"), "5")
          assert.strictEqual(yield* committedAt(world, group, topic, 0), 3)
        })
    ),
    scenario(
      "moves with its partition: the next owner goes on counting, and what finishes late counts for nothing",
      [],
      (world) =>
        Effect.gen(function*() {
          const { dlt, group, topic } = yield* routes(world, 0)
          const ledger = new Ledger()
          yield* produce(topic, 0, partitions, partitions)
          const policy = (delay: string) => inPlace(delay, 3)
          const settings = { drainTimeout: 60_000 }
          const work = () => new Boom()
          const first = yield* join(world, {
            group,
            topics: [topic],
            ledger,
            onFailure: policy("1 hour"),
            settings,
            work
          })
          yield* world.until("all wait", Effect.sync(() => ledger.started.length === partitions))
          const second = yield* join(world, {
            group,
            topics: [topic],
            ledger,
            name: "b",
            onFailure: policy("100 millis"),
            settings,
            work
          })
          yield* world.until("they share", share([first, second], partitions))
          yield* recordsOf(world, dlt, 2)
          yield* first.stop
          const dead = yield* recordsOf(world, dlt, partitions)
          yield* second.stop
          assert.deepStrictEqual(dead.map((record) => textOf(record, "x-retry-executions")), ["4", "4", "4", "4"])
          assert.deepStrictEqual([...counts(ledger).values()], [4, 4, 4, 4])
          assert.deepStrictEqual(ledger.overlaps, [])
          assert.strictEqual(yield* committedIn(world, group, topic), partitions)
        })
    ),
    scenario(
      "loses nothing by a crash, with keys side by side and copies on their way",
      ["network"],
      (world) =>
        Effect.gen(function*() {
          const network = yield* world.network
          const made = yield* routes(world, 1)
          const ledger = new Ledger()
          yield* produce(made.topic, 0, 200, partitions)
          const policy = Retry.blocking(Schedule.recurs(1)).pipe(
            OnFailure.andThen(Retry.nonBlocking(Schedule.spaced("300 millis").pipe(Schedule.upTo({ times: 1 }))))
          )
          const run = (name: string, more: Partial<Parameters<typeof join>[1]>) =>
            join(world, {
              group: made.group,
              topics: [made.topic],
              ledger,
              name,
              concurrency: { keys: 4 },
              onFailure: policy,
              work: ({ topic, value }) =>
                Effect.andThen(
                  Effect.sleep(5),
                  topic === made.topic && Number(value) % 10 === 0 ? new Boom() : Effect.void
                ),
              ...more
            })
          const mortal = { drainTimeout: 100, closeTimeout: 100 }
          const first = yield* run("a", { engine: network.engine, settings: mortal })
          yield* world.until("some are handled", Effect.sync(() => ledger.handled.length >= 60))
          yield* first.kill
          const second = yield* run("b", {})
          yield* world.until("all are handled", Effect.sync(() => new Set(ledger.values).size === 200))
          yield* world.until(
            "all are committed",
            Effect.map(committedIn(world, made.group, made.topic), (count) => count === 200)
          )
          yield* second.stop
          assert.deepStrictEqual(sorted(new Set(ledger.values)), texts(0, 200))
        })
    ),
    scenario("repeats a batch, in place and then by its records", [], (world) =>
      Effect.gen(function*() {
        const { dlt, group, tier, topic } = yield* routes(world, 1)
        yield* world.foreignProduce([
          message(topic, "1"),
          message(topic, "", { value: new Uint8Array([0xff]) }),
          message(topic, "2"),
          message(topic, "3")
        ])
        const batches: Array<string> = []
        const healed = { yet: false }
        const handler = Topic.handleBatch(textTopic(topic), (records) =>
          Effect.suspend(() => {
            batches.push(`${records[0]!.topic === topic ? "source" : "retry"} ${records.map(({ value }) => value)}`)
            return healed.yet || records[0]!.topic !== topic ? Effect.void : new Boom()
          }), { maxSize: 3, maxWait: "300 millis" })
        const consumer = Consumer.make(group, {
          offsetReset: "earliest",
          ...world.settings,
          onFailure: Retry.blocking(Schedule.spaced("100 millis").pipe(Schedule.upTo({ times: 1 }))).pipe(
            OnFailure.andThen(Retry.nonBlocking(Schedule.spaced("300 millis").pipe(Schedule.upTo({ times: 1 }))))
          ),
          handlers: [handler]
        })
        const member = yield* runMember(world, consumer)
        yield* world.until("the copies are handled", Effect.sync(() => batches.join(";").includes("retry")))
        const copies = yield* recordsOf(world, tier(1), 3)
        const [poison] = yield* recordsOf(world, dlt, 1)
        healed.yet = true
        yield* world.foreignProduce([message(topic, "4")])
        yield* world.until("the next is handled", Effect.sync(() => batches.includes("source 4")))
        yield* member.stop
        assert.deepStrictEqual(batches.filter((batch) => batch.startsWith("source")), [
          "source 1,2,3",
          "source 1,2,3",
          "source 4"
        ])
        assert.deepStrictEqual(
          batches.filter((batch) => batch.startsWith("retry")).join().replaceAll("retry ", ""),
          "1,2,3"
        )
        assert.deepStrictEqual(copies.map((record) => textOf(record, "x-retry-executions")), ["2", "2", "2"])
        assert.strictEqual(textOf(poison!, "x-retry-executions"), "0")
        assert.strictEqual(yield* committedAt(world, group, topic, 0), 5)
      })),
    scenario(
      "tells the owner of the offsets how far it is, behind records that went elsewhere",
      [],
      (world) =>
        Effect.gen(function*() {
          const { dlt, group, tier, topic } = yield* routes(world, 1)
          yield* world.foreignProduce([
            message(topic, "1"),
            message(topic, "", { value: new Uint8Array([0xff]) }),
            message(topic, "bad")
          ])
          const own = new Map<string, number>()
          const seen: Array<string> = []
          const handler = Topic.handleOwningOffsets(textTopic(topic), ({ next, partition, records, topic: at }) =>
            Effect.suspend(() => {
              seen.push(...records.map(({ value }) =>
                value
              ))
              if (records.some(({ value }) => value === "bad")) return new Boom()
              own.set(`${at === topic ? "source" : "retry"}/${partition}`, next)
              return Effect.void
            }), {
            maxSize: 1,
            startOffsets: (wanted) =>
              Effect.succeed(wanted.flatMap(({ partition, topic: at }) => {
                const offset = own.get(`${at === topic ? "source" : "retry"}/${partition}`)
                return offset === undefined ? [] : [{ topic: at, partition, offset }]
              }))
          })
          const consumer = Consumer.make(group, {
            offsetReset: "earliest",
            ...world.settings,
            onFailure: Retry.nonBlocking(Schedule.spaced("200 millis").pipe(Schedule.upTo({ times: 1 }))),
            handlers: [handler]
          })
          const member = yield* runMember(world, consumer)
          yield* recordsOf(world, tier(1), 1)
          yield* recordsOf(world, dlt, 2)
          yield* world.until(
            "both are noted",
            Effect.sync(() =>
              own.get("source/0") === 3 && own.get("retry/0") === 1
            )
          )
          yield* member.stop
          assert.deepStrictEqual(seen, ["1", "bad", "bad"])
        })
    )
  ]
}
