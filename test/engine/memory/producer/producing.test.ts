import { assert, describe, it } from "@effect/vitest"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Scope from "effect/Scope"
import * as TestClock from "effect/testing/TestClock"
import { InMemoryKafka } from "../../../../src/engine/InMemoryKafka.ts"
import type { Delivery, ProducerClient, RawMessage } from "../../../../src/engine/KafkaEngine.ts"
import * as KafkaEngine from "../../../../src/engine/KafkaEngine.ts"
import * as Errors from "../../../../src/KafkaError.ts"
import { bytes, open, settle, until, values } from "../owner.ts"

const message = (text: string, more: Partial<RawMessage> = {}): RawMessage => ({
  topic: "t",
  key: null,
  value: bytes(text),
  ...more
})

/** Collects what becomes of records: the delivery, or the name of the reason. */
const collect = (producer: Pick<ProducerClient, "produce">) => {
  const fates: Array<Delivery | string> = []
  const send = (message: RawMessage): boolean =>
    producer.produce(message, (error, delivery) => {
      fates.push(error === undefined ? delivery! : error.reason._tag)
    })
  return { fates, send }
}

const shared = Effect.flatMap(KafkaEngine.Service, (engine) => engine.producer)

describe("a producer", () => {
  it.effect("puts equal keys into one partition and spreads the others batch by batch", () =>
    Effect.gen(function*() {
      const { fates, send } = collect(yield* shared)
      for (let round = 0; round < 3; round++) {
        send(message("a", { key: bytes("21") }))
        send(message("b"))
        yield* until(() => fates.length === (round + 1) * 2)
      }
      const partitions = fates.map((fate) => typeof fate === "string" ? fate : fate.partition)
      assert.deepStrictEqual(partitions, [0, 0, 0, 1, 0, 2])
    }).pipe(Effect.provide(InMemoryKafka.layer)))

  it.effect("stamps records, or lets the broker do it", () =>
    Effect.gen(function*() {
      const kafka = yield* InMemoryKafka
      const admin = yield* (yield* KafkaEngine.Service).admin
      const { fates, send } = collect(yield* shared)
      yield* TestClock.adjust("1 minute")
      send(message("now"))
      send(message("then", { timestamp: 5 }))
      yield* until(() => fates.length === 2)
      yield* admin.alterConfigs("t", { "message.timestamp.type": "LogAppendTime" })
      send(message("broker", { timestamp: 5 }))
      yield* until(() => fates.length === 3)
      const stamps = (yield* kafka.records("t")).map(({ timestamp, timestampType }) => [timestamp, timestampType])
      assert.deepStrictEqual(stamps, [[60_000, "CreateTime"], [5, "CreateTime"], [60_000, "LogAppendTime"]])
    }).pipe(Effect.provide(InMemoryKafka.layerWith({ defaultPartitions: 1 }))))

  it.effect("lets its user go on with the same buffer", () =>
    Effect.gen(function*() {
      const kafka = yield* InMemoryKafka
      const { fates, send } = collect(yield* shared)
      const value = bytes("a")
      send({ topic: "t", key: value, value, headers: [["h", value]] })
      value.fill(0)
      yield* until(() => fates.length === 1)
      const [record] = yield* kafka.records("t")
      assert.deepInclude(record, { key: bytes("a"), value: bytes("a"), headers: [["h", bytes("a")]] })
    }).pipe(Effect.provide(InMemoryKafka.layer)))

  it.effect("says why a record was refused, one by one", () =>
    Effect.gen(function*() {
      const kafka = yield* InMemoryKafka
      const admin = yield* (yield* KafkaEngine.Service).admin
      yield* admin.createTopic({ name: "t", partitions: 1, config: { "max.message.bytes": "10" } })
      yield* admin.createTopic({ name: "c", partitions: 1, config: { "cleanup.policy": "compact" } })
      yield* kafka.revokeAuthorization({ resource: "topic", name: "secret" })
      const { fates, send } = collect(yield* shared)
      send(message("x".repeat(200)))
      send(message("x".repeat(50)))
      send(message("x", { topic: "nowhere" }))
      send(message("x", { partition: 1 }))
      send(message("x", { topic: "c" }))
      send(message("x", { topic: "secret" }))
      send(message("fits"))
      yield* until(() => fates.length === 7)
      assert.deepStrictEqual(fates.slice(0, 6), [
        "RecordTooLarge",
        "RecordTooLarge",
        "UnknownTopic",
        "UnknownTopic",
        "InvalidRecord",
        "AuthorizationFailed"
      ])
      assert.deepInclude(fates[6], { topic: "t", partition: 0, offset: 0 })
    }).pipe(Effect.provide(InMemoryKafka.layerWith({ autoCreateTopics: false, producer: { maxRequestBytes: 100 } }))))

  it.effect("fails as planned, and only as often", () =>
    Effect.gen(function*() {
      const kafka = yield* InMemoryKafka
      const { fates, send } = collect(yield* shared)
      const reason = new Errors.Timeout({ operation: "send", timeoutMs: 1 })
      yield* kafka.failProduce({ times: 2, topic: "t", reason })
      for (const topic of ["u", "t", "t", "t"]) send(message("x", { topic }))
      yield* until(() => fates.length === 4)
      assert.deepStrictEqual(fates.map((fate) => typeof fate === "string"), [false, true, true, false])
    }).pipe(Effect.provide(InMemoryKafka.layer)))

  it.effect("takes no more than its buffer holds, and says when there is space", () =>
    Effect.gen(function*() {
      const producer = yield* shared
      const { fates, send } = collect(producer)
      assert.deepStrictEqual([1, 2, 3].map((text) => send(message(`${text}`))), [true, true, false])
      const waiting = yield* Effect.forkChild(producer.whenSpace)
      yield* Fiber.join(waiting)
      assert.lengthOf(fates, 2)
      assert.deepStrictEqual([send(message("x".repeat(9))), send(message("yy"))], [true, false])
      yield* producer.whenSpace
      assert.isTrue(send(message("yy")))
    }).pipe(Effect.provide(InMemoryKafka.layerWith({ producer: { bufferRecords: 2, bufferBytes: 10 } }))))

  it.effect("waits with a batch for linger, unless it is flushed", () =>
    Effect.gen(function*() {
      const producer = yield* shared
      const { fates, send } = collect(producer)
      send(message("a"))
      yield* TestClock.adjust("40 millis")
      assert.lengthOf(fates, 0)
      yield* TestClock.adjust("10 millis")
      assert.lengthOf(fates, 1)
      send(message("b"))
      yield* producer.flush(Duration.seconds(1))
      assert.lengthOf(fates, 2)
    }).pipe(Effect.provide(InMemoryKafka.layerWith({ producer: { linger: "50 millis" } }))))

  it.effect("keeps records while the broker is down, in order, until deliveryTimeout", () =>
    Effect.gen(function*() {
      const kafka = yield* InMemoryKafka
      const producer = yield* shared
      const { fates, send } = collect(producer)
      yield* kafka.broker("down")
      send(message("a"))
      yield* TestClock.adjust("1 minute")
      send(message("b"))
      const flushing = yield* Effect.forkChild(Effect.flip(producer.flush(Duration.seconds(10))))
      yield* TestClock.adjust("59 seconds")
      assert.deepStrictEqual(fates, [])
      assert.strictEqual((yield* Fiber.join(flushing)).reason._tag, "Timeout")
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(fates, ["Timeout"])
      yield* kafka.broker("up")
      yield* until(() => fates.length === 2)
      assert.deepStrictEqual(values(yield* kafka.records("t")), ["b"])
    }).pipe(Effect.provide(InMemoryKafka.layer)))

  it.effect("acknowledges when a slow broker does", () =>
    Effect.gen(function*() {
      const kafka = yield* InMemoryKafka
      const { fates, send } = collect(yield* shared)
      yield* kafka.slow("1 second")
      send(message("a"))
      yield* TestClock.adjust("500 millis")
      send(message("b"))
      yield* TestClock.adjust("500 millis")
      assert.lengthOf(fates, 1)
      yield* TestClock.adjust("500 millis")
      assert.lengthOf(fates, 2)
    }).pipe(Effect.provide(InMemoryKafka.layer)))

  it.effect("knows no offset without acks", () =>
    Effect.gen(function*() {
      const { fates, send } = collect(yield* shared)
      send(message("a"))
      yield* until(() => fates.length === 1)
      assert.deepInclude(fates[0], { offset: -1 })
    }).pipe(Effect.provide(InMemoryKafka.layerWith({ producer: { acks: "none" } }))))

  it.effect("ends flushed with its layer, and fails what cannot be sent", () =>
    Effect.gen(function*() {
      for (const state of ["up", "down"] as const) {
        const scope = yield* Scope.make()
        const services = yield* Layer.buildWithScope(Layer.fresh(InMemoryKafka.layer), scope)
        const { fates, send } = collect(yield* Effect.provideContext(shared, services))
        yield* Effect.provideContext(Effect.flatMap(InMemoryKafka, (kafka) => kafka.broker(state)), services)
        send(message("a"))
        yield* Scope.close(scope, Exit.void)
        yield* until(() => fates.length === 1)
        if (state === "up") assert.deepInclude(fates[0], { offset: 0 })
        else assert.deepStrictEqual(fates, ["Closed"])
        send(message("late"))
        yield* until(() => fates.length === 2)
        assert.strictEqual(fates[1], "Closed")
      }
    }))
})

