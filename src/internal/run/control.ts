/** The controls of a run, as commands to its loop. */
import type * as DateTime from "effect/DateTime"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import type { ConsumerControl } from "../../ConsumerControl.ts"
import type { AdminClient, ConsumerClient, Position, TopicPartition } from "../../engine/KafkaEngine.ts"
import type { KafkaError } from "../../KafkaError.ts"
import * as Errors from "../../KafkaError.ts"
import type { RunLoop } from "../loop/runLoop.ts"
import type { Plan } from "../plan/plan.ts"
import * as Times from "../shared/times.ts"
import * as Waiting from "./waitingRecords.ts"

const example = "\"2026-01-31T12:00:00Z\""

/** Makes the controls of one run. */
export const make = (
  plan: Plan,
  loop: RunLoop,
  client: ConsumerClient,
  admin: Effect.Effect<AdminClient, KafkaError>,
  stop: Effect.Effect<void>
): ConsumerControl => {
  const assignment = Effect.sync(() => Array.from(loop.assignment, ({ partition, topic }) => ({ topic, partition })))
  // The loop only notes the seek; it is done when the record in work is finished.
  const seek = (position: Position) => Effect.flatMap(loop.command(loop.seek(position)), Deferred.await)
  const suspend = (partitions: ReadonlyArray<TopicPartition>, suspended: boolean) =>
    loop.command(Effect.suspend((): Effect.Effect<void, KafkaError> => {
      const other = partitions.find(({ partition, topic }) => loop.assignment.get(topic, partition) === undefined)
      return other === undefined
        ? loop.suspend(partitions, suspended)
        : Effect.fail(Errors.make(suspended ? "pause" : "resume", new Errors.UnknownTopic(other)))
    }))
  return {
    group: plan.group,
    assignment,
    seek,
    seekToTimestamp: Effect.fnUntraced(function*(time: DateTime.DateTime.Input) {
      const timestamp = Times.toMillis(time)
      if (timestamp === undefined) {
        return yield* Errors.invalidSetting(
          "seekToTimestamp",
          `${JSON.stringify(time)} is no time; write e.g. ${example}`
        )
      }
      const partitions = yield* assignment
      const positions = yield* Effect.flatMap(
        admin,
        (admin) => admin.listOffsets(partitions, { timestamp }, plan.config.isolation ?? "read_committed")
      )
      yield* Effect.forEach(positions, seek, { concurrency: "unbounded", discard: true })
    }),
    pause: (partitions) => suspend(partitions, true),
    resume: (partitions) => suspend(partitions, false),
    waiting: Effect.sync(() => Waiting.waitingIn(loop.assignment)),
    retryNow: (at) => Effect.sync(() => Waiting.retryNow(loop.assignment.get(at.topic, at.partition), at)),
    skip: ({ offset, partition, topic }) =>
      Effect.sync(() => Waiting.skip(loop.assignment.get(topic, partition), offset)),
    commit: Effect.flatMap(
      loop.command(
        Effect.sync(() =>
          // With what is noted of failing records: a commit without it would erase that.
          Array.from(loop.assignment).flatMap(({ noted, position }): Array<Position> =>
            position === undefined || noted === undefined ? [] : [noted]
          )
        )
      ),
      (positions) => positions.length === 0 || !loop.isOpen ? Effect.void : client.commit(positions)
    ),
    stop
  }
}
