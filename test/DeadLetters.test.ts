import { assert, describe, it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/testing/TestClock"
import { DeadLetters, KafkaError, Poison } from "millrace"
import { InMemoryKafka } from "millrace/testing"
import { KafkaEngine } from "../src/engine/KafkaEngine.ts"
import * as RetryHeaders from "../src/internal/retry/retryHeaders.ts"
import {
  bare,
  billing,
  both,
  bytes,
  committed,
  deadLetter,
  group,
  lastHeader,
  parked,
  recordsOf,
  send,
  sendMany,
  text,
  tier1
} from "./internal/deadLetters/letters.ts"

const start = 1_700_000_000_000

const makeTopics = (partitions: Readonly<{ [name: string]: number }>) =>
  Effect.gen(function*() {
    yield* TestClock.setTime(start)
    const admin = yield* Effect.flatMap(KafkaEngine, (engine) => engine.admin)
    for (const [name, count] of Object.entries(partitions)) yield* admin.createTopic({ name, partitions: count })
  })

const usual = makeTopics({ orders: 3, [deadLetter]: 3, [tier1]: 3, "billing.orders.retry.2": 3 })
const one = makeTopics({ orders: 1, [deadLetter]: 1, [tier1]: 1, "billing.orders.retry.2": 1 })

const redrive = (options?: DeadLetters.RedriveOptions) => Stream.runCollect(DeadLetters.redrive(billing, options))

const onCluster = Effect.provide(InMemoryKafka.layerWith({ autoCreateTopics: false }))

const values = (topic: string) => Effect.map(recordsOf(topic), (records) => records.map(({ value }) => text(value)))

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
      assert.match(filtered, /^billing\.dlt\.redrive\.[0-9a-f]{8}$/)
      assert.strictEqual(DeadLetters.groupOf(billing, { topic: "orders" }), group)
      assert.deepStrictEqual((yield* redrive({ tag: "A" })).map(({ letter }) => letter.offset), [0, 2])
      assert.deepStrictEqual(yield* committed(filtered), { 0: 5 })
      assert.lengthOf(yield* redrive({ tag: "A" }), 0)
      // Nothing is hidden from the others.
      assert.deepStrictEqual((yield* redrive({ tag: "B" })).map(({ letter }) => letter.offset), [1, 3, 4])
      assert.deepStrictEqual(yield* committed(), {})
      assert.lengthOf(yield* redrive(), 5)
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
      const admin = yield* Effect.flatMap(KafkaEngine, (engine) => engine.admin)
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

  it.effect("stops in front of a record that cannot be transformed: nothing of it is sent or committed", () =>
    Effect.gen(function*() {
      yield* one
      yield* sendMany(4)
      const transforms: ReadonlyArray<DeadLetters.RedriveOptions["transform"]> = [
        (value, { offset }) => offset === 2 ? { id: "no total" } : value,
        (value, { offset }) => offset === 2 ? Effect.fail(new Error("no idea")) : value,
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

  it.effect("commits nothing that the broker has not acknowledged", () =>
    Effect.gen(function*() {
      yield* one
      yield* sendMany(3)
      const kafka = yield* InMemoryKafka
      const reason = new KafkaError.RecordTooLarge({ topic: tier1, sizeBytes: 9 })
      yield* kafka.failProduce({ reason, topic: tier1 })
      const error = yield* Effect.flip(redrive())
      assert.strictEqual(error.reason._tag, "RecordTooLarge")
      assert.deepStrictEqual(yield* committed(), {})
      // At least once: what followed in the same batch is there twice afterwards, and nothing is missing.
      assert.lengthOf(yield* redrive(), 3)
      assert.lengthOf(new Set(yield* values(tier1)), 3)
      assert.deepStrictEqual(yield* committed(), { 0: 3 })
    }).pipe(onCluster))

  it.effect("ends committed though commits failed on the way, and fails if the last one does", () =>
    Effect.gen(function*() {
      yield* one
      yield* sendMany(3)
      const kafka = yield* InMemoryKafka
      yield* kafka.failCommit()
      assert.lengthOf(yield* redrive({ max: 1 }), 1)
      assert.deepStrictEqual(yield* committed(), { 0: 1 })
      const reason = new KafkaError.CommitFailed({ group, problem: "no", retryable: false })
      yield* kafka.failCommit({ reason, times: 10 })
      assert.strictEqual((yield* Effect.flip(redrive({ max: 1 }))).reason._tag, "CommitFailed")
    }).pipe(onCluster))

  it.effect("finishes the batch in work and commits when it is interrupted", () =>
    Effect.gen(function*() {
      yield* one
      yield* sendMany(700)
      const kafka = yield* InMemoryKafka
      const engine = yield* KafkaEngine
      const client = yield* engine.producer
      let handed = 0
      const produce: typeof client.produce = (message, done) => {
        handed++
        return client.produce(message, done)
      }
      yield* kafka.slow("1 second")
      const fiber = yield* Stream.runDrain(DeadLetters.redrive(billing)).pipe(
        Effect.provideService(KafkaEngine, { ...engine, producer: Effect.succeed({ ...client, produce }) }),
        Effect.forkChild
      )
      for (let i = 0; i < 100 && handed === 0; i++) yield* TestClock.adjust("100 millis")
      // The client has them, the broker does not.
      assert.strictEqual(handed, 500)
      assert.lengthOf(yield* recordsOf(tier1), 0)
      const stopping = yield* Effect.forkChild(Fiber.interrupt(fiber))
      yield* TestClock.adjust("1 minute")
      yield* Fiber.join(stopping)
      const sent = yield* recordsOf(tier1)
      assert.lengthOf(sent, 500)
      assert.strictEqual(handed, 500)
      assert.deepStrictEqual(yield* committed(), { 0: 500 })
      const rest = yield* Effect.forkChild(redrive())
      yield* TestClock.adjust("1 minute")
      assert.lengthOf(yield* Fiber.join(rest), 200)
      assert.lengthOf(new Set(yield* values(tier1)), 700)
    }).pipe(onCluster))

  it.effect("holds the rate, also over several partitions", () =>
    Effect.gen(function*() {
      yield* usual
      for (const partition of [0, 1, 2]) yield* sendMany(200, { partition })
      const fiber = yield* Effect.forkChild(redrive({ rate: 100 }))
      for (const seconds of [1, 2, 3, 4, 5]) {
        yield* TestClock.adjust("1 second")
        const sent = (yield* recordsOf(tier1)).length
        assert.isAtLeast(sent, seconds * 90)
        assert.isAtMost(sent, seconds * 100 + 10)
      }
      yield* TestClock.adjust("2 seconds")
      assert.lengthOf(yield* Fiber.join(fiber), 600)
    }).pipe(onCluster))

  it.effect("is shared between instances by the group", () =>
    Effect.gen(function*() {
      yield* usual
      for (const partition of [0, 1, 2]) yield* sendMany(300, { partition })
      const gate = yield* Deferred.make<void>()
      const instance = Stream.runCollect(
        Stream.tap(DeadLetters.redrive(billing, { rate: 100 }), () => Deferred.succeed(gate, undefined))
      )
      const first = yield* Effect.forkChild(instance)
      yield* TestClock.adjust("1 second")
      yield* Deferred.await(gate)
      const second = yield* Effect.forkChild(instance)
      for (let i = 0; i < 20; i++) yield* TestClock.adjust("1 second")
      const [mine, theirs] = [yield* Fiber.join(first), yield* Fiber.join(second)]
      assert.isAbove(theirs.length, 0)
      const places = [...mine, ...theirs].map(({ letter }) => `${letter.partition}/${letter.offset}`)
      assert.lengthOf(places, 900)
      assert.lengthOf(new Set(places), 900)
      assert.deepStrictEqual(yield* committed(), { 0: 300, 1: 300, 2: 300 })
    }).pipe(onCluster))

  it.effect("loses nothing when its session ends under it", () =>
    Effect.gen(function*() {
      yield* usual
      for (const partition of [0, 1, 2]) yield* sendMany(50, { partition })
      const kafka = yield* InMemoryKafka
      const fiber = yield* Effect.forkChild(redrive({ rate: 10 }))
      yield* TestClock.adjust("2 seconds")
      yield* kafka.expire(group)
      for (let i = 0; i < 30; i++) yield* TestClock.adjust("1 second")
      yield* Fiber.join(fiber)
      assert.lengthOf(new Set(yield* values(tier1)), 150)
      assert.deepStrictEqual(yield* committed(), { 0: 50, 1: 50, 2: 50 })
    }).pipe(onCluster))

  for (const assignor of ["cooperative-sticky", "range"] as const) {
    it.effect(`goes on when the group is shared anew: ${assignor}`, () =>
      Effect.gen(function*() {
        yield* usual
        for (const partition of [0, 1, 2]) yield* sendMany(20, { partition })
        const kafka = yield* InMemoryKafka
        const fiber = yield* Effect.forkChild(redrive({ rate: 10 }))
        for (let i = 0; i < 30; i++) {
          if (i < 6) yield* kafka.rebalance(group)
          yield* TestClock.adjust("1 second")
        }
        assert.lengthOf(yield* Fiber.join(fiber), 60)
        assert.lengthOf(yield* recordsOf(tier1), 60)
        assert.deepStrictEqual(yield* committed(), { 0: 20, 1: 20, 2: 20 })
      }).pipe(Effect.provide(InMemoryKafka.layerWith({ autoCreateTopics: false, consumer: { assignor } }))))
  }

  it.effect("reaches the end behind transactions and compacted records", () =>
    Effect.gen(function*() {
      yield* one
      yield* sendMany(2, { key: "same" })
      const engine = yield* KafkaEngine
      yield* Effect.scoped(Effect.gen(function*() {
        const client = yield* engine.transactional("t")
        for (const end of ["commit", "abort"] as const) {
          yield* client.begin
          client.produce({ topic: deadLetter, partition: 0, key: bytes(end), value: bytes("{}") }, () => {})
          yield* client[end]
        }
      }))
      const kafka = yield* InMemoryKafka
      yield* kafka.compact(deadLetter)
      assert.lengthOf(yield* redrive(), 2)
      assert.lengthOf(yield* redrive(), 0)
    }).pipe(onCluster))
})

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

  it.effect("that others read as well are told with their groups", () =>
    Effect.gen(function*() {
      yield* usual
      yield* send({ partition: 1 })
      const admin = yield* Effect.flatMap(KafkaEngine, (engine) => engine.admin)
      for (const reader of ["shipping", "billing"]) {
        yield* admin.alterGroupOffsets(reader, [{ topic: "orders", partition: 0, offset: 0 }])
      }
      yield* admin.alterGroupOffsets("billing.retry", [{ topic: tier1, partition: 0, offset: 0 }])
      assert.deepStrictEqual(yield* DeadLetters.plan(billing, { to: "origin" }), {
        group,
        routes: [{ topic: deadLetter, source: "orders", to: "orders", waiting: 1 }],
        readers: [{ topic: "orders", groups: ["billing", "shipping"] }]
      })
      assert.deepStrictEqual((yield* DeadLetters.plan(billing)).readers, [])
      assert.deepStrictEqual(yield* committed(), {})
    }).pipe(onCluster))

  it.effect("are the consumer's own topics, or allowed ones", () =>
    Effect.gen(function*() {
      yield* usual
      const admin = yield* Effect.flatMap(KafkaEngine, (engine) => engine.admin)
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
      const admin = yield* Effect.flatMap(KafkaEngine, (engine) => engine.admin)
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
