/** The run of a consumer that an effect belongs to: handlers that own offsets keep a claim for each. */
import * as Context from "effect/Context"

/** The same object for all effects of one run, `startOffsets` included; undefined outside of a run. */
export const CurrentRun = Context.Reference<object | undefined>("millrace/internal/CurrentRun", {
  defaultValue: () => undefined
})
