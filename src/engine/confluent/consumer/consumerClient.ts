/** A consumer client that outlives its native consumers: one that lost its brokers for good is replaced by another. */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import * as Errors from "../../../KafkaError.ts"
import type { KafkaError } from "../../../KafkaError.ts"
import { positionsProblem } from "../../checkOffsets.ts"
import type { ConsumerClient, ConsumerClientOptions } from "../../KafkaEngine.ts"
import type { Environment } from "../shared/environment.ts"
import { RebalanceIds, Rebalances } from "./assigned.ts"
import { type ConsumerSession, open } from "./consumerSession.ts"

interface Running {
  readonly session: ConsumerSession
  readonly scope: Scope.Closeable
}

/** Connects a consumer and joins its group. The scope closes it, in case its owner did not. */
export const make = Effect.fnUntraced(function*(
  environment: Environment,
  options: ConsumerClientOptions
): Effect.fn.Return<ConsumerClient, KafkaError, Scope.Scope> {
  const { bootstrapServers } = environment
  const { onEvent, subscription } = options
  const wrong = subscription._tag === "Manual" ? positionsProblem("positions", subscription.positions) : undefined
  if (wrong !== undefined) return yield* wrong
  const scope = yield* Effect.scope
  const context = yield* Effect.context<never>()
  const ids = new RebalanceIds()
  let closing = false

  const connect = Effect.gen(function*() {
    const own = yield* Scope.fork(scope)
    const opened = open(environment, { ...options, rebalances: new Rebalances(ids), onStranded })
    const session = yield* Scope.provide(opened, own).pipe(
      Effect.onError((cause) => Scope.close(own, Exit.failCause(cause)))
    )
    return { session, scope: own }
  })

  const lost = Errors.make(
    "consume",
    new Errors.BrokerUnreachable({
      bootstrapServers,
      problem: "the native client lost its last broker and does not look for it again"
    })
  )

  /** Once another one is connected, the old one is let go, and the new one joins the group. */
  const replace = (stranded: Running): Effect.Effect<void, KafkaError> =>
    Effect.uninterruptibleMask((restore) =>
      Effect.gen(function*() {
        const next = yield* restore(connect)
        if (closing) return yield* Scope.close(next.scope, Exit.void)
        const partitions = stranded.session.abandon()
        if (partitions.length > 0) onEvent({ _tag: "Rebalance", id: ids.next(), kind: "lost", partitions })
        yield* Scope.close(stranded.scope, Exit.void)
        current = next
        yield* Effect.catch(next.session.start, (error) => Effect.sync(() => onEvent({ _tag: "Failed", error })))
      })
    )

  function onStranded(): void {
    onEvent({ _tag: "Disturbed", error: lost })
    // Where it stands between fixed partitions only its owner knows.
    if (subscription._tag === "Manual") return onEvent({ _tag: "Failed", error: lost })
    const replaced = Effect.catch(replace(current), (error) =>
      Effect.sync(() => {
        onEvent({ _tag: "Disturbed", error })
        current.session.watch()
      }))
    // The end of the scope interrupts what still connects.
    Effect.runForkWith(context)(Effect.forkIn(replaced, scope))
  }

  let current: Running = yield* connect
  yield* current.session.start
  return {
    poll: (maxRecords, maxBytes) => current.session.poll(maxRecords, maxBytes),
    answer: (id, start) => Effect.suspend(() => current.session.answer(id, start)),
    store: (position) => current.session.store(position),
    commit: (positions) => Effect.suspend(() => current.session.commit(positions)),
    committed: (partitions) => Effect.suspend(() => current.session.committed(partitions)),
    pause: (partitions) => current.session.pause(partitions),
    resume: (partitions) => current.session.resume(partitions),
    seek: (position) => Effect.suspend(() => current.session.seek(position)),
    highWatermark: (partition) => current.session.highWatermark(partition),
    groupMetadata: () => current.session.groupMetadata(),
    close: (deadline) =>
      Effect.suspend(() => {
        closing = true
        return current.session.close(deadline)
      })
  }
})
