import { assert, describe, it, layer } from "@effect/vitest"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Scope from "effect/Scope"
import * as KafkaEngine from "../../../../src/engine/KafkaEngine.ts"
import { murmur2 } from "../../../../src/engine/memory/producer/murmur2.ts"
import type { KafkaError } from "../../../../src/KafkaError.ts"
import {
  bytes,
  engineOf,
  fresh,
  Mock,
  mockCluster,
  mockEngine,
  numbered,
  open,
  produce,
  send,
  until,
  values
} from "../mock.ts"

const deadline = Duration.seconds(10)

layer(mockEngine, { excludeTestServices: true })("a producer on the mock cluster", (it) => {
  it.effect("learns where each record went", () =>
    Effect.gen(function*() {
      const topic = fresh("delivery")
      const deliveries = yield* produce([...numbered(topic, 0, 3, 1), ...numbered(topic, 0, 1, 2)])
      assert.deepStrictEqual(
        deliveries.map(({ offset, partition, topic: to }) => [to, partition, offset]),
        [[topic, 1, 0], [topic, 1, 1], [topic, 1, 2], [topic, 2, 0]]
      )
    }))

  it.effect("sends the earliest timestamp, and not the present one, for 0", () =>
    Effect.gen(function*() {
      const topic = fresh("epoch")
      yield* produce([0, 1, 2].map((timestamp) => ({ topic, partition: 0, key: null, value: bytes("x"), timestamp })))
      const owner = yield* open({ topics: [topic] })
      yield* owner.run(() => owner.records.length === 3, "three records")
      assert.deepStrictEqual(owner.records.map(({ timestamp }) => timestamp), [1, 1, 2])
      yield* owner.client.close(deadline)
    }))

  it.effect("puts keys where the Java client does", () =>
    Effect.gen(function*() {
      const topic = fresh("keys")
      const keys = Array.from({ length: 20 }, (_, i) => bytes(`key-${i}`))
      const deliveries = yield* produce(keys.map((key) => ({ topic, key, value: null })))
      assert.deepStrictEqual(
        deliveries.map(({ partition }) => partition),
        keys.map((key) => (murmur2(key) & 0x7fffffff) % 4)
      )
    }))

  it.effect("refuses a header that is not bytes, and does not send the record without it", () =>
    Effect.gen(function*() {
      const topic = fresh("header")
      const producer = yield* (yield* KafkaEngine.Service).producer
      const headers: any = [["bad", 7]]
      const error = yield* Effect.flip(send(producer, { topic, partition: 0, key: null, value: bytes("x"), headers }))
      assert.strictEqual(error.reason._tag, "InvalidRecord")
      yield* produce(numbered(topic, 0, 1))
      const owner = yield* open({ topics: [topic] })
      yield* owner.run(() => owner.records.length > 0, "a record")
      assert.deepStrictEqual(values(owner.records), ["0"])
      yield* owner.client.close(deadline)
    }))

  it.effect("sends views of a larger buffer, and nothing around them", () =>
    Effect.gen(function*() {
      const topic = fresh("view")
      const all = bytes("before-value-after")
      yield* produce([{ topic, partition: 0, key: all.subarray(0, 6), value: all.subarray(7, 12) }])
      const owner = yield* open({ topics: [topic] })
      yield* owner.run(() => owner.records.length > 0, "a record")
      assert.deepStrictEqual(values(owner.records), ["value"])
      assert.strictEqual(new TextDecoder().decode(owner.records[0]!.key!), "before")
      yield* owner.client.close(deadline)
    }))

  it.effect("has told the fate of every record when a flush ends", () =>
    Effect.gen(function*() {
      const producer = yield* (yield* KafkaEngine.Service).producer
      const topic = fresh("flush")
      let done = 0
      // The first record waits for the leaders of its topic.
      yield* send(producer, numbered(topic, 0, 1)[0]!)
      for (const message of numbered(topic, 0, 20_000)) assert.isTrue(producer.produce(message, () => done++))
      yield* producer.flush(deadline)
      assert.strictEqual(done, 20_000)
    }))

  it.effect("commits and aborts transactions, and goes on afterwards", () =>
    Effect.gen(function*() {
      const topic = fresh("transaction")
      yield* produce(numbered(topic, 0, 3))
      const owner = yield* open({ topics: [topic] })
      yield* owner.run(() => owner.records.length === 3, "the records")
      const target = fresh("target")
      const client = yield* (yield* KafkaEngine.Service).transactional(fresh("id"))
      yield* client.begin
      yield* send(client, { topic: target, partition: 0, key: null, value: bytes("kept") })
      yield* client.sendOffsets([{ topic, partition: 0, offset: 3 }], owner.client.groupMetadata())
      yield* client.commit
      yield* client.begin
      yield* send(client, { topic: target, partition: 0, key: null, value: bytes("dropped") })
      yield* client.abort
      yield* client.begin
      yield* send(client, { topic: target, partition: 0, key: null, value: bytes("last") })
      yield* client.commit
      const error = yield* Effect.flip(client.commit)
      assert.strictEqual(error.reason._tag, "TransactionFailed")
      yield* owner.client.close(deadline)
    }))
})

