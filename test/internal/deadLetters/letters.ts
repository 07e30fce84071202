/** Dead letters as a consumer's failure policy writes them. */
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/testing/TestClock"
import { Codec, Consumer, DeadLetters, OnFailure, Retry, Topic } from "millrace"
import { InMemoryKafka } from "millrace/testing"
import type { RawHeader, RawRecord } from "../../../src/engine/KafkaEngine.ts"
import * as KafkaEngine from "../../../src/engine/KafkaEngine.ts"
import * as RetryHeaders from "../../../src/internal/retry/retryHeaders.ts"

export const Order = Schema.Struct({ id: Schema.String, total: Schema.Finite })
export const Orders = Topic.make("orders", { key: Codec.nullable(Codec.string), value: Codec.json(Order) })
export const Users = Topic.make("users", { key: Codec.nullable(Codec.string), value: Codec.json(Order) })

export const deadLetter = "billing.orders.dlt"
export const parked = "billing.orders.parked"
export const tier1 = "billing.orders.retry.1"
export const group = "billing.dlt.redrive"

const retrying = Retry.nonBlocking(Schedule.exponential("10 seconds").pipe(Schedule.upTo({ times: 2 })))

/** With two retry topics. */
export const billing = Consumer.make("billing", {
  offsetReset: "earliest",
  onFailure: retrying,
  handlers: [Topic.handle(Orders, () => Effect.void)]
})

/** Without any. */
export const bare = Consumer.make("billing", {
  offsetReset: "earliest",
  onFailure: OnFailure.deadLetter,
  handlers: [Topic.handle(Orders, () => Effect.void)]
})

/** Of two topics. */
export const both = Consumer.make("billing", {
  offsetReset: "earliest",
  onFailure: retrying,
  handlers: [Topic.handle(Orders, () => Effect.void), Topic.handle(Users, () => Effect.void)]
})

export const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)
export const text = (value: Uint8Array | null | undefined): string | null =>
  value === null || value === undefined ? null : new TextDecoder().decode(value)

export interface Letter {
  readonly partition?: number
  readonly topic?: string
  readonly source?: string
  readonly key?: string | null
  readonly value?: string | null
  readonly headers?: ReadonlyArray<RawHeader>
  readonly tag?: string
  readonly replays?: number
  readonly originPartition?: number
  readonly originOffset?: number
  readonly at?: number
}

let offsets = 0

/** What the runtime writes for a record that failed for good. */
export const send = Effect.fnUntraced(function*(letter: Letter = {}) {
  const kafka = yield* InMemoryKafka
  const { partition = 0, replays = 0, source = "orders", tag = "CardDeclined", topic = `billing.${source}.dlt` } =
    letter
  const id = ++offsets
  const before: ReadonlyArray<RawHeader> = [
    ...(letter.headers ?? []),
    ...(replays === 0 ? [] : [
      ["kafka_dlt-original-consumer-group", bytes("billing")] as const,
      ["x-retry-replays", bytes(String(replays))] as const
    ])
  ]
  const origin = {
    topic: source,
    partition: letter.originPartition ?? partition,
    offset: letter.originOffset ?? id,
    timestamp: 5000,
    timestampType: "CreateTime" as const,
    headers: before
  }
  const headers = RetryHeaders.write(origin, {
    group: "billing",
    attempts: 4,
    executions: 3,
    due: undefined,
    firstFailedAt: 6000,
    failedAt: 90_000,
    policy: "0badcafe",
    error: { tag, message: `${tag} of ${id}`, stack: "at charge", causeName: undefined },
    fresh: true
  })
  const { key = `k${id}`, value = `{"id":"${id}","total":${id}}` } = letter
  return yield* kafka.produce({
    topic,
    partition,
    key: key === null ? null : bytes(key),
    value: value === null ? null : bytes(value),
    headers,
    timestamp: letter.at
  })
})

export const sendMany = (count: number, letter: Letter = {}) =>
  Effect.forEach(Array.from({ length: count }), () => send(letter))

export const recordsOf = (topic: string) => Effect.flatMap(InMemoryKafka, (kafka) => kafka.records(topic))

/** The committed offsets of a group in a dead letter topic, by partition. */
export const committed = (name: string = group) =>
  Effect.map(
    Effect.flatMap(InMemoryKafka, (kafka) => kafka.committed(name)),
    (positions) => Object.fromEntries(positions.map(({ offset, partition }) => [partition, offset]))
  )

export const lastHeader = (record: Pick<RawRecord, "headers">, name: string) =>
  record.headers?.findLast((header) => header[0] === name)?.[1]

/** When the tests begin. */
export const start = 1_700_000_000_000

export const adminOf = Effect.flatMap(KafkaEngine.Service, (engine) => engine.admin)

export const makeTopics = (partitions: Readonly<{ [name: string]: number }>) =>
  Effect.gen(function*() {
    yield* TestClock.setTime(start)
    const admin = yield* adminOf
    for (const [name, count] of Object.entries(partitions)) yield* admin.createTopic({ name, partitions: count })
  })

const all = (partitions: number) =>
  makeTopics({
    orders: partitions,
    [deadLetter]: partitions,
    [tier1]: partitions,
    "billing.orders.retry.2": partitions
  })

/** Everything that `billing` needs, with three partitions. */
export const usual = all(3)

/** The same with one. */
export const one = all(1)

export const onCluster = Effect.provide(InMemoryKafka.layerWith({ autoCreateTopics: false }))

/** Redrives the dead letters of `billing`. */
export const redrive = (options?: DeadLetters.RedriveOptions) =>
  Stream.runCollect(DeadLetters.redrive(billing, options))

export const values = (topic: string) =>
  Effect.map(recordsOf(topic), (records) => records.map(({ value }) => text(value)))
