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
 * A handler failed (with its typed error, a defect, or on an undecodable record) and `onFailure` decided to stop.
 * `Consumer.run` and `Consumer.outcomeBatches` end with it; nothing at or after `offset` was committed.
 *
 * - `problem`: why the policy's decision could not be carried out, where that is why it stopped (a copy for a dead
 *   letter topic that cannot be sent, a limit of dead letters that is reached).
 * - `routing`: the error of that copy.
 *
 * @stability unstable
 * @since 0.1.0
 * @category errors
 */
export class HandlerFailed<out E> extends Data.TaggedError("HandlerFailed")<{
  readonly group: string
  readonly topic: string
  readonly partition: number
  readonly offset: number
  readonly cause: Cause.Cause<any>
  readonly problem?: string | undefined
  readonly routing?: KafkaError | undefined
}> {
  declare readonly cause: Cause.Cause<E | Poison>

  override get message(): string {
    const problem = this.problem === undefined ? "" : `; ${this.problem}`
    return `group "${this.group}": stopped at ${this.topic}/${this.partition} offset ${this.offset}: `
      + brief(this.cause) + problem
  }
}
