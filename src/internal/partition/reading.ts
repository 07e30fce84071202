/** A partition as the reader of its stream sees it. */
import type * as Arr from "effect/Array"
import type * as Effect from "effect/Effect"
import type { TopicPartition } from "../../engine/KafkaEngine.ts"
import type { KafkaError } from "../../KafkaError.ts"
import type { Poison } from "../../Poison.ts"
import type * as Record from "../../Record.ts"

/** A record whose reader says when it is done, without its types. */
export interface Uncommitted {
  readonly record: Record.Record<any, any, any>
  readonly commit: Effect.Effect<void, KafkaError>
}

/** Records, none now, none any more, or an effect that waits for a codec or fails with the poison. */
export type Next = Arr.NonEmptyReadonlyArray<Uncommitted> | "nothing" | "over" | Effect.Effect<Next, Poison>

/** An assigned partition, as its reader sees it. */
export interface Reading extends TopicPartition {
  /** Returns at most `most` records. */
  readonly next: (most: number) => Next
  /** Called when there may be more: by {@link given} alone. */
  wake: () => void
  /** Whether it is read by a fiber of the program, which the end of its worker does not interrupt. */
  isOutside: boolean
  /** Ends when there may be more, for a reader that does not run {@link given}. */
  readonly sleep: Effect.Effect<void>
  /**
   * {@link enter}, by somebody who reads on from the first record that is not committed. Dies where another one reads,
   * or where records that are neither committed nor kept would be passed over.
   */
  readonly open: Effect.Effect<void>
  /** Somebody has begun to read. */
  readonly attend: () => void
  /** From now on, until {@link leave}, its reader has records in hand. */
  readonly enter: () => void
  readonly leave: () => void
  /** {@link leave}, by somebody who does not read on. */
  readonly close: () => void
  /** The reader of all partitions of the member has ended. */
  readonly abandon: () => void
  /** Ends when the partition is given up and all that was handed out is committed, or when it was abandoned. */
  readonly given: Effect.Effect<void>
  /** Hands nothing out any more, and ends when no record is in hand. */
  readonly returned: Effect.Effect<void>
}
