/**
 * The data of Kafka as every engine hands it out and takes it: partitions, positions, records as they are on the wire.
 *
 * @stability unstable
 * @since 0.1.0
 */

/**
 * One partition of one topic.
 *
 * @stability unstable
 * @since 0.1.0
 * @category models
 */
export interface TopicPartition {
  readonly topic: string
  readonly partition: number
}

/**
 * A place in a partition: the offset of the next record to be handled. `metadata` is the free text that Kafka keeps
 * with a committed offset.
 *
 * @stability unstable
 * @since 0.1.0
 * @category models
 */
export interface Position extends TopicPartition {
  readonly offset: number
  readonly leaderEpoch?: number | undefined
  readonly metadata?: string | undefined
}

/**
 * Who set a record's timestamp. An engine that cannot tell leaves it out.
 *
 * @stability unstable
 * @since 0.1.0
 * @category models
 */
export type TimestampType = "CreateTime" | "LogAppendTime"

/**
 * A header as it is on the wire. Names may repeat, a value may be null or any bytes.
 *
 * @stability unstable
 * @since 0.1.0
 * @category models
 */
export type RawHeader = readonly [name: string, value: Uint8Array | null]

/**
 * A record as it is in the log. `timestamp` is in milliseconds, -1 when there is none. `size` counts the bytes of key,
 * value and headers.
 *
 * @stability unstable
 * @since 0.1.0
 * @category models
 */
export interface RawRecord extends TopicPartition {
  readonly offset: number
  readonly timestamp: number
  readonly timestampType?: TimestampType | undefined
  readonly key: Uint8Array | null
  readonly value: Uint8Array | null
  readonly headers?: ReadonlyArray<RawHeader> | undefined
  readonly leaderEpoch?: number | undefined
  readonly size: number
}

/**
 * Records of one partition in offset order. `next` is the offset to go on from; it lies behind the last record and
 * covers compacted gaps and control records that the engine knows of. A chunk without records says that none is to come
 * before `next`: only markers and records of aborted transactions lie there, or a reset chose this place.
 *
 * @stability unstable
 * @since 0.1.0
 * @category models
 */
export interface Chunk extends TopicPartition {
  readonly records: ReadonlyArray<RawRecord>
  readonly bytes: number
  readonly next: number
}

/**
 * A record to be sent. Without a `partition` the key decides (murmur2), without a key the client spreads. Without a
 * `timestamp` (milliseconds) the moment of sending counts.
 *
 * @stability unstable
 * @since 0.1.0
 * @category models
 */
export interface RawMessage {
  readonly topic: string
  readonly partition?: number | undefined
  readonly key: Uint8Array | null
  readonly value: Uint8Array | null
  readonly headers?: ReadonlyArray<RawHeader> | undefined
  readonly timestamp?: number | undefined
}

/**
 * The broker's acknowledgement of one record. With acks `"none"` the offset is -1.
 *
 * @stability unstable
 * @since 0.1.0
 * @category models
 */
export interface Delivery extends TopicPartition {
  readonly offset: number
  readonly timestamp: number
}
