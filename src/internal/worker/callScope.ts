/**
 * One `Scope` per handler call, for handlers that want one, at no cost for those that do not: an untouched scope is
 * used for the next call as well.
 */
import * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"

/** Holds the scope of the current call. */
export class CallScope {
  private scope: Scope.Closeable = Scope.makeUnsafe()

  /** Whether the last call left something to be closed. */
  get used(): boolean {
    return this.scope.state._tag !== "Empty"
  }

  /**
   * Runs a call, or several that do not use the scope, in the current scope. What is left in it is closed with the exit
   * of the call, also when the fiber is interrupted meanwhile.
   */
  run<A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<Exit.Exit<A, E>, never, Exclude<R, Scope.Scope>> {
    return Effect.uninterruptibleMask((restore) =>
      Effect.flatMap(
        Effect.exit(restore(Scope.provide(effect, this.scope))),
        (exit) => this.used ? Effect.as(this.close(exit), exit) : Effect.succeed(exit)
      )
    )
  }

  private close(exit: Exit.Exit<unknown, unknown>): Effect.Effect<void> {
    const used = this.scope
    this.scope = Scope.makeUnsafe()
    return Scope.close(used, exit)
  }
}
