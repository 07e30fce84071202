/**
 * The end of a consumer whose policy said stop.
 *
 * @stability unstable
 * @since 0.1.0
 */
import type * as Cause from "effect/Cause"
import * as Data from "effect/Data"
import { brief } from "./internal/causes.ts"
import type { Poison } from "./Poison.ts"

/**
 * A handler failed (with its typed error, a defect, or on an undecodable record) and `onFailure` decided to stop.
 * `Consumer.run` and `Consumer.stream` end with it; nothing at or after `offset` was committed.
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
}> {
  declare readonly cause: Cause.Cause<E | Poison>

  override get message(): string {
    return `group "${this.group}": stopped at ${this.topic}/${this.partition} offset ${this.offset}: `
      + brief(this.cause)
  }
}
