/**
 * The typed errors of Millrace's engine, producer and consumer.
 *
 * Everything that talks to Kafka fails with {@link KafkaError}. Its `reason` is one of a closed list: match it with
 * `Effect.catchReason("KafkaError", "UnknownTopic", …)`, or look at `isRetryable`.
 *
 * @stability unstable
 * @since 0.1.0
 */
import * as Data from "effect/Data"
import { InvalidSetting } from "./KafkaErrorClientReason.ts"
import type { Reason } from "./KafkaErrorReason.ts"

export * from "./KafkaErrorReason.ts"

/**
 * The one error of everything that talks to Kafka. `reason` says what happened, `operation` what was being done.
 *
 * @example
 * ```ts
 * import { Effect, Schema } from "effect"
 * import { Codec, Producer, Topic } from "millrace"
 *
 * const Notes = Topic.make("notes", { key: Codec.string, value: Codec.json(Schema.String) })
 *
 * export const program = Producer.send(Notes, { key: "a", value: "hello" }).pipe(
 *   Effect.catchReason("KafkaError", "UnknownTopic", (reason) => Effect.logWarning(`create ${reason.topic} first`))
 * )
 * ```
 *
 * @stability unstable
 * @since 0.1.0
 * @category errors
 */
export class KafkaError extends Data.TaggedError("KafkaError")<{
  readonly reason: Reason
  readonly operation: string
  readonly cause?: unknown
}> {
  override get message(): string {
    return `${this.operation}: ${this.reason.message}`
  }

  /** Whether doing the same again may succeed without a change of program, settings or cluster. */
  get isRetryable(): boolean {
    return this.reason.isRetryable
  }
}

/**
 * Makes a {@link KafkaError} from its reason.
 *
 * **When to use**: in tests, to let something fail as Kafka would, and in an engine of your own.
 *
 * @example
 * ```ts
 * import { KafkaError } from "millrace"
 *
 * const error = KafkaError.make("produce", new KafkaError.UnknownTopic({ topic: "orders" }))
 * console.log(error.message) // produce: topic "orders" does not exist; create it, or check the name
 * ```
 *
 * @stability unstable
 * @since 0.1.0
 * @category constructors
 */
export const make = (operation: string, reason: Reason, cause?: unknown): KafkaError =>
  new KafkaError(cause === undefined ? { operation, reason } : { operation, reason, cause })

/**
 * Makes the {@link KafkaError} for a wrong setting.
 *
 * **When to use**: in an engine, or a layer, that checks settings of its own.
 *
 * @example
 * ```ts
 * import { Effect } from "effect"
 * import { KafkaError } from "millrace"
 *
 * export const checked = (size: number) =>
 *   size > 0 ? Effect.succeed(size) : Effect.fail(KafkaError.invalidSetting("size", `${size} is not above 0`))
 * ```
 *
 * @stability unstable
 * @since 0.1.0
 * @category constructors
 */
export const invalidSetting = (setting: string, problem: string): KafkaError =>
  make("configuration", new InvalidSetting({ setting, problem }))
