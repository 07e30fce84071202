import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Schedule from "effect/Schedule"
import * as Schema from "effect/Schema"
import * as SchemaGetter from "effect/SchemaGetter"
import * as SchemaIssue from "effect/SchemaIssue"
import { Codec, Consumer, Health, KeyOffsetStore, OnFailure, Producer, Retry, Topic } from "millrace"
import { InMemoryKafka } from "millrace/testing"
import { randomOf } from "./internal/loop/random.ts"
import { began, bytes, onCluster, Orders, pass, texts, valuesOf } from "./kit/cluster.ts"
import { erred } from "./kit/failures.ts"

const seen = (topic: string, partition: number, offset: number, key: string | null): KeyOffsetStore.Observed => ({
  topic,
  partition,
  offset,
  key: key === null ? null : bytes(key)
})

const observe = (...records: ReadonlyArray<KeyOffsetStore.Observed>) =>
  Effect.flatMap(KeyOffsetStore.KeyOffsetStore, (store) => store.observe(records))

const latest = (topic: string, key: string | Uint8Array) =>
  Effect.flatMap(
    KeyOffsetStore.KeyOffsetStore,
    (store) => Effect.map(store.latest(topic, typeof key === "string" ? bytes(key) : key), Option.getOrUndefined)
  )

const memory = Effect.provide(KeyOffsetStore.layerMemory())

describe("KeyOffsetStore.isStale", () => {
  const record = { partition: 1, offset: 5 }
  const table = [
    ["the key is not known", Option.none(), false],
    ["the record is the latest", Option.some({ partition: 1, offset: 5 }), false],
    ["a later record of the key is known", Option.some({ partition: 1, offset: 6 }), true],
    ["the record was not seen yet", Option.some({ partition: 1, offset: 4 }), false],
    ["the key moved to another partition", Option.some({ partition: 2, offset: 9 }), false]
  ] as const
  for (const [name, known, expected] of table) {
    it(name, () => assert.strictEqual(KeyOffsetStore.isStale(known, record), expected))
  }
})

describe("KeyOffsetStore.layerMemory", () => {
  it.effect("knows the latest offset of each key of each topic", () =>
    Effect.gen(function*() {
      yield* observe(seen("t", 0, 1, "a"), seen("t", 0, 2, "b"), seen("t", 0, 3, "a"), seen("u", 4, 9, "a"))
      assert.deepStrictEqual(yield* latest("t", "a"), { partition: 0, offset: 3 })
      assert.deepStrictEqual(yield* latest("t", "b"), { partition: 0, offset: 2 })
      assert.deepStrictEqual(yield* latest("u", "a"), { partition: 4, offset: 9 })
      assert.strictEqual(yield* latest("u", "b"), undefined)
      assert.strictEqual(yield* latest("v", "a"), undefined)
    }).pipe(memory))

  it.effect("an offset does not go back when a partition is read again; another partition replaces it", () =>
    Effect.gen(function*() {
      yield* observe(seen("t", 0, 7, "a"))
      yield* observe(seen("t", 0, 2, "a"), seen("t", 0, 3, "a"))
      assert.deepStrictEqual(yield* latest("t", "a"), { partition: 0, offset: 7 })
      yield* observe(seen("t", 1, 2, "a"))
      assert.deepStrictEqual(yield* latest("t", "a"), { partition: 1, offset: 2 })
    }).pipe(memory))

  it.effect("keys are bytes: those that are no text, empty ones and parts of a buffer are told apart", () =>
    Effect.gen(function*() {
      const keys = [[], [0], [0, 0], [255], [254], [0xc3], [0xef, 0xbf, 0xbd]].map((key) => new Uint8Array(key))
      yield* observe(...keys.map((key, offset) => ({ topic: "t", partition: 0, offset, key })))
      for (const [offset, key] of keys.entries()) {
        assert.deepStrictEqual(yield* latest("t", key), { partition: 0, offset })
      }
      const part = new Uint8Array([9, 254, 9]).subarray(1, 2)
      assert.deepStrictEqual(yield* latest("t", part), { partition: 0, offset: 4 })
    }).pipe(memory))

  it.effect("keeps the keys that were seen last, and no long ones", () =>
    Effect.gen(function*() {
      yield* observe(seen("t", 0, 1, "a"), seen("t", 0, 2, "b"), seen("t", 0, 3, "a"), seen("u", 0, 4, "c"))
      assert.strictEqual(yield* latest("t", "b"), undefined)
      assert.deepStrictEqual(yield* latest("t", "a"), { partition: 0, offset: 3 })
      assert.deepStrictEqual(yield* latest("u", "c"), { partition: 0, offset: 4 })
      yield* observe(seen("t", 0, 5, "1234"), seen("t", 0, 6, "12345"))
      assert.deepStrictEqual(yield* latest("t", "1234"), { partition: 0, offset: 5 })
      assert.strictEqual(yield* latest("t", "12345"), undefined)
      assert.deepStrictEqual(yield* latest("u", "c"), { partition: 0, offset: 4 }, "a long key takes no place")
    }).pipe(Effect.provide(KeyOffsetStore.layerMemory({ maxKeys: 2, maxKeyBytes: 4 }))))

  it.effect("forgets a topic, and no other", () =>
    Effect.gen(function*() {
      yield* observe(seen("t", 0, 100, "a"), seen("tt", 0, 1, "a"), seen("t", 0, 101, "b"))
      yield* Effect.flatMap(KeyOffsetStore.KeyOffsetStore, (store) => store.forget("t"))
      assert.strictEqual(yield* latest("t", "a"), undefined)
      assert.strictEqual(yield* latest("t", "b"), undefined)
      assert.deepStrictEqual(yield* latest("tt", "a"), { partition: 0, offset: 1 })
    }).pipe(memory))

  it.effect("never takes a record for stale that is the last of its key, whatever is read in which order", () =>
    Effect.gen(function*() {
      const random = randomOf(7)
      const log = Array.from({ length: 400 }, (_, offset) => seen("t", 0, offset, `k${random.between(0, 30)}`))
      const last = new Map(log.map((record) => [String(record.key), record.offset]))
      let stale = 0
      for (let round = 0; round < 60; round++) {
        const from = random.between(0, log.length - 1)
        yield* observe(...log.slice(from, from + random.between(1, 50)))
        for (const record of log) {
          const answer = yield* KeyOffsetStore.check(record)
          if (answer) stale++
          assert.isFalse(answer && last.get(String(record.key)) === record.offset)
        }
      }
      assert.isAbove(stale, 0)
    }).pipe(Effect.provide(KeyOffsetStore.layerMemory({ maxKeys: 10 }))))

  it("refuses limits that are none", () => {
    for (const maxKeys of [0, -1, 1.5, Number.NaN, Number.POSITIVE_INFINITY]) {
      assert.throws(() => KeyOffsetStore.layerMemory({ maxKeys }), /maxKeys is .* not a whole number/)
    }
    assert.throws(() => KeyOffsetStore.layerMemory({ maxKeyBytes: 0 }), /maxKeyBytes/)
  })
})

