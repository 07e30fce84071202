/** What a running command says of its end: when nobody takes its output any more, and when it is interrupted. */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import { codes } from "./exit.ts"

/**
 * Of one run. `hasOtherWork`: its work is something else than what it prints. `interrupted`: its exit code then, for an
 * interruption itself carries none.
 */
export interface State {
  hasOtherWork: boolean
  interrupted: number
}

/** The state at the begin: printing is the work, and an interruption leaves it undone. */
export const make = (): State => ({ hasOtherWork: false, interrupted: codes.failed })

/** The state of the current run. */
export const Ending = Context.Reference<State>("millrace/cli/Ending", { defaultValue: make })

/** To be said by commands whose work goes on when their output has no reader. */
export const worksOn: Effect.Effect<void> = Effect.map(Ending, (state) => {
  state.hasOtherWork = true
})

/** To be said by commands that go on until they are interrupted. */
export const runsOn: Effect.Effect<void> = Effect.map(Ending, (state) => {
  state.interrupted = codes.done
})

/** A reader that went away: the end of a pipe, a terminal that was closed. */
const isGone = (code: string | undefined): boolean =>
  code === "EPIPE" || code === "EIO" || code === "ERR_STREAM_DESTROYED" || code === "ECONNRESET"

/**
 * Listens to both output streams, so that an error of theirs ends nothing by itself. `end` is called when printing was
 * the work: without a problem when its reader had enough, with one when it could not be written.
 */
export const watch = (state: State, end: (problem: string | undefined) => void): void => {
  let isSaid = false
  process.stdout.on("error", (error: NodeJS.ErrnoException) => {
    if (isSaid) return
    isSaid = true
    const problem = isGone(error.code) ? undefined : `standard output cannot be written: ${error.message}`
    if (!state.hasOtherWork) {
      // Who reads it has seen enough.
      if (problem === undefined) state.interrupted = codes.done
      return end(problem)
    }
    if (problem !== undefined) process.stderr.write(`${problem}; the work goes on\n`)
  })
  process.stderr.on("error", () => {})
}
