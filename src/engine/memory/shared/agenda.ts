/** Everything that is to happen later, on the clock of the layer: one sleeping fiber for the whole cluster. */
import type * as Clock from "effect/Clock"
import type * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import type { Mail } from "./mail.ts"

/** Something planned. Cancelling it twice, or when it is due already, does nothing. */
export interface Appointment {
  readonly cancel: () => void
}

interface Entry {
  readonly at: number
  readonly run: () => void
}

/** Owned by the cluster; `close` ends it. What is due is posted, so that it never runs inside of a fiber's step. */
export class Agenda {
  private entries: Array<Entry> = []
  private sleeper: { readonly at: number; readonly fiber: Fiber.Fiber<void> } | undefined
  private closed = false
  private readonly clock: Clock.Clock
  private readonly mail: Mail
  private readonly fork: (effect: Effect.Effect<void>) => Fiber.Fiber<void>

  constructor(clock: Clock.Clock, mail: Mail, services: Context.Context<never>) {
    this.clock = clock
    this.mail = mail
    this.fork = Effect.runForkWith(services)
  }

  /** In milliseconds. The time of day may be set back, and then nothing would be due for as long as that. */
  private get now(): number {
    return Number(this.clock.monotonicTimeNanosUnsafe() / 1_000_000n)
  }

  /** Plans a call in `millis` milliseconds. Calls for the same moment run in the order in which they were planned. */
  after(millis: number, run: () => void): Appointment {
    const entry = { at: this.now + Math.max(0, millis), run }
    let low = 0
    let high = this.entries.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if (this.entries[middle]!.at <= entry.at) low = middle + 1
      else high = middle
    }
    this.entries.splice(low, 0, entry)
    this.arm()
    return {
      cancel: () => {
        const index = this.entries.indexOf(entry)
        if (index !== -1) this.entries.splice(index, 1)
      }
    }
  }

  close(): void {
    this.closed = true
    this.entries = []
    this.sleeper?.fiber.interruptUnsafe()
    this.sleeper = undefined
  }

  /** A cancelled appointment leaves its sleeper alone: it wakes up for nothing, which is cheaper than a new fiber. */
  private arm(): void {
    const first = this.entries[0]
    if (this.closed || first === undefined) return
    if (this.sleeper !== undefined) {
      if (this.sleeper.at <= first.at) return
      this.sleeper.fiber.interruptUnsafe()
    }
    const nap = this.clock.sleep(Duration.millis(Math.max(1, first.at - this.now)))
    this.sleeper = { at: first.at, fiber: this.fork(Effect.andThen(nap, Effect.sync(this.fire))) }
  }

  private readonly fire = (): void => {
    this.sleeper = undefined
    const now = this.now
    while (this.entries.length > 0 && this.entries[0]!.at <= now) this.mail.post(this.entries.shift()!.run)
    this.arm()
  }
}