describe("KeyOffsetStore.check", () => {
  it.effect("tells a record that has a successor, tombstones included", () =>
    Effect.gen(function*() {
      const [first, second] = [seen("t", 0, 1, "a"), seen("t", 0, 2, "a")]
      yield* observe(first, second)
      assert.isTrue(yield* KeyOffsetStore.check(first))
      assert.isFalse(yield* KeyOffsetStore.check(second))
      assert.isFalse(yield* KeyOffsetStore.check({ ...first, topic: "u" }))
    }).pipe(memory))

  it.effect("a record without a key is never stale, and is neither noted nor asked for", () =>
    Effect.gen(function*() {
      yield* observe(seen("t", 0, 1, null), seen("t", 0, 2, null))
      assert.strictEqual(yield* latest("t", ""), undefined)
      const untouched = Layer.succeed(KeyOffsetStore.KeyOffsetStore, {
        latest: () => Effect.die("asked"),
        observe: () => Effect.die("told"),
        forget: () => Effect.die("told")
      })
      assert.isFalse(yield* KeyOffsetStore.check(seen("t", 0, 1, null)).pipe(Effect.provide(untouched)))
    }).pipe(memory))

  it.effect("a store that is away is a typed error that says what to look at", () =>
    Effect.gen(function*() {
      const error = new KeyOffsetStore.KeyOffsetStoreError({ operation: "latest", topics: ["t"], cause: "refused" })
      const away = Layer.succeed(KeyOffsetStore.KeyOffsetStore, {
        latest: () => Effect.fail(error),
        observe: () => Effect.fail(error),
        forget: () => Effect.fail(error)
      })
      const failed = yield* Effect.flip(KeyOffsetStore.check(seen("t", 0, 1, "a")).pipe(Effect.provide(away)))
      assert.match(failed.message, /"latest" failed for t, .* can be reached/)
      assert.strictEqual(failed.cause, "refused")
    }))
})

