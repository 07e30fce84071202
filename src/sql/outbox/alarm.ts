/** Waits for a time or for a ring, whichever comes first; a ring that comes while nobody waits counts for the next. */
import * as Clock from "effect/Clock"
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"

export class Alarm {
  private rung = false
  private waiting: Deferred.Deferred<void> | undefined

  readonly ring = (): void => {
    this.rung = true
    if (this.waiting !== undefined) Deferred.doneUnsafe(this.waiting, Effect.void)
  }

  /** Returns whether it was rung. */
  wait(millis: number): Effect.Effect<boolean> {
    return Effect.gen({ self: this }, function*() {
      if (!this.rung) {
        const waiting = this.waiting = Deferred.makeUnsafe<void>()
        const clock = yield* Clock.Clock
        yield* Effect.raceFirst(Deferred.await(waiting), clock.sleep(Duration.millis(millis)))
        this.waiting = undefined
      }
      const { rung } = this
      this.rung = false
      return rung
    })
  }
}
