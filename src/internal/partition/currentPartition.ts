/** The partition whose handler the current fiber runs, for controls that would wait for it. */
import * as Context from "effect/Context"
import type { TopicPartition } from "../../engine/KafkaEngine.ts"
import type { Assignment } from "./assignment.ts"

/** A partition of a run: each run has an assignment of its own. */
export interface Current {
  readonly assignment: Assignment
  readonly partition: TopicPartition
}

/** Undefined outside of a handler. */
export const CurrentPartition = Context.Reference<Current | undefined>("millrace/internal/CurrentPartition", {
  defaultValue: () => undefined
})