describe("KeyOffsetStore.guard", () => {
  const options = { when: () => true, stale: OnFailure.skip }
  const guarded = KeyOffsetStore.guard(OnFailure.stop, options)
  const place = { topic: "orders", partition: 3 }

  it.effect("skips what is stale by the place where it was first read, and knows nothing of other topics", () =>
    Effect.gen(function*() {
      yield* observe(seen("orders", 3, 42, "a"))
      const record = { ...erred("x").record, key: bytes("a") }
      const decided = (origin: OnFailure.Failure<string>["origin"]) => guarded.decide(erred("x", { record, origin }))
      assert.deepStrictEqual(yield* decided({ ...place, offset: 41 }), { _tag: "Skip" })
      assert.deepStrictEqual(yield* decided({ ...place, offset: 42 }), { _tag: "Stop" })
      yield* observe(seen("g.orders.retry.1", 3, 42, "a"))
      const elsewhere = { ...place, topic: "g.orders.retry.1", offset: 41 }
      assert.deepStrictEqual(yield* decided(elsewhere), { _tag: "Stop" })
    }).pipe(memory))

  it.effect("dies, so that the consumer stops, of a condition that does not say true or false", () =>
    Effect.gen(function*() {
      yield* observe(seen("orders", 3, 42, "a"))
      const record = { ...erred("x").record, key: bytes("a") }
      for (const [answer, words] of [[Promise.resolve(false), "a Promise"], [undefined, "undefined"]] as const) {
        const when: any = () => answer
        const policy = KeyOffsetStore.guard(OnFailure.stop, { when, stale: OnFailure.skip })
        const exit = yield* Effect.exit(policy.decide(erred("x", { record, origin: { ...place, offset: 41 } })))
        assert.include(String(exit), `\`when\` returned ${words}, not true or false`)
      }
    }).pipe(memory))

  it.effect("keeps the latest record of its key when its headers do not tell where it was first read", () =>
    onCluster(
      ["orders", "g.orders.retry.1"],
      Effect.gen(function*() {
        yield* Producer.sendAll(Orders, ["x", "y", "k"].map((key) => ({ key, value: key })))
        // As django-kafka leaves it.
        const headers = [["RETRY_TIMESTAMP", bytes(String(began / 1000 + 1))]] as const
        const kafka = yield* InMemoryKafka
        yield* kafka.produce({ topic: "g.orders.retry.1", key: bytes("k"), value: bytes("k"), headers })
        const policy = Retry.nonBlocking(Schedule.spaced("1 second").pipe(Schedule.upTo({ times: 1 })))
        const consumer = Consumer.make("g", {
          offsetReset: "earliest",
          onFailure: KeyOffsetStore.guard(policy, options),
          handlers: [Topic.handle(Orders, ({ topic }) => topic === "orders" ? Effect.void : Effect.fail("no"))]
        })
        yield* Effect.forkScoped(Consumer.run(consumer))
        yield* pass(5)
        assert.deepStrictEqual(yield* valuesOf("g.orders.dlt"), ["k"])
      }).pipe(memory)
    ))

  it.effect("observes nothing that a codec which has to wait refuses", () =>
    onCluster(
      ["orders"],
      Effect.gen(function*() {
        const slow = Codec.json(Schema.String.pipe(Schema.decodeTo(Schema.String, {
          decode: SchemaGetter.transformEffect((text: string) =>
            Effect.delay(
              text === "poison" ? Effect.fail(new SchemaIssue.InvalidValue(undefined)) : Effect.succeed(text),
              "10 millis"
            )
          ),
          encode: SchemaGetter.passthrough()
        })))
        const kafka = yield* InMemoryKafka
        const send = (value: string) =>
          kafka.produce({ topic: "orders", key: bytes("k"), value: bytes(JSON.stringify(value)) })
        yield* Effect.forEach(["stale", "good", "poison"], send)
        const consumer = Consumer.make("g", {
          offsetReset: "earliest",
          onFailure: KeyOffsetStore.guard(OnFailure.deadLetter, options),
          handlers: [Topic.handle(Topic.make("orders", { ...texts, value: slow }), () => Effect.fail("no"))]
        })
        yield* Effect.forkScoped(Consumer.run(consumer))
        yield* pass(5)
        assert.deepStrictEqual(yield* valuesOf("g.orders.dlt"), ["\"good\"", "\"poison\""])
      }).pipe(memory)
    ))

  it.effect("does not hide a codec that hangs, which ends no consumer", () =>
    onCluster(
      ["orders"],
      Effect.gen(function*() {
        const hanging = Codec.json(Schema.String.pipe(Schema.decodeTo(Schema.String, {
          decode: SchemaGetter.transformEffect(() => Effect.never),
          encode: SchemaGetter.passthrough()
        })))
        const kafka = yield* InMemoryKafka
        yield* kafka.produce({ topic: "orders", key: bytes("k"), value: bytes("\"text\"") })
        const fiber = yield* Effect.forkScoped(Consumer.run(Consumer.make("g", {
          offsetReset: "earliest",
          maxHandlerStall: "10 seconds",
          onFailure: KeyOffsetStore.guard(OnFailure.stop, options),
          handlers: [Topic.handle(Topic.make("orders", { ...texts, value: hanging }), () => Effect.void)]
        })))
        yield* pass(60)
        const [health] = yield* Health.all
        assert.match(health!.stalled[0]!.problem, /codec/)
        assert.isUndefined(fiber.pollUnsafe())
      }).pipe(memory)
    ))
})
