/**
 * A decoded record, as handlers get it.
 *
 * @stability unstable
 * @since 0.1.0
 */
import type { RawRecord, TimestampType } from "./engine/KafkaEngine.ts"
import * as Headers from "./Headers.ts"

/**
 * A record of a topic. `offset` is a plain number (< 2^53), `timestamp` is in milliseconds since the epoch (-1 when the
 * producer gave none). `key` is null where the record has none, `value` is null for a tombstone; both only when the
 * topic's codec admits null. `headerValues` are the headers decoded by the topic's header Schema. The bytes as they
 * came stay reachable under `raw`.
 *
 * @stability unstable
 * @since 0.1.0
 * @category models
 */
export interface Record<out K, out V, out H = unknown> {
  readonly topic: string
  readonly partition: number
  readonly offset: number
  readonly timestamp: number
  readonly timestampType: TimestampType | undefined
  readonly leaderEpoch: number | undefined
  readonly key: K
  readonly value: V
  readonly headers: Headers.Headers
  readonly headerValues: H
  readonly raw: RawRecord
}

/** Reads through to the raw record, so that making one costs a single small object per record. */
class RecordImpl<K, V, H> implements Record<K, V, H> {
  readonly key: K
  readonly value: V
  readonly headerValues: H
  readonly raw: RawRecord
  constructor(raw: RawRecord, key: K, value: V, headerValues: H) {
    this.raw = raw
    this.key = key
    this.value = value
    this.headerValues = headerValues
  }
  get topic(): string {
    return this.raw.topic
  }
  get partition(): number {
    return this.raw.partition
  }
  get offset(): number {
    return this.raw.offset
  }
  get timestamp(): number {
    return this.raw.timestamp
  }
  get timestampType(): TimestampType | undefined {
    return this.raw.timestampType
  }
  get leaderEpoch(): number | undefined {
    return this.raw.leaderEpoch
  }
  get headers(): Headers.Headers {
    return this.raw.headers ?? Headers.empty
  }
}

/**
 * Puts decoded parts and the raw record together. For tests of handlers.
 *
 * @stability unstable
 * @since 0.1.0
 * @category constructors
 */
export const make = <K, V, H = {}>(
  raw: RawRecord,
  key: K,
  value: V,
  headerValues: H
): Record<K, V, H> => new RecordImpl(raw, key, value, headerValues)
