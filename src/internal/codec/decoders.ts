/** The decoders of the topics of a consumer, prepared once per topic and kept while they are used. */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import * as Semaphore from "effect/Semaphore"
import type { Decode } from "./decoding.ts"

interface Entry {
  /** What its codecs acquired is released with the last user. */
  readonly scope: Scope.Closeable
  readonly turn: Semaphore.Semaphore
  users: number
  decode: Decode | undefined
}

/** Of one run. */
export class Decoders {
  private readonly byTopic = new Map<string, Entry>()

  /** The decoder of a topic, in use until the current scope ends. */
  use(topic: string, prepare: Effect.Effect<Decode>): Effect.Effect<Decode, never, Scope.Scope> {
    const acquired = Effect.acquireRelease(
      Effect.sync(() => this.acquire(topic)),
      (entry) => this.release(topic, entry)
    )
    return Effect.flatMap(acquired, (entry) =>
      // One at a time: the second caller finds the decoder, or prepares it itself if the first was interrupted.
      entry.turn.withPermits(1)(
        Effect.suspend(() =>
          entry.decode !== undefined ? Effect.succeed(entry.decode) : Effect.tap(
            Scope.provide(prepare, entry.scope),
            (decode) => Effect.sync(() => entry.decode = decode)
          )
        )
      ))
  }

  private acquire(topic: string): Entry {
    const entry = this.byTopic.get(topic)
      ?? { scope: Scope.makeUnsafe(), turn: Semaphore.makeUnsafe(1), users: 0, decode: undefined }
    entry.users++
    this.byTopic.set(topic, entry)
    return entry
  }

  private release(topic: string, entry: Entry): Effect.Effect<void> {
    return Effect.suspend(() => {
      if (--entry.users > 0) return Effect.void
      this.byTopic.delete(topic)
      return Scope.close(entry.scope, Exit.void)
    })
  }
}
