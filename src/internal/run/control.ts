/** The controls of a run, as orders to its loop. */
import type * as DateTime from "effect/DateTime"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import type { ConsumerControl } from "../../ConsumerControl.ts"
import { checked, partitionsProblem, positionsProblem } from "../../engine/checkOffsets.ts"
import type { AdminClient, Position, TopicPartition } from "../../engine/KafkaEngine.ts"
import type { KafkaError } from "../../KafkaError.ts"
import * as Errors from "../../KafkaError.ts"
import { Equivalence } from "../../TopicPartition.ts"
import type { Inbox } from "../loop/inbox.ts"
import { tp } from "../loop/ownership.ts"
import type { Assignment } from "../partition/assignment.ts"
import { CurrentPartition } from "../partition/currentPartition.ts"
import type { Plan } from "../plan/plan.ts"
import * as Times from "../shared/times.ts"
import * as Waiting from "./waitingRecords.ts"

const example = "\"2026-01-31T12:00:00Z\""

/** What a run's controls need of it. */
export interface Options {
  readonly plan: Plan
  readonly admin: Effect.Effect<AdminClient, KafkaError>
  readonly inbox: Inbox
  readonly assignment: Assignment
  /** Begins the end of the run. */
  readonly halt: () => void
  /** Ends with the run. */
  readonly ended: Effect.Effect<void>
}

/** Makes the controls of one run. */
export const make = ({ admin, assignment, ended, halt, inbox, plan }: Options): ConsumerControl => {
  const partitions = Effect.sync(() => Array.from(assignment, tp))
  // A handler that waits for the end of itself would wait until it is interrupted; the reader of a stream, for ever.
  const seek = (position: Position) =>
    checked(
      positionsProblem("seek", [position]),
      Effect.flatMap(Effect.service(CurrentPartition), (current) => {
        const sent = inbox.send((done) => ({ _tag: "Seek", position, done }))
        const isOwn = current?.assignment === assignment && Equivalence(current.partition, position)
        const state = assignment.get(position.topic, position.partition)
        if (!isOwn && state?.isLent !== true) return Effect.flatMap(sent, Deferred.await)
        // Now, not with the loop's next step: no record behind this one is started.
        return Effect.map(sent, () => state?.drain())
      })
    )
  const stop = Effect.flatMap(Effect.service(CurrentPartition), (current) => {
    halt()
    return current?.assignment === assignment ? Effect.void : ended
  })
  const suspend = (partitions: ReadonlyArray<TopicPartition>, suspended: boolean) =>
    checked(
      partitionsProblem(suspended ? "pause" : "resume", partitions),
      inbox.request((done) => ({ _tag: "Suspend", partitions, suspended, done }))
    )
  return {
    group: plan.group,
    assignment: partitions,
    seek,
    seekToTimestamp: Effect.fnUntraced(function*(time: DateTime.DateTime.Input) {
      const timestamp = Times.toMillis(time)
      if (timestamp === undefined) {
        return yield* Errors.invalidSetting(
          "seekToTimestamp",
          `${JSON.stringify(time)} is no time; write e.g. ${example}`
        )
      }
      const mine = yield* partitions
      const positions = yield* Effect.flatMap(
        admin,
        (admin) => admin.listOffsets(mine, { timestamp }, plan.config.isolation ?? "read_committed")
      )
      yield* Effect.forEach(positions, seek, { concurrency: "unbounded", discard: true })
    }),
    pause: (partitions) => suspend(partitions, true),
    resume: (partitions) => suspend(partitions, false),
    waiting: Effect.sync(() => Waiting.waitingIn(assignment)),
    retryNow: (at) => Effect.sync(() => Waiting.retryNow(assignment.get(at.topic, at.partition), at)),
    skip: ({ offset, partition, topic }) => Effect.sync(() => Waiting.skip(assignment.get(topic, partition), offset)),
    commit: inbox.request((done) => ({ _tag: "Commit", done })),
    stop
  }
}
