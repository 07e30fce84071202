/** Says how healthy something is that works in the background and is no consumer. */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { type ServiceHealth, ServiceRegistry } from "../../Health.ts"
import { monotonicMillis } from "../shared/times.ts"

/** What does not last for this long is no problem, in milliseconds. */
export const patience = 10_000

/** A time that never goes back, in milliseconds. */
export const monotonic: Effect.Effect<number> = Effect.map(Clock.Clock, monotonicMillis)

interface Trouble {
  readonly problem: string
  readonly since: number
}

/** One per service. Times are those of `monotonic`. */
export class ServiceCell {
  private status: ServiceHealth["status"] = "starting"
  /** Why it ended. */
  private failure: string | undefined
  private lagMillis: number | undefined
  /** By a name of what troubles it. */
  private readonly troubles = new Map<string, Trouble>()
  private readonly name: string
  private readonly now: () => number

  constructor(name: string, now: () => number) {
    this.name = name
    this.now = now
  }

  readonly read = (): ServiceHealth => {
    const problems = [...(this.failure === undefined ? [] : [this.failure]), ...this.lasting()]
    return {
      name: this.name,
      status: this.status,
      healthy: this.status === "running" && problems.length === 0,
      problems,
      lagMillis: this.lagMillis
    }
  }

  /** Something works that could not before. */
  running(): void {
    this.status = "running"
    this.failure = undefined
  }

  restarting(why: string): void {
    this.status = "restarting"
    this.failure = why
    this.troubles.clear()
  }

  failed(why: string): void {
    this.status = "failed"
    this.failure = why
    this.troubles.clear()
  }

  /** Something does not work, and has not since this time. */
  trouble(what: string, problem: string, since = this.now()): void {
    this.troubles.set(what, { problem, since: Math.min(since, this.troubles.get(what)?.since ?? since) })
  }

  /** Something is over, if it was there. */
  readonly over = (what: string): void => {
    this.troubles.delete(what)
  }

  lag(millis: number): void {
    this.lagMillis = millis
  }

  /** What lasts, the same words once, for the longest time. */
  private lasting(): ReadonlyArray<string> {
    const now = this.now()
    const longest = new Map<string, number>()
    for (const { problem, since } of this.troubles.values()) {
      const millis = now - since
      if (millis >= patience) longest.set(problem, Math.max(millis, longest.get(problem) ?? 0))
    }
    return Array.from(longest, ([problem, millis]) => `${problem}, for ${Math.floor(millis / 1_000)} s`)
  }
}

/**
 * Makes the cell of a service. `Health.services` shows it until the scope ends; one that failed stays until the next of
 * this name, since nobody does its work meanwhile.
 */
export const register = Effect.fnUntraced(function*(name: string): Effect.fn.Return<ServiceCell, never, Scope.Scope> {
  const registry = yield* ServiceRegistry
  const clock = yield* Clock.Clock
  const cell = new ServiceCell(name, () => monotonicMillis(clock))
  return yield* Effect.acquireRelease(
    Effect.sync(() => {
      for (const read of registry) {
        const before = read()
        if (before.name === name && before.status === "failed") registry.delete(read)
      }
      registry.add(cell.read)
      return cell
    }),
    () => Effect.sync(() => cell.read().status === "failed" || registry.delete(cell.read))
  )
})
