/**
 * The settings of consumers: `Consumer.Settings`.
 *
 * @stability unstable
 * @since 0.1.0
 */
import type * as Duration from "effect/Duration"
import type * as Schedule from "effect/Schedule"
import type * as KafkaConfig from "./KafkaConfig.ts"
import type * as RetryTopics from "./RetryTopic.ts"

/**
 * The settings of a consumer besides its handlers. Those of {@link KafkaConfig.ConsumerConfig} override the engine's.
 *
 * @stability unstable
 * @since 0.1.0
 * @category models
 */
export interface Settings extends KafkaConfig.ConsumerConfig {
  /** Where a group without a committed offset starts. Required: each default is wrong for half of all programs. */
  readonly offsetReset: KafkaConfig.OffsetReset
  /**
   * How long the running handlers of a revoked partition, or of all at shutdown, may take to finish before they are
   * interrupted (default 30 seconds). Must be below `maxPollInterval`.
   */
  readonly drainTimeout?: Duration.Input | undefined
  /** How long the final commit and leaving the group may take (default 30 seconds). */
  readonly closeTimeout?: Duration.Input | undefined
  /**
   * A handler without any progress for this long turns the health red, with a `Stalled` event, until it returns
   * (default 50 seconds, so that it shows within a minute; less if `maxHandlerStall` is less). Raise it where handlers
   * take minutes; at most `maxHandlerStall`.
   */
  readonly reportHandlerStall?: Duration.Input | undefined
  /**
   * A handler without any progress for this long ends the consumer with the reason `Stalled` (default
   * `maxPollInterval`).
   */
  readonly maxHandlerStall?: Duration.Input | undefined
  /** The most records fetched in one step (default 300). */
  readonly chunkRecords?: number | undefined
  /** The most records that are fetched and not handled, over all partitions of this member (default 20 000). */
  readonly bufferRecords?: number | undefined
  /** The same in bytes (default 64 MiB). One record always fits. */
  readonly bufferBytes?: number | undefined
  /** With `"end"` the consumer ends when every assigned partition reached the end it had when it was assigned. */
  readonly until?: "end" | undefined
  /** With `"record"` each call of a handler is a span, child of the producer's (default `"off"`). */
  readonly tracing?: "off" | "record" | undefined
  /**
   * When `Consumer.layer` tries again after an engine error (default: exponential from 500 ms, at most 30 seconds
   * apart, without an end).
   */
  readonly restart?: Schedule.Schedule<unknown, unknown> | undefined
  /** How the retry topics and dead letter topics of its policies are called and made. */
  readonly retries?: RetryTopics.Options | undefined
}
