/** Record streams: a consumer whose only handler passes its records on to the fiber that runs the stream. */
import type * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Queue from "effect/Queue"
import type * as Scope from "effect/Scope"
import type * as Stream from "effect/Stream"
import type { TopicPartition } from "../../engine/KafkaEngine.ts"
import type { Uncommitted } from "../../Handler.ts"
import type { KafkaError } from "../../KafkaError.ts"
import * as OnFailure from "../../OnFailure.ts"
import type { Poison } from "../../Poison.ts"
import type { AnySource } from "../../Source.ts"
import * as Plan from "../plan/plan.ts"
import type { HealthCell } from "../telemetry/healthCell.ts"
import * as Runtime from "./runtime.ts"

/** A partition and its records, from assignment to revoke. */
export type Partition = readonly [TopicPartition, Stream.Stream<Uncommitted, Poison>]

/** Starts the consumer in the current scope. The stream has an element for each partition as it is assigned. */
export const partitions = Effect.fnUntraced(function*(
  group: string,
  source: Pick<AnySource, "match" | "codecs">,
  settings: Plan.Settings,
  health: HealthCell
): Effect.fn.Return<
  Queue.Dequeue<Partition, KafkaError | Cause.Done>,
  KafkaError,
  Scope.Scope | any
> {
  const queue = yield* Queue.unbounded<Partition, KafkaError | Cause.Done>()
  const plan = yield* Plan.make({
    group,
    settings,
    onFailure: OnFailure.stop,
    handlers: [{
      // The variance marker exists for the type checker alone.
      "~millrace/Handler": {} as any,
      source,
      call: {
        _tag: "Stream",
        accept: (partition, stream) => Effect.asVoid(Queue.offer(queue, [partition, stream]))
      },
      onFailure: undefined
    }]
  })
  const run = yield* Runtime.startScoped(plan, { holds: false, health, emit: undefined })
  // There is no handler that could fail.
  const ended = Effect.catchTag(run.await, "HandlerFailed", Effect.die)
  yield* Effect.forkScoped(
    Effect.onExit(ended, (exit) => Exit.isSuccess(exit) ? Queue.end(queue) : Queue.failCause(queue, exit.cause))
  )
  return queue
})
