/**
 * An engine whose topics never end: it makes records as they are asked for and keeps none, so that a test can count
 * those that something else still keeps.
 */
import * as Effect from "effect/Effect"
import type { Chunk, ConsumerClient, ConsumerClientOptions, RawRecord, Service } from "../../src/engine/KafkaEngine.ts"
import type * as KafkaEngine from "../../src/engine/KafkaEngine.ts"
import { alive, collected } from "./garbage.ts"

/** What the records are like. */
export interface Endless {
  readonly partitions: number
  readonly record: (offset: number) => Pick<RawRecord, "key" | "value" | "headers" | "size">
  /** Records of each partition after which nothing comes. */
  readonly until?: number
}

/** Which of the records that were made are still reachable. */
export class Made {
  count = 0
  private records: Array<WeakRef<RawRecord>> = []

  add(record: RawRecord): void {
    this.count++
    this.records.push(new WeakRef(record))
  }

  readonly reachable = Effect.map(collected, () => {
    this.records = alive(this.records)
    return this.records.length
  })
}

const clientOf = (topic: string, endless: Endless, made: Made, options: ConsumerClientOptions): ConsumerClient => {
  const all = Array.from({ length: endless.partitions }, (_, partition) => ({ topic, partition }))
  const next = all.map(() => 0)
  const paused = new Set<number>()
  let assigned = false
  let turn = 0
  queueMicrotask(() => options.onEvent({ _tag: "Rebalance", id: 1, kind: "assign", partitions: all }))
  const chunkOf = (partition: number, most: number, mostBytes: number): Chunk | undefined => {
    const records: Array<RawRecord> = []
    let bytes = 0
    while (records.length < most && bytes < mostBytes && next[partition]! < (endless.until ?? Infinity)) {
      const offset = next[partition]!++
      const record: RawRecord = { topic, partition, offset, timestamp: 0, ...endless.record(offset) }
      made.add(record)
      records.push(record)
      bytes += record.size
    }
    return records.length === 0 ? undefined : { topic, partition, records, bytes, next: next[partition]! }
  }
  return {
    poll: (records, bytes) => {
      if (!assigned || records === 0) return []
      for (let i = 0; i < endless.partitions; i++) {
        const partition = turn++ % endless.partitions
        const chunk = paused.has(partition) ? undefined : chunkOf(partition, records, bytes)
        if (chunk !== undefined) return [chunk]
      }
      return []
    },
    answer: () =>
      Effect.sync(() => {
        assigned = true
        options.onReady()
      }),
    store: () => true,
    commit: () => Effect.void,
    committed: () => Effect.succeed([]),
    pause: (partitions) => {
      for (const { partition } of partitions) paused.add(partition)
    },
    resume: (partitions) => {
      for (const { partition } of partitions) paused.delete(partition)
      options.onReady()
    },
    seek: () => Effect.void,
    highWatermark: () => undefined,
    // Nothing looks into it here.
    groupMetadata: () => ({ groupId: "g" }) as KafkaEngine.GroupMetadata,
    close: () => Effect.void
  }
}

/** An engine whose clients of one group read an endless topic; the clients of other groups are the given engine's. */
export const endlessEngine = (engine: Service["Service"], group: string, topic: string, endless: Endless) => {
  const made = new Made()
  const service: Service["Service"] = {
    ...engine,
    consumer: (options) =>
      options.subscription._tag === "Group" && options.subscription.groupId === group
        ? Effect.sync(() => clientOf(topic, endless, made, options))
        : engine.consumer(options)
  }
  return { made, service }
}
