/** The run of a consumer that an effect belongs to: handlers that own offsets keep a claim for each. */
import * as Context from "effect/Context"
import type * as Scope from "effect/Scope"

/** A run, to handlers that do more than to handle its records. */
export interface Run {
  /** Ends with the run, before its client does. */
  readonly scope: Scope.Scope
  /** Says in the health what somebody should look at, by a name of what says it; `undefined`: nothing any more. */
  readonly hint: (name: string, text: string | undefined) => void
}

/** The same object for all effects of one run, `startOffsets` included; undefined outside of a run. */
export const CurrentRun = Context.Reference<Run | undefined>("millrace/internal/CurrentRun", {
  defaultValue: () => undefined
})
