/**
 * When the loop need not look around by itself: nothing is in work, and nothing is due. While a test's clock jumps, the
 * engine in memory lets its loops rest for longer than a tick then.
 */
import * as Effect from "effect/Effect"
import type { Assignment } from "../../partition/assignment.ts"
import type { PartitionState } from "../../partition/partitionState.ts"
import type { Signal } from "../../shared/signal.ts"
import type { Lag } from "./lag.ts"

/** A partition that waits is fetched on before its time. The loop looks this long before, in milliseconds. */
const ahead = 5_000

/** Until when nothing happens to a partition by itself; `now` if something may. */
const restsUntil = (state: PartitionState, lag: Lag, now: number): number => {
  if (state.phase !== "active" || state.suspended || state.current !== undefined) return now
  if (state.waitsUntil !== undefined) return state.waitsUntil - ahead
  const isDone = state.bufferedRecords === 0 && !state.paused && state.progress.unstored === undefined &&
    lag.of(state) === 0
  return isDone ? Number.POSITIVE_INFINITY : now
}

/** Until when nothing happens to any partition by itself. */
export const quietUntil = (assignment: Assignment, lag: Lag, now: number): number => {
  let until = Number.POSITIVE_INFINITY
  for (const state of assignment) {
    until = Math.min(until, restsUntil(state, lag, now))
    if (until <= now) return now
  }
  return until
}

/** Ticks without anything to do before the first longer rest: what began may go on in another run. */
const ticksBefore = 8

/** Shared by the loop and its ticker. */
export class Resting {
  private readonly most: () => number
  private readonly awake: Signal
  private until = 0
  private quietTicks = 0

  /** `most`: how long the loop may rest now, in milliseconds. */
  constructor(most: () => number, awake: Signal) {
    this.most = most
    this.awake = awake
  }

  /** The loop made a step. With nothing to do it says until when, otherwise 0. */
  stepped(until: number): void {
    this.until = until
    if (until > 0) this.quietTicks++
    else if (this.quietTicks > 0) {
      this.quietTicks = 0
      this.awake.raise()
    }
  }

  /** Waits longer than one tick, if the loop may: twice as long each time. A step that something causes ends it. */
  readonly rest = (now: number, tick: number): Effect.Effect<void> => {
    const longer = this.quietTicks - ticksBefore
    if (longer <= 0) return Effect.void
    const millis = Math.min(this.most(), this.until - now, tick * 2 ** Math.min(longer, 20))
    return millis <= 0 ? Effect.void : Effect.raceFirst(Effect.sleep(millis), this.awake.wait)
  }
}
