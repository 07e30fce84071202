/** The group membership under which the current handler runs, for `Producer.sendOffsets`. */
import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import type { GroupMetadata, Position, TopicPartition } from "../../engine/KafkaEngine.ts"
import type { KafkaError } from "../../KafkaError.ts"

/** A membership. Its metadata change with each rebalance, also for a partition that stays. */
export interface Membership {
  readonly groupId: string
  /** As they are now; fails when the handler's partition is not this member's any more. */
  readonly metadata: Effect.Effect<GroupMetadata, KafkaError>
  /** What the group has committed of these partitions, whichever member owns them. */
  readonly committed: (
    partitions: ReadonlyArray<TopicPartition>
  ) => Effect.Effect<ReadonlyArray<Position>, KafkaError>
}

/** `undefined` outside of a handler. */
export const CurrentGroup = Context.Reference<Membership | undefined>("millrace/internal/CurrentGroup", {
  defaultValue: () => undefined
})
