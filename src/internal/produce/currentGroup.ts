/** The group membership under which the current handler runs, for `Producer.sendOffsets`. */
import * as Context from "effect/Context"
import type { GroupMetadata } from "../../engine/KafkaEngine.ts"

/** Undefined outside of a handler. */
export const CurrentGroup = Context.Reference<GroupMetadata | undefined>("millrace/internal/CurrentGroup", {
  defaultValue: () => undefined
})
