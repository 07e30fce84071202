import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/testing/TestClock"
import { Codec, Consumer, DeadLetters, Poison, Retry, Topic } from "millrace"
import * as KafkaEngine from "../src/engine/KafkaEngine.ts"
import * as RetryHeaders from "../src/internal/retry/retryHeaders.ts"
import {
  billing,
  bytes,
  committed,
  deadLetter,
  group,
  lastHeader,
  makeTopics,
  onCluster,
  one,
  parked,
  recordsOf,
  redrive,
  send,
  sendMany,
  start,
  text,
  tier1,
  usual,
  values
} from "./internal/deadLetters/letters.ts"

describe("redriving dead letters", () => {
  it.effect("sends them byte by byte to the first retry topic, due now and with their whole schedule", () =>
    Effect.gen(function*() {
      yield* usual
      const binary = Uint8Array.from([0, 255, 128])
      yield* send({ partition: 2, headers: [["trace", binary], ["trace", null], ["RETRY_MESSAGE", bytes("old")]] })
      yield* send({ partition: 0, key: null, value: null })
      yield* TestClock.adjust("1 hour")
      const moved = yield* redrive()
      assert.deepStrictEqual(moved.map(({ _tag }) => _tag), ["Redriven", "Redriven"])
      const [before] = (yield* recordsOf(deadLetter)).filter(({ partition }) => partition === 2)
      const sent = yield* recordsOf(tier1)
      const [empty, full] = sent
      assert.deepInclude(empty, { partition: 0, key: null, value: null })
      assert.strictEqual(full!.partition, 2)
      assert.deepStrictEqual(full!.key, before!.key)
      assert.deepStrictEqual(full!.value, before!.value)
      assert.deepStrictEqual(full!.headers!.slice(0, 2), [["trace", binary], ["trace", null]])
      const state = RetryHeaders.read(full!)
      assert.deepInclude(state, {
        attempts: 1,
        executions: 0,
        replays: 1,
        due: start + 3_600_000,
        errorTag: undefined,
        firstFailedAt: undefined,
        group: "billing"
      })
      assert.deepInclude(state.origin, { topic: "orders", partition: 2, timestamp: 5000 })
      assert.strictEqual(full!.timestamp, start + 3_600_000)
      assert.strictEqual(text(lastHeader(full!, "x-retry-replayed-at")), String(start + 3_600_000))
      assert.include(text(lastHeader(full!, "x-retry-replay-id")), group)
      assert.deepStrictEqual(yield* committed(), { 0: 1, 2: 1 })
    }).pipe(onCluster))

  it.effect("keeps the order of each partition", () =>
    Effect.gen(function*() {
      yield* usual
      yield* sendMany(700, { partition: 1 })
      yield* sendMany(3, { partition: 0 })
      const moved = yield* redrive()
      assert.lengthOf(moved, 703)
      assert.deepStrictEqual(yield* values(tier1), yield* values(deadLetter))
    }).pipe(onCluster))

  it.effect("takes the partition modulo, where the destination has fewer", () =>
    Effect.gen(function*() {
      yield* makeTopics({ orders: 5, [deadLetter]: 5, [tier1]: 2 })
      yield* send({ partition: 4 })
      // The dead letter topic may have had fewer partitions than the source: the origin knows better.
      yield* send({ partition: 0, originPartition: 3 })
      yield* redrive()
      assert.deepStrictEqual((yield* recordsOf(tier1)).map(({ partition }) => partition), [0, 1])
    }).pipe(onCluster))

  it.effect("goes on where the last one ended, and ends at the ends of its beginning", () =>
    Effect.gen(function*() {
      yield* one
      yield* sendMany(2)
      const first = yield* Stream.runCollect(
        Stream.tap(DeadLetters.redrive(billing), () => send({ tag: "Again" }))
      )
      // What came in meanwhile, here even because of it, is for the next one.
      assert.lengthOf(first, 2)
      assert.deepStrictEqual(yield* committed(), { 0: 2 })
      assert.deepStrictEqual((yield* redrive()).map(({ letter }) => letter.errorTag), ["Again", "Again"])
      assert.lengthOf(yield* redrive(), 0)
      assert.lengthOf(yield* recordsOf(tier1), 4)
    }).pipe(onCluster))

  it.effect("does not follow its own output when that comes back at once", () =>
    Effect.gen(function*() {
      yield* one
      yield* sendMany(1200)
      // A handler that is still broken: each redriven record is a dead letter again.
      const moved = yield* Stream.runCollect(Stream.tap(DeadLetters.redrive(billing), () => send({ replays: 1 })))
      assert.lengthOf(moved, 1200)
      assert.deepStrictEqual(yield* committed(), { 0: 1200 })
    }).pipe(onCluster))

  it.effect("stops after max and canary with exactly the offset behind", () =>
    Effect.gen(function*() {
      yield* one
      for (let i = 0; i < 10; i++) yield* send({ replays: i % 2 === 0 ? 3 : 0 })
      // Parked, redriven, parked: three are moved.
      assert.deepStrictEqual((yield* redrive({ max: 3 })).map(({ _tag }) => _tag), ["Parked", "Redriven", "Parked"])
      assert.deepStrictEqual(yield* committed(), { 0: 3 })
      // Two are redriven; the one parked between them does not count.
      const canary = yield* redrive({ canary: 2 })
      assert.deepStrictEqual(canary.map(({ letter }) => letter.offset), [3, 4, 5])
      assert.deepStrictEqual(yield* committed(), { 0: 6 })
      assert.lengthOf(yield* redrive(), 4)
      assert.lengthOf(yield* recordsOf(tier1), 5)
      assert.lengthOf(yield* recordsOf(parked), 5)
    }).pipe(onCluster))

  it.effect("sends no more than max over all partitions", () =>
    Effect.gen(function*() {
      yield* usual
      for (const partition of [0, 1, 2]) yield* sendMany(5, { partition })
      assert.lengthOf(yield* redrive({ max: 7 }), 7)
      const sum = Object.values(yield* committed()).reduce((a, b) => a + b, 0)
      assert.strictEqual(sum, 7)
      assert.lengthOf(yield* recordsOf(tier1), 7)
      yield* redrive()
      const sent = yield* values(tier1)
      assert.lengthOf(new Set(sent), 15)
      assert.lengthOf(sent, 15)
    }).pipe(onCluster))

  it.effect("parks what was redriven too often, and moves on though nothing else was there", () =>
    Effect.gen(function*() {
      yield* one
      yield* sendMany(3, { replays: 3 })
      const before = yield* recordsOf(deadLetter)
      assert.deepStrictEqual((yield* redrive()).map(({ _tag }) => _tag), ["Parked", "Parked", "Parked"])
      assert.lengthOf(yield* recordsOf(tier1), 0)
      const after = yield* recordsOf(parked)
      // Nothing of them changes.
      assert.deepStrictEqual(
        after.map(({ headers, key, value }) => ({ headers, key, value })),
        before.map(({ headers, key, value }) => ({ headers, key, value }))
      )
      assert.deepStrictEqual(yield* committed(), { 0: 3 })
      yield* send({ replays: 2 })
      yield* redrive()
      const [record] = yield* recordsOf(tier1)
      assert.strictEqual(RetryHeaders.read(record!).replays, 3)
      yield* send({ replays: 1 })
      assert.deepStrictEqual((yield* redrive({ maxReplays: 1 })).map(({ _tag }) => _tag), ["Parked"])
      yield* send()
      assert.deepStrictEqual((yield* redrive({ maxReplays: 0 })).map(({ _tag }) => _tag), ["Parked"])
    }).pipe(onCluster))

  it.effect("of a filter has a group of its own, which also passes what the filter leaves out", () =>
    Effect.gen(function*() {
      yield* one
      for (const tag of ["A", "B", "A", "B", "B"]) yield* send({ tag })
      const filtered = DeadLetters.groupOf(billing, { tag: "A" })
      assert.match(filtered, /^billing\.dlt\.redrive\.[0-9a-f]{32}$/)
      assert.strictEqual(DeadLetters.groupOf(billing, { topic: "orders" }), group)
      assert.deepStrictEqual((yield* redrive({ tag: "A" })).map(({ letter }) => letter.offset), [0, 2])
      assert.deepStrictEqual(yield* committed(filtered), { 0: 5 })
      assert.lengthOf(yield* redrive({ tag: "A" }), 0)
      // Nothing is hidden from the others.
      assert.deepStrictEqual((yield* redrive({ tag: "B" })).map(({ letter }) => letter.offset), [1, 3, 4])
      assert.deepStrictEqual(yield* committed(), {})
      assert.lengthOf(yield* redrive(), 5)
    }).pipe(onCluster))

  it.effect("of a filter begins where one without a filter got to", () =>
    Effect.gen(function*() {
      yield* usual
      for (const partition of [0, 1]) yield* sendMany(3, { partition, tag: "A" })
      yield* redrive({ max: 4 })
      const sent = yield* committed()
      assert.strictEqual(sent[0]! + (sent[1] ?? 0), 4)
      const plan = yield* DeadLetters.plan(billing, { tag: "A" })
      assert.deepStrictEqual(plan.routes.map(({ waiting }) => waiting), [2])
      assert.lengthOf(yield* redrive({ tag: "A", dryRun: true }), 2)
      assert.lengthOf(yield* Stream.runCollect(DeadLetters.records(billing, { tag: "A", waiting: true })), 2)
      assert.lengthOf(yield* redrive({ tag: "A" }), 2)
      assert.lengthOf(yield* recordsOf(tier1), 6)
      assert.lengthOf(yield* Stream.runCollect(DeadLetters.records(billing, { tag: "A", waiting: true })), 0)
      assert.lengthOf(yield* Stream.runCollect(DeadLetters.records(billing, { waiting: true, since: 0 })), 2)
      // What a filter sent is not behind the other one.
      assert.lengthOf(yield* redrive(), 2)
    }).pipe(onCluster))

  it.effect("of a filter is planned with what the filter selects", () =>
    Effect.gen(function*() {
      yield* usual
      for (const tag of ["A", "A", "B"]) yield* send({ tag })
      yield* send({ tag: "A", partition: 1, key: "k" })
      const waiting = (options: DeadLetters.RedriveOptions) =>
        Effect.map(DeadLetters.plan(billing, options), ({ routes }) => routes.map(({ waiting }) => waiting))
      assert.deepStrictEqual(yield* waiting({}), [4])
      assert.deepStrictEqual(yield* waiting({ tag: "A" }), [3])
      assert.deepStrictEqual(yield* waiting({ tag: "None" }), [0])
      assert.deepStrictEqual(yield* waiting({ partition: 0 }), [3])
      assert.deepStrictEqual(yield* waiting({ key: "k" }), [1])
      assert.deepStrictEqual(yield* waiting({ where: { name: "first", test: ({ offset }) => offset === 0 } }), [2])
      assert.deepStrictEqual(yield* waiting({ until: 0 }), [0])
    }).pipe(onCluster))

  it.effect("asks a question of one's own, also an effect", () =>
    Effect.gen(function*() {
      yield* one
      for (const total of [1, 20, 3]) yield* send({ value: `{"id":"x","total":${total}}` })
      yield* send({ value: "no order" })
      const large: DeadLetters.Where = {
        name: "large",
        test: (letter) =>
          letter.decoded.pipe(
            Effect.map((record) => (record.value as { readonly total: number }).total > 2),
            Effect.catchTag("Poison", () => Effect.succeed(false))
          )
      }
      assert.deepStrictEqual((yield* redrive({ where: large })).map(({ letter }) => letter.offset), [1, 2])
      const later: DeadLetters.Where = { name: "later", test: async ({ offset }) => offset > 1 }
      assert.deepStrictEqual((yield* redrive({ where: later })).map(({ letter }) => letter.offset), [2, 3])
    }).pipe(onCluster))

  it.effect("stops in front of a record whose question fails, and keeps what was before", () =>
    Effect.gen(function*() {
      yield* one
      yield* sendMany(5)
      const tests: ReadonlyArray<DeadLetters.Where["test"]> = [
        ({ offset }) => {
          if (offset === 3) throw new Error("what is this?")
          return true
        },
        ({ offset }) => offset === 3 ? Effect.fail("what is this?") : Effect.succeed(true),
        ({ offset }) => offset === 3 ? Effect.die("what is this?") : true
      ]
      for (const [i, test] of tests.entries()) {
        const where = { name: `fails ${i}`, test }
        const error = yield* Effect.flip(redrive({ where }))
        assert.strictEqual(error.reason._tag, "InvalidSetting")
        assert.include(error.message, `${deadLetter}/0 at offset 3: what is this?`)
        assert.deepStrictEqual(yield* committed(DeadLetters.groupOf(billing, { where })), { 0: 3 })
      }
      assert.lengthOf(yield* recordsOf(tier1), 9)
      // The answer of a JavaScript module may be anything.
      const where = { name: "odd", test: (() => "yes") as any }
      assert.include((yield* Effect.flip(redrive({ where }))).message, "neither true nor false")
      assert.deepStrictEqual(yield* committed(DeadLetters.groupOf(billing, { where })), {})
    }).pipe(onCluster))

  it.effect("does nothing in a dry run but tell", () =>
    Effect.gen(function*() {
      yield* usual
      yield* sendMany(2, { partition: 1 })
      yield* send({ partition: 1, replays: 3 })
      yield* redrive({ max: 1 })
      const before = yield* recordsOf(tier1)
      const moved = yield* redrive({ dryRun: true })
      assert.deepStrictEqual(moved.map(({ _tag, letter, to }) => [_tag, letter.offset, to]), [
        ["Redriven", 1, { topic: tier1, partition: 1, offset: undefined }],
        ["Parked", 2, { topic: parked, partition: 1, offset: undefined }]
      ])
      assert.lengthOf(yield* redrive({ dryRun: true, max: 1 }), 1)
      assert.deepStrictEqual(yield* recordsOf(tier1), before)
      assert.deepStrictEqual(yield* committed(), { 1: 1 })
      const admin = yield* Effect.flatMap(KafkaEngine.Service, (engine) => engine.admin)
      assert.lengthOf(yield* admin.describeTopics([parked]), 0)
      assert.deepStrictEqual((yield* admin.listGroups).map(({ groupId }) => groupId), [group])
    }).pipe(onCluster))

  it.effect("changes values by a transform, which the codec checks", () =>
    Effect.gen(function*() {
      yield* one
      yield* send({ value: "{\"id\":\"a\",\"total\":1}" })
      yield* send({ value: "{\"id\":\"b\",\"sum\":2}" })
      const [first] = yield* recordsOf(deadLetter)
      yield* redrive({
        transform: (value, letter) =>
          value instanceof Poison
            ? Effect.sync(() => {
              const old = JSON.parse(text(letter.value)!)
              return { id: old.id, total: old.sum }
            })
            : { ...(value as object), total: 10 }
      })
      assert.deepStrictEqual(yield* values(tier1), ["{\"id\":\"a\",\"total\":10}", "{\"id\":\"b\",\"total\":2}"])
      assert.deepStrictEqual((yield* recordsOf(tier1))[0]!.key, first!.key)
    }).pipe(onCluster))

  it.effect("takes a new value in its decoded or its encoded form, and a promise of one", () =>
    Effect.gen(function*() {
      const At = Schema.Struct({ at: Schema.Date, note: Schema.Option(Schema.String) })
      const Dated = Topic.make("orders", { key: Codec.nullable(Codec.string), value: Codec.nullable(Codec.json(At)) })
      const dated = Consumer.make("billing", {
        offsetReset: "earliest",
        onFailure: Retry.nonBlocking(Schedule.exponential("10 seconds").pipe(Schedule.upTo({ times: 2 }))),
        handlers: [Topic.handle(Dated, () => Effect.void)]
      })
      yield* one
      const value = "{\"at\":\"2026-01-31T12:00:00.000Z\",\"note\":{\"_tag\":\"None\"}}"
      yield* sendMany(5, { value })
      const transforms: ReadonlyArray<DeadLetters.RedriveOptions["transform"]> = [
        async (value) => value,
        () => ({ at: "2026-02-01T00:00:00.000Z", note: { _tag: "Some", value: "x" } }),
        (_, { value }) => Promise.resolve(JSON.parse(text(value)!)),
        () => Promise.resolve(null)
      ]
      for (const transform of transforms) {
        assert.lengthOf(yield* Stream.runCollect(DeadLetters.redrive(dated, { transform, max: 1 })), 1)
      }
      const changed = "{\"at\":\"2026-02-01T00:00:00.000Z\",\"note\":{\"_tag\":\"Some\",\"value\":\"x\"}}"
      assert.deepStrictEqual(yield* values(tier1), [value, changed, value, null])
      const refused: ReadonlyArray<DeadLetters.RedriveOptions["transform"]> = [
        () => undefined,
        async () => {},
        () => ({}),
        () => Promise.reject(new Error("no idea")),
        () => Promise.resolve("text")
      ]
      for (const transform of refused) {
        const error = yield* Effect.flip(Stream.runCollect(DeadLetters.redrive(dated, { transform })))
        assert.include(error.message, `transform\`: ${deadLetter}/0 at offset 4`)
      }
      assert.lengthOf(yield* recordsOf(tier1), 4)
    }).pipe(onCluster))

  it.effect("stops in front of a record that cannot be transformed: nothing of it is sent or committed", () =>
    Effect.gen(function*() {
      yield* one
      yield* sendMany(4)
      const transforms: ReadonlyArray<DeadLetters.RedriveOptions["transform"]> = [
        (value, { offset }) => offset === 2 ? { id: "no total" } : value,
        (value, { offset }) => offset === 2 ? Effect.fail("no idea") : value,
        (value, { offset }) => {
          if (offset === 2) throw new Error("no idea")
          return value
        }
      ]
      for (const transform of transforms) {
        const error = yield* Effect.flip(redrive({ transform }))
        assert.strictEqual(error.reason._tag, "InvalidSetting")
        assert.include(error.message, `transform\`: ${deadLetter}/0 at offset 2`)
        assert.deepStrictEqual(yield* committed(), { 0: 2 })
      }
      assert.lengthOf(yield* recordsOf(tier1), 2)
      // Before it is reached it is nobody's business.
      assert.lengthOf(yield* redrive({ max: 1, transform: (value) => value }), 1)
      assert.lengthOf(yield* redrive(), 1)
      assert.lengthOf(yield* recordsOf(tier1), 4)
    }).pipe(onCluster))
})
