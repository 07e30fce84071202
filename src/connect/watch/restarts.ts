/**
 * Which failed connectors are restarted, and when it is enough: a budget per cause, so that a connector that fails for
 * the same reason again and again is given up, and one that fails for another reason has a budget of its own.
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Schedule from "effect/Schedule"
import type { Status } from "../ConnectModel.ts"

/** What is done about a failed connector now. */
export type Decision =
  | { readonly _tag: "Wait"; readonly until: number; readonly attempt: number }
  | { readonly _tag: "Restart"; readonly attempt: number }
  | { readonly _tag: "GiveUp"; readonly attempts: number }

type Step = (now: number, cause: string) => Effect.Effect<readonly [unknown, Duration.Duration], unknown>

interface Tried {
  readonly step: Step
  attempts: number
  due: number | undefined
  isGivenUp: boolean
}

/** Numbers, and words with digits such as ids and addresses, differ from time to time, the cause does not. */
const withoutNumbers = (line: string): string => line.replaceAll(/\b[a-f]{8,}\b|[\w-]*\d[\w-]*/gi, "#")

/** What follows is no other cause; a trace may have megabytes. */
const longestCause = 4_000

/** With more causes than this the others share one budget: messages that are never the same must end, too. */
const mostCauses = 20
const others = "another cause"

/** Why a connector failed: the messages of its traces, without what changes from time to time. */
export const causeOf = ({ state, tasks, trace }: Status): string | undefined => {
  const failed = [
    ...(state === "FAILED" ? [trace ?? ""] : []),
    ...tasks.filter((task) => task.state === "FAILED").map((task) => task.trace ?? "")
  ]
  if (failed.length === 0) return undefined
  const lines = failed.flatMap((trace) => trace.split("\n").filter((line) => !/^\s+at |^\s*\.\.\. /.test(line)))
  return [...new Set(lines.map(withoutNumbers))].join("\n").slice(0, longestCause)
}

/** The restarts of one connector. */
export class Restarts {
  private readonly schedule: Schedule.Schedule<unknown, string>
  private readonly byCause = new Map<string, Tried>()

  constructor(schedule: Schedule.Schedule<unknown, string>) {
    this.schedule = schedule
  }

  /** It ran for long enough: what failed before is forgotten. */
  forget(): void {
    this.byCause.clear()
  }

  /** It runs although it was given up, so somebody has restarted it: what was given up begins again. */
  excuse(): void {
    for (const [cause, { isGivenUp }] of this.byCause) if (isGivenUp) this.byCause.delete(cause)
  }

  private keyOf(cause: string): string {
    return this.byCause.has(cause) || this.byCause.size < mostCauses ? cause : others
  }

  /** The restart that was decided could not be asked for: it is due again, and does not count. */
  undo(cause: string, now: number): void {
    const tried = this.byCause.get(this.keyOf(cause))
    if (tried === undefined) return
    tried.attempts--
    tried.due = now
  }

  readonly decide = Effect.fnUntraced({ self: this as Restarts }, function*(
    named: string,
    now: number
  ): Effect.fn.Return<Decision> {
    const cause = this.keyOf(named)
    let tried = this.byCause.get(cause)
    if (tried === undefined) {
      // The type of a step says that it may end with a value; that is its failure here.
      const step = (yield* Schedule.toStep(this.schedule)) as Step
      tried = { step, attempts: 0, due: undefined, isGivenUp: false }
      this.byCause.set(cause, tried)
    }
    if (tried.isGivenUp) return { _tag: "GiveUp", attempts: tried.attempts }
    if (tried.due === undefined) {
      const next = yield* Effect.exit(tried.step(now, cause))
      if (Exit.isFailure(next)) {
        tried.isGivenUp = true
        return { _tag: "GiveUp", attempts: tried.attempts }
      }
      tried.due = now + Duration.toMillis(next.value[1])
    }
    if (tried.due > now) return { _tag: "Wait", until: tried.due, attempt: tried.attempts + 1 }
    tried.due = undefined
    tried.attempts++
    return { _tag: "Restart", attempt: tried.attempts }
  })
}
