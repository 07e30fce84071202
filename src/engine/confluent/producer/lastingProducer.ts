/** A producer client that outlives its native producers: one that lost its brokers for good is replaced by another. */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import * as KafkaConfig from "../../../KafkaConfig.ts"
import type { KafkaError } from "../../../KafkaError.ts"
import type { ProducerClient } from "../../KafkaEngine.ts"
import type { Environment } from "../shared/environment.ts"
import { Stranding } from "../shared/stranding.ts"
import { type Client, makeClient } from "./producerClient.ts"

interface Running {
  readonly client: Client
  readonly scope: Scope.Closeable
}

/** Connects a producer. The scope flushes and closes it. */
export const make = Effect.fnUntraced(function*(
  environment: Environment
): Effect.fn.Return<ProducerClient, KafkaError, Scope.Scope> {
  const scope = yield* Effect.scope
  const context = yield* Effect.context<never>()
  /** Replaced ones, with records whose time is not over. */
  const leaving = new Set<Running>()
  const deliveryTimeout = Duration.fromInputUnsafe(
    environment.producer.deliveryTimeout ?? KafkaConfig.producerDefaults.deliveryTimeout
  )

  const connect: Effect.Effect<Running, KafkaError> = Effect.gen(function*() {
    const own = yield* Scope.fork(scope)
    const [native, client] = yield* Scope.provide(makeClient(environment, undefined), own).pipe(
      Effect.onError((cause) => Scope.close(own, Exit.failCause(cause)))
    )
    const running: Running = { client, scope: own }
    const stranding = new Stranding(native, environment, () => {
      const replaced = Effect.catch(replace(running), (error) =>
        Effect.andThen(
          Effect.logWarning("a producer that lost its brokers could not be replaced yet", error),
          Effect.sync(() => stranding.watch())
        ))
      // The end of the scope interrupts what still connects.
      Effect.runForkWith(context)(Effect.forkIn(replaced, scope))
    })
    native.on("event.error", (error) => stranding.onError(error))
    yield* Scope.addFinalizer(own, Effect.sync(() => stranding.stop()))
    return running
  })

  /** What the old one took fails when its time is over; only then it can go. */
  const replace = (stranded: Running): Effect.Effect<void, KafkaError> =>
    Effect.uninterruptibleMask((restore) =>
      Effect.gen(function*() {
        current = yield* restore(connect)
        leaving.add(stranded)
        stranded.client.wake()
        yield* Effect.logWarning("the native producer lost its last broker for good: another one took its place")
        yield* Effect.timeoutOption(stranded.client.allTold, Duration.sum(deliveryTimeout, Duration.seconds(10))).pipe(
          Effect.andThen(Scope.close(stranded.scope, Exit.void)),
          Effect.andThen(Effect.sync(() => leaving.delete(stranded))),
          Effect.forkIn(scope)
        )
      })
    )

  let current: Running = yield* connect
  return {
    produce: (message, done) => current.client.produce(message, done),
    whenSpace: Effect.suspend(() => current.client.whenSpace),
    flush: (timeout) =>
      Effect.suspend(() =>
        Effect.forEach([...leaving, current], ({ client }) => client.flush(timeout), {
          concurrency: "unbounded",
          discard: true
        })
      )
  }
})
