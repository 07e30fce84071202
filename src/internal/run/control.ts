/** The controls of a run, as orders to its loop. */
import type * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import type { ConsumerControl } from "../../ConsumerControl.ts"
import { checked, partitionsProblem, positionsProblem } from "../../engine/checkOffsets.ts"
import type { AdminClient, ConsumerClient, Position, TopicPartition } from "../../engine/KafkaEngine.ts"
import type { KafkaError } from "../../KafkaError.ts"
import * as Errors from "../../KafkaError.ts"
import type { Inbox } from "../loop/inbox.ts"
import { tp } from "../loop/ownership.ts"
import type { Assignment } from "../partition/assignment.ts"
import type { Plan } from "../plan/plan.ts"
import * as Times from "../shared/times.ts"
import * as Waiting from "./waitingRecords.ts"

const example = "\"2026-01-31T12:00:00Z\""

/** What a run's controls need of it. */
export interface Options {
  readonly plan: Plan
  readonly client: ConsumerClient
  readonly admin: Effect.Effect<AdminClient, KafkaError>
  readonly inbox: Inbox
  readonly assignment: Assignment
  readonly stop: Effect.Effect<void>
}

/** Makes the controls of one run. */
export const make = ({ admin, assignment, client, inbox, plan, stop }: Options): ConsumerControl => {
  const partitions = Effect.sync(() => Array.from(assignment, tp))
  const seek = (position: Position) =>
    checked(
      positionsProblem("seek", [position]),
      inbox.request<void>((done) => ({ _tag: "Seek", position, done }))
    )
  const suspend = (partitions: ReadonlyArray<TopicPartition>, suspended: boolean) =>
    checked(
      partitionsProblem(suspended ? "pause" : "resume", partitions),
      inbox.request<void>((done) => ({ _tag: "Suspend", partitions, suspended, done }))
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
    commit: Effect.flatMap(
      inbox.request<ReadonlyArray<Position>>((done) => ({ _tag: "Positions", done })),
      (positions) => positions.length === 0 || !inbox.isOpen ? Effect.void : client.commit(positions)
    ),
    stop
  }
}
