/**
 * Where receipts are: a compacted topic with a partition for each queue. Nothing of it expires, as offsets of a group
 * would when no relay runs for a week; and no transaction of another queue hides the end of a partition.
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import * as Codec from "../../Codec.ts"
import * as KafkaEngine from "../../engine/KafkaEngine.ts"
import { monotonic } from "../../internal/telemetry/serviceCell.ts"
import type { KafkaError } from "../../KafkaError.ts"
import * as Errors from "../../KafkaError.ts"
import type { Poison } from "../../Poison.ts"
import * as Topic from "../../Topic.ts"
import type { TopicPartition } from "../../TopicPartition.ts"
import { SyncError } from "../SyncError.ts"
import { Malformed } from "../SyncErrorReason.ts"
import { operation } from "./asking.ts"
import { decode, type Receipted } from "./receipts.ts"
import { queues } from "./shards.ts"

const topicOf = (name: string) => Topic.make(name, { key: Codec.nullable(Codec.bytes), value: Codec.string })

/**
 * Makes the topic if it is not there, and fails if one that is there has too few partitions, or would lose receipts as
 * far as the engine can tell: librdkafka's cannot read the settings of topics.
 */
export const prepareReceipts = Effect.fnUntraced(function*(
  topic: string
): Effect.fn.Return<void, KafkaError, KafkaEngine.Service> {
  const ensured = yield* Topic.ensure([topicOf(topic)], {
    partitions: queues,
    // Small segments, because the last one is not compacted.
    config: { "cleanup.policy": "compact", "segment.bytes": String(16 * 1_024 * 1_024) }
  })
  for (const { found, what } of ensured[0]!.differences) {
    const problem = what === "partitions" && Number(found) < queues
      ? `has ${found} partitions; it needs ${queues}`
      : what === "cleanup.policy" && found !== "compact"
      ? `has cleanup.policy ${found}; it needs "compact"`
      : undefined
    if (problem !== undefined) return yield* Errors.invalidSetting(`exactlyOnce.topic "${topic}"`, problem)
  }
})

/** Receipts of two outboxes in one topic differ by it, and compaction keeps both. */
export const keyOf = (transactionalId: string): Uint8Array => new TextEncoder().encode(transactionalId)

const isKey = (key: Uint8Array | null, transactionalId: string): boolean =>
  key !== null && Buffer.from(key).equals(keyOf(transactionalId))

/** In how many offsets before the end of a partition a receipt is looked for at first. */
const least = 16

/** How long an open transaction of another producer is waited for, and how often it is looked at, in milliseconds. */
const openMillis = 5_000
const lookMillis = 50

/**
 * The end of a partition for readers of committed records, once all is before it that the partition has now: an open
 * transaction of another producer hides what was committed behind it.
 */
const stableEnd = Effect.fnUntraced(function*(
  partition: TopicPartition,
  transactionalId: string
): Effect.fn.Return<number, KafkaError, KafkaEngine.Service> {
  const admin = yield* Effect.flatMap(KafkaEngine.Service, (engine) => engine.admin)
  const endOf = (isolation: "read_committed" | "read_uncommitted") =>
    Effect.map(admin.listOffsets([partition], "latest", isolation), ([end]) => end!.offset)
  const all = yield* endOf("read_uncommitted")
  const until = (yield* monotonic) + openMillis
  while (true) {
    const end = yield* endOf("read_committed")
    if (end >= all) return end
    if ((yield* monotonic) >= until) {
      const problem = `another producer has a transaction open at offset ${end} of partition ${partition.partition} of `
        + `topic "${partition.topic}", which may hide a receipt; if it does not end, kafka-transactions.sh finds and `
        + "aborts it"
      const reason = new Errors.TransactionFailed({ transactionalId, problem, retryable: true })
      return yield* Errors.make("read the last receipt", reason)
    }
    yield* Effect.sleep(Duration.millis(lookMillis))
  }
})

/**
 * What the last committed transaction of an id published, in the partition of its queue. To be read when no other
 * transaction of it can be open: after a client claimed the id.
 */
export const lastReceipt = Effect.fnUntraced(function*(
  topic: string,
  queue: number,
  transactionalId: string
): Effect.fn.Return<ReadonlyArray<Receipted>, KafkaError | SyncError | Poison, KafkaEngine.Service> {
  const source = topicOf(topic)
  const admin = yield* Effect.flatMap(KafkaEngine.Service, (engine) => engine.admin)
  const place = { topic, partition: queue }
  const [start] = yield* admin.listOffsets([place], "earliest")
  const end = yield* stableEnd(place, transactionalId)
  const length = end - start!.offset
  // The offsets at the end may be markers, and records of transactions that were aborted.
  for (let last = least;; last *= least) {
    const from = last < length ? { last } : "earliest"
    const read = { from, until: "end", partitions: [queue], isolation: "read_committed" } as const
    // One offset alone behind a receipt is its own marker: nobody has to wait for the client to see the end.
    const all = Stream.takeUntil(Topic.read(source, read), ({ offset }) => offset >= end - 2)
    const found = yield* Stream.runLast(Stream.filter(all, ({ key }) => isKey(key, transactionalId)))
    if (Option.isSome(found)) {
      const { offset, partition, value } = found.value
      const rows = decode(value)
      if (rows !== undefined) return rows
      const problem = "no relay of this version wrote it; give each outbox a topic of its own for its receipts"
      return yield* new SyncError({
        operation,
        reason: new Malformed({ problem }),
        place: { topic, partition, offset }
      })
    }
    if (last >= length) return []
  }
})