const transactional = (id: string) => Effect.flatMap(KafkaEngine.Service, (engine) => engine.transactional(id))

describe("a transaction", () => {
  const single = InMemoryKafka.layerWith({ defaultPartitions: 1 })

  it.effect("shows its records when it is committed, and never when it is aborted", () =>
    Effect.gen(function*() {
      const kafka = yield* InMemoryKafka
      const client = yield* transactional("tx")
      const { fates, send } = collect(client)
      const owner = yield* open()
      const dirty = yield* open({ group: "h", config: { isolation: "read_uncommitted" } })
      yield* client.begin
      send(message("a"))
      yield* client.flush(Duration.seconds(1))
      yield* owner.answer("assign")
      yield* dirty.answer("assign")
      yield* kafka.produce({ topic: "t", value: bytes("plain") })
      assert.deepStrictEqual(owner.drain(), [])
      assert.deepStrictEqual(values(dirty.drain()), ["a", "plain"])
      yield* settle
      assert.deepStrictEqual(owner.drain(), [])
      const before = owner.ready()
      yield* client.commit
      yield* until(() => owner.ready() > before)
      assert.deepStrictEqual(values(owner.drain()), ["a", "plain"])
      yield* client.begin
      send(message("b"))
      yield* client.flush(Duration.seconds(1))
      yield* client.abort
      yield* kafka.produce({ topic: "t", value: bytes("after") })
      const [chunk] = owner.client.poll(10, 1_000)
      // Markers and aborted records take offsets: a, plain, marker, b, marker, after.
      assert.deepStrictEqual(chunk!.records.map(({ offset }) => offset), [5])
      assert.deepStrictEqual(values(yield* kafka.records("t")), ["a", "plain", "after"])
      assert.deepStrictEqual(values(yield* kafka.records("t", { isolation: "read_uncommitted" })).length, 4)
      assert.lengthOf(fates, 2)
    }).pipe(Effect.provide(single)))

  it.effect("commits a group's offsets with it, which nobody sees before", () =>
    Effect.gen(function*() {
      const kafka = yield* InMemoryKafka
      for (const text of ["a", "b"]) yield* kafka.produce({ topic: "t", value: bytes(text) })
      const client = yield* transactional("tx")
      const owner = yield* open()
      yield* owner.answer("assign")
      yield* client.begin
      yield* client.sendOffsets([{ topic: "t", partition: 0, offset: 1 }], owner.client.groupMetadata())
      assert.deepStrictEqual(yield* kafka.committed("g"), [])
      // A new owner has to wait for the end of the transaction.
      yield* owner.client.close(Duration.seconds(1))
      const next = yield* open()
      yield* next.answer("assign")
      assert.deepStrictEqual(next.drain(), [])
      const asking = yield* Effect.forkChild(next.client.committed([{ topic: "t", partition: 0 }]))
      yield* settle
      assert.deepStrictEqual(next.drain(), [])
      const before = next.ready()
      yield* client.commit
      yield* until(() => next.ready() > before)
      assert.deepStrictEqual(values(next.drain()), ["b"])
      assert.deepStrictEqual((yield* Fiber.join(asking)).map(({ offset }) => offset), [1])
    }).pipe(Effect.provide(single)))

  it.effect("refuses offsets of a member that does not know the latest generation", () =>
    Effect.gen(function*() {
      const kafka = yield* InMemoryKafka
      yield* kafka.produce({ topic: "t", value: bytes("a") })
      const client = yield* transactional("tx")
      const owner = yield* open()
      yield* owner.answer("assign")
      const old = owner.client.groupMetadata()
      yield* kafka.join("g", ["t"])
      yield* client.begin
      const positions = [{ topic: "t", partition: 0, offset: 1 }]
      const refused = yield* Effect.flip(client.sendOffsets(positions, old))
      assert.strictEqual(refused.reason._tag, "TransactionFailed")
      assert.isTrue(refused.isRetryable)
      const commit = yield* Effect.flip(client.commit)
      assert.include(commit.message, "must be aborted")
      yield* client.abort
      yield* client.begin
      yield* client.sendOffsets(positions, owner.client.groupMetadata())
      yield* client.commit
      assert.lengthOf(yield* kafka.committed("g"), 1)
    }).pipe(Effect.provide(single)))

  it.effect("is aborted, and its holder fenced, when somebody else claims the id", () =>
    Effect.gen(function*() {
      const kafka = yield* InMemoryKafka
      const old = yield* transactional("tx")
      const { fates, send } = collect(old)
      yield* old.begin
      send(message("a"))
      yield* old.flush(Duration.seconds(1))
      const young = yield* transactional("tx")
      const error = yield* Effect.flip(old.commit)
      assert.strictEqual(error.reason._tag, "Fenced")
      send(message("b"))
      yield* until(() => fates.length === 2)
      assert.strictEqual(fates[1], "Fenced")
      yield* young.begin
      const other = collect(young)
      other.send(message("c"))
      yield* young.commit
      assert.deepStrictEqual(values(yield* kafka.records("t")), ["c"])
    }).pipe(Effect.provide(single)))

  it.effect("is aborted by the broker after its timeout, and the client can go on", () =>
    Effect.gen(function*() {
      const kafka = yield* InMemoryKafka
      const client = yield* transactional("tx")
      const { send } = collect(client)
      yield* client.begin
      send(message("a"))
      yield* TestClock.adjust("1 minute")
      const error = yield* Effect.flip(client.commit)
      assert.isTrue(error.reason._tag === "TransactionFailed" && error.isRetryable)
      yield* client.abort
      yield* client.begin
      send(message("b"))
      yield* client.commit
      yield* TestClock.adjust("2 minutes")
      assert.deepStrictEqual(values(yield* kafka.records("t")), ["b"])
    }).pipe(Effect.provide(single)))

  it.effect("cannot be committed when a record was not delivered, also by a broker that is down", () =>
    Effect.gen(function*() {
      const kafka = yield* InMemoryKafka
      const client = yield* transactional("tx")
      const { fates, send } = collect(client)
      yield* client.begin
      yield* kafka.broker("down")
      send(message("a"))
      yield* TestClock.adjust("10 seconds")
      yield* kafka.broker("up")
      assert.deepStrictEqual(fates, ["Timeout"])
      const error = yield* Effect.flip(client.commit)
      assert.strictEqual(error.reason._tag, "TransactionFailed")
      yield* client.abort
      yield* client.begin
      yield* client.commit
    }).pipe(Effect.provide(InMemoryKafka.layerWith({ producer: { deliveryTimeout: "10 seconds" } }))))

  it.effect("does not leak records of an aborted transaction into the next one", () =>
    Effect.gen(function*() {
      const kafka = yield* InMemoryKafka
      const client = yield* transactional("tx")
      const { fates, send } = collect(client)
      yield* client.begin
      yield* kafka.slow("1 second")
      send(message("a"))
      yield* settle
      const aborting = yield* Effect.forkChild(client.abort)
      yield* TestClock.adjust("1 second")
      yield* Fiber.join(aborting)
      yield* kafka.slow(0)
      yield* client.begin
      send(message("b"))
      yield* client.commit
      yield* TestClock.adjust("10 seconds")
      assert.deepStrictEqual(values(yield* kafka.records("t")), ["b"])
      assert.lengthOf(fates, 2)
    }).pipe(Effect.provide(single)))

  it.effect("is needed to produce, commit and abort, and there is one at a time", () =>
    Effect.gen(function*() {
      const client = yield* transactional("tx")
      const { fates, send } = collect(client)
      assert.isTrue(send(message("a")))
      yield* until(() => fates.length === 1)
      assert.deepStrictEqual(fates, ["TransactionFailed"])
      for (const effect of [client.commit, client.abort, Effect.andThen(client.begin, client.begin)]) {
        const error = yield* Effect.flip(effect)
        assert.isTrue(error.reason._tag === "TransactionFailed" && !error.isRetryable)
      }
    }).pipe(Effect.provide(single)))

  it.effect("is aborted at the end of the client's scope", () =>
    Effect.gen(function*() {
      const kafka = yield* InMemoryKafka
      yield* Effect.scoped(Effect.gen(function*() {
        const client = yield* transactional("tx")
        yield* client.begin
        collect(client).send(message("a"))
        yield* client.flush(Duration.seconds(1))
      }))
      yield* kafka.produce({ topic: "t", value: bytes("b") })
      assert.deepStrictEqual(values(yield* kafka.records("t")), ["b"])
    }).pipe(Effect.provide(single)))
})
