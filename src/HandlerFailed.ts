/**
 * The end of a consumer whose policy said stop.
 *
 * @stability unstable
 * @since 0.1.0
 */
import type * as Cause from "effect/Cause"
import * as Data from "effect/Data"
import { brief } from "./internal/shared/causes.ts"
import type { KafkaError } from "./KafkaError.ts"
import type { Poison } from "./Poison.ts"

/**
 * A handler failed (with its typed error, a defect, or at an undecodable record) and `onFailure` decided to stop.
 * `Consumer.run` and `Consumer.outcomeBatches` end with it; nothing at or after `offset` was committed. So does
 * `Consumer.runPartitions` when a reader fails, at the first offset that is not committed.
 *
 * @example
 * ```ts
 * import { Effect } from "effect"
 * import type { HandlerFailed } from "millrace"
 *
 * export const report = (error: HandlerFailed<unknown>) =>
 *   Effect.logError(`stopped at ${error.topic}/${error.partition} offset ${error.offset}`, error.cause)
 * ```
 *
 * @stability unstable
 * @since 0.1.0
 * @category errors
 */
export class HandlerFailed<out E> extends Data.TaggedError("HandlerFailed")<{
  /** The group of the consumer. */
  readonly group: string
  /** The topic of the record: of a retried record its retry topic. */
  readonly topic: string
  readonly partition: number
  /** The offset of the record; -1 where no record was read, because its topic cannot be handled. */
  readonly offset: number
  /** The failure of the handler, or the {@link Poison}. */
  readonly cause: Cause.Cause<any>
  /**
   * Why the policy's decision could not be carried out, if that is why it stopped: a copy for a dead letter topic
   * cannot be sent, or the limit of dead letters is reached.
   */
  readonly problem?: string | undefined
  /** The error of the copy that cannot be sent. */
  readonly routing?: KafkaError | undefined
}> {
  declare readonly cause: Cause.Cause<E | Poison>

  override get message(): string {
    const problem = this.problem === undefined ? "" : `; ${this.problem}`
    const offset = this.offset < 0 ? "" : ` offset ${this.offset}`
    return `group "${this.group}": stopped at ${this.topic}/${this.partition}${offset}: `
      + brief(this.cause) + problem
  }
}
