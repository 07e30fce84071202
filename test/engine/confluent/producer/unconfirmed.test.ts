import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { EventEmitter } from "node:events"
import * as LastingProducer from "../../../../src/engine/confluent/producer/lastingProducer.ts"
import * as Producer from "../../../../src/engine/confluent/producer/producerClient.ts"
import type { Environment } from "../../../../src/engine/confluent/shared/environment.ts"
import { defaultPace } from "../../../../src/engine/confluent/shared/stranding.ts"
import type { Delivery, ProducerClient } from "../../../../src/engine/KafkaEngine.ts"
import type { KafkaError } from "../../../../src/KafkaError.ts"

type Done = (error: null, value?: unknown) => void

/** A native producer that reports records as librdkafka does, the first of them without an offset. */
class Native extends EventEmitter {
  committed = 0
  private reports = 0
  connect = (_: unknown, done: Done) => done(null, { topics: [] })
  disconnect = (done: () => void) => done()
  isConnected = () => true
  setPollInBackground = () => this
  getMetadata = ({ topic }: { readonly topic: string }, done: Done) =>
    done(null, { topics: [{ name: topic, partitions: [{ id: 0 }] }] })
  queryWatermarkOffsets = (_: string, __: number, ___: number, done: Done) => done(null)
  flush = (_: number, done: Done) => done(null)
  initTransactions = (_: number, done: Done) => done(null)
  beginTransaction = (done: Done) => done(null)
  commitTransaction = (_: number, done: Done) => {
    this.committed++
    done(null)
  }

  produce(topic: string, ...[partition, , , timestamp, opaque]: ReadonlyArray<unknown>): void {
    const offset = this.reports++ === 0 ? -1001 : 7
    queueMicrotask(() => this.emit("delivery-report", null, { topic, partition, timestamp, offset, opaque }))
  }
}

const environmentOf = (native: Native, acks: "all" | "none"): Environment => ({
  // Of the package only the producer is used here, and of its methods those above.
  native: {
    Producer: class {
      constructor() {
        return native
      }
    }
  } as any,
  bootstrapServers: "b:1",
  connection: { bootstrapServers: ["b:1"] },
  consumer: {},
  producer: { acks },
  statistics: undefined,
  door: undefined,
  connectTimeoutMs: 1_000,
  requestTimeoutMs: 1_000,
  pace: defaultPace,
  callbacks: {},
  watch: () => {}
})

const send = (producer: ProducerClient): Effect.Effect<Delivery, KafkaError> =>
  Effect.callback<Delivery, KafkaError>((resume) => {
    const message = { topic: "t", partition: 0, key: null, value: null, timestamp: 5 }
    const taken = producer.produce(
      message,
      (error, delivery) => resume(error === undefined ? Effect.succeed(delivery!) : Effect.fail(error))
    )
    if (!taken) resume(Effect.andThen(producer.whenSpace, send(producer)))
  })

describe("a record that the client counts as acknowledged by a later one", () => {
  it.live("fails, and the next one is fine", () =>
    Effect.scoped(Effect.gen(function*() {
      const producer = yield* LastingProducer.make(environmentOf(new Native(), "all"))
      const error = yield* Effect.flip(send(producer))
      assert.deepInclude(error.reason, { _tag: "Unconfirmed", topic: "t", partition: 0 })
      assert.isTrue(error.isRetryable)
      assert.strictEqual((yield* send(producer)).offset, 7)
    })))

  it.live("has no offset when no acknowledgement was asked for, and is fine", () =>
    Effect.scoped(Effect.gen(function*() {
      const producer = yield* LastingProducer.make(environmentOf(new Native(), "none"))
      assert.isBelow((yield* send(producer)).offset, 0)
    })))

  it.live("keeps its transaction from being committed", () =>
    Effect.scoped(Effect.gen(function*() {
      const native = new Native()
      const client = yield* Producer.makeTransactional(environmentOf(native, "all"), "id")
      yield* client.begin
      yield* Effect.ignore(send(client))
      const error = yield* Effect.flip(client.commit)
      assert.deepInclude(error.reason, { _tag: "TransactionFailed", retryable: true })
      assert.strictEqual(native.committed, 0)
      yield* client.begin
      yield* send(client)
      yield* client.commit
      assert.strictEqual(native.committed, 1)
    })))
})
