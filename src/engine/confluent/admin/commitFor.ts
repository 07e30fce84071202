/** Commits offsets for a group from outside of it, which the binding's admin client cannot. */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Errors from "../../../KafkaError.ts"
import type { KafkaError } from "../../../KafkaError.ts"
import type { Position } from "../../KafkaEngine.ts"
import { Commits } from "../consumer/commits.ts"
import { keep } from "../consumer/departure.ts"
import { connect, disconnect } from "../shared/connection.ts"
import type { Environment } from "../shared/environment.ts"
import { construct } from "../shared/environment.ts"
import { fromNative } from "../shared/errors.ts"
import * as Settings from "../shared/settings.ts"

/** How often the consumer is served: its answers come only while somebody consumes. */
const serveMillis = 20

/** A consumer with the group's name, which does not join it, commits the positions. */
export const commitFor = (
  environment: Environment,
  groupId: string,
  positions: ReadonlyArray<Position>
): Effect.Effect<void, KafkaError> =>
  Effect.gen(function*() {
    const { bootstrapServers, connectTimeoutMs, native, requestTimeoutMs } = environment
    const context = { operation: `alter the offsets of group "${groupId}"`, bootstrapServers, group: groupId }
    const commits = new Commits((error, at) => fromNative(error, { ...context, ...at }), () => {})
    const subscription = { _tag: "Group", groupId, topics: [], patterns: [] } as const
    const consumer = yield* construct(() =>
      new native.KafkaConsumer({
        ...Settings.common(environment.connection, environment.statistics, environment.door),
        ...environment.callbacks,
        ...Settings.consumer({}, "earliest", subscription, environment.door),
        "enable.auto.commit": false,
        offset_commit_cb: commits.onAnswer
      })
    )
    yield* Effect.addFinalizer(() => {
      if (!consumer.isConnected()) return Effect.void
      // It could not be closed, and the process could not end.
      if (!commits.areAnswered) return Effect.sync(() => keep(consumer))
      return Effect.ignore(disconnect((done) => consumer.disconnect(done), connectTimeoutMs, context.operation))
    })
    yield* connect(consumer, connectTimeoutMs, context)
    consumer.setDefaultConsumeTimeout(0)
    yield* Effect.acquireRelease(
      Effect.sync(() => setInterval(() => consumer.consume(1, () => {}), serveMillis)),
      (serving) => Effect.sync(() => clearInterval(serving))
    )
    yield* Effect.timeoutOrElse(commits.commit(consumer, positions), {
      duration: Duration.millis(requestTimeoutMs),
      orElse: () => {
        const { operation } = context
        return Effect.fail(Errors.make(operation, new Errors.Timeout({ operation, timeoutMs: requestTimeoutMs })))
      }
    })
  }).pipe(Effect.scoped)