describe("transactions that are shorter than a request may take", () => {
  const short = Layer.provideMerge(engineOf({ producer: { transactionTimeout: "5 seconds" } }), mockCluster)
  layer(short, { excludeTestServices: true })((it) => {
    it.effect("work", () =>
      Effect.gen(function*() {
        const client = yield* (yield* KafkaEngine.Service).transactional(fresh("id"))
        yield* client.begin
        yield* send(client, { topic: fresh("short"), partition: 0, key: null, value: bytes("kept") })
        yield* client.commit
      }))
  })
})

describe("a producer with a small buffer", () => {
  const small = Layer.provideMerge(engineOf({ producer: { bufferRecords: 10, linger: "20 millis" } }), mockCluster)
  layer(small, { excludeTestServices: true })((it) => {
    it.effect("says when it is full and when there is room again, also to who asks late", () =>
      Effect.gen(function*() {
        const topic = fresh("full")
        const producer = yield* (yield* KafkaEngine.Service).producer
        const message = { topic, partition: 0, key: null, value: bytes("x") }
        let done = 0
        let taken = 0
        yield* send(producer, message)
        while (producer.produce(message, () => done++)) taken++
        // The first record's report may be told before its place in the buffer is free.
        assert.include([9, 10], taken)
        while (done === 0) yield* producer.whenSpace
        while (producer.produce(message, () => done++)) taken++
        yield* until(() => done === taken, "every acknowledgement")
        // No further report will come: asking now must not wait for one.
        yield* producer.whenSpace
        assert.isTrue(producer.produce(message, () => done++))
        yield* producer.flush(deadline)
        yield* until(() => done === taken + 1, "the last acknowledgement")
      }))
  })

  const tiny = Layer.provideMerge(engineOf({ producer: { bufferBytes: 1024 } }), mockCluster)
  layer(tiny, { excludeTestServices: true })((it) => {
    it.effect("fails a record that is larger than all of it", () =>
      Effect.gen(function*() {
        const producer = yield* (yield* KafkaEngine.Service).producer
        const message = { topic: fresh("large"), partition: 0, key: null, value: new Uint8Array(5_000) }
        const error = yield* Effect.flip(send(producer, message))
        assert.deepInclude(error.reason, { _tag: "RecordTooLarge", sizeBytes: 5_000 })
      }))
  })
})

describe("the end of a layer", () => {
  it.live("sends what was taken, and closes the producer for whoever still has it", () =>
    Effect.gen(function*() {
      const topic = fresh("end")
      const scope = yield* Scope.make()
      const context = yield* Layer.buildWithScope(engineOf({ producer: { linger: "300 millis" } }), scope)
      const { producer, late } = yield* Effect.gen(function*() {
        const producer = yield* (yield* KafkaEngine.Service).producer
        const late: Array<unknown> = []
        yield* send(producer, numbered(topic, 0, 1)[0]!)
        for (const message of numbered(topic, 0, 20_000)) producer.produce(message, (error) => late.push(error))
        return { producer, late }
      }).pipe(Effect.provide(context))
      assert.deepStrictEqual(late, [])
      yield* Scope.close(scope, Exit.void)
      assert.deepStrictEqual(late, Array.from({ length: 20_000 }, () => undefined))
      const error = yield* Effect.flip(send(producer, numbered(topic, 0, 1)[0]!))
      assert.strictEqual(error.reason._tag, "Closed")
    }).pipe(Effect.provide(mockCluster)))
})

describe("connecting", () => {
  it.live("fails with AuthenticationFailed at once when there is no token", () =>
    Effect.gen(function*() {
      const { bootstrap } = yield* Mock
      // One that waits for the time to connect has no chance.
      const options = { bootstrapServers: [bootstrap], connectTimeout: "10 minutes" } as const
      const sasl = { mechanism: "oauthbearer", token: Effect.fail("identity provider is down") } as const
      const error = yield* Effect.flip(
        Effect.flatMap(KafkaEngine.Service, (engine) => engine.producer).pipe(
          Effect.provide(engineOf({ ...options, sasl }))
        )
      )
      assert.strictEqual((error as KafkaError).reason._tag, "AuthenticationFailed")
      assert.include((error as KafkaError).message, "identity provider is down")
    }).pipe(Effect.provide(mockCluster)))
})
