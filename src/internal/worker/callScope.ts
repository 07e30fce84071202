/**
 * One `Scope` per handler call, for handlers that want one, at no cost for those that do not: an untouched scope is
 * used for the next call as well. Fibers that a handler forks as children end with its call, as if the call were a
 * fiber of its own.
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Scope from "effect/Scope"

type Children = ReadonlySet<Fiber.Fiber<unknown, unknown>>

/** Effect's fibers know their children, but their type does not say so. */
interface Parent {
  readonly children?: () => Children
}

const noChildren: Children = new Set()

const childrenOf = (fiber: object): Children => (fiber as Parent).children?.() ?? noChildren

/** Holds the scope of the current call. */
export class CallScope {
  private scope: Scope.Closeable = Scope.makeUnsafe()
  private children: Children = noChildren

  /** Whether the last call left something to be closed, or a fiber to be ended. */
  get used(): boolean {
    return this.scope.state._tag !== "Empty" || this.children.size > 0
  }

  /**
   * Runs a call, or several that do not use the scope, in the current scope. What is left in it is closed with the exit
   * of the call, also when the fiber is interrupted meanwhile; so are the fibers that it forked. If closing fails, so
   * does the call.
   */
  run<A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<Exit.Exit<A, E>, never, Exclude<R, Scope.Scope>> {
    return Effect.uninterruptibleMask((restore) =>
      Effect.withFiber((fiber) => {
        this.children = childrenOf(fiber)
        return Effect.flatMap(
          Effect.exit(restore(Scope.provide(effect, this.scope))),
          (exit) =>
            this.used
              ? Effect.map(
                Effect.exit(this.close(exit)),
                (closed): Exit.Exit<A, E> =>
                  Exit.isSuccess(exit) && Exit.isFailure(closed) ? Exit.failCause(closed.cause) : exit
              )
              : Effect.succeed(exit)
        )
      })
    )
  }

  private close(exit: Exit.Exit<unknown, unknown>): Effect.Effect<void> {
    const used = this.scope
    this.scope = Scope.makeUnsafe()
    const children = [...this.children]
    return Effect.andThen(children.length === 0 ? Effect.void : Fiber.interruptAll(children), Scope.close(used, exit))
  }
}
