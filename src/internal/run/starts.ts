/** Looks up, from the broker and from handlers, where partitions start and end. */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { positionsProblem } from "../../engine/checkOffsets.ts"
import type { AdminClient, ConsumerClient, Position, TopicPartition } from "../../engine/KafkaEngine.ts"
import { HandlerFailed } from "../../HandlerFailed.ts"
import type { KafkaError } from "../../KafkaError.ts"
import * as Errors from "../../KafkaError.ts"
import { format } from "../../TopicPartition.ts"
import type { Found } from "../loop/loopContext.ts"
import type { Starts } from "../loop/rebalanceQueue.ts"
import { handlerFor, type Plan, sourceTopic } from "../plan/plan.ts"
import { effectOf } from "../shared/effectOf.ts"
import type { Routing } from "./routing.ts"

/** The parts of a run that it needs. */
export interface Options {
  readonly plan: Plan
  readonly client: ConsumerClient
  readonly admin: Effect.Effect<AdminClient, KafkaError>
  readonly routing: Routing | undefined
  /** Publishes an error that does not end the run. */
  readonly disturbed: (error: KafkaError) => void
}

/** How long a look-up for the lag may take, in milliseconds. */
const patience = 20_000

/** The look-ups of one run. */
export interface Asking {
  /** Whether assignments have to be prepared: own offsets, a bounded read, or retry topics of a new source. */
  readonly isNeeded: boolean
  /** How many times records failed is kept with the committed offsets. */
  readonly keepsAttempts: boolean
  readonly prepare: (
    partitions: ReadonlyArray<TopicPartition>
  ) => Effect.Effect<Starts, KafkaError | HandlerFailed<unknown>>
  readonly lookUp: (
    partitions: ReadonlyArray<TopicPartition>,
    starts: ReadonlyArray<TopicPartition>
  ) => Effect.Effect<Found, KafkaError>
}

/** Those of `partitions` that are not among `others`. */
const without = (partitions: ReadonlyArray<TopicPartition>, others: ReadonlyArray<TopicPartition>) => {
  const known = new Set(others.map(format))
  return partitions.filter((partition) => !known.has(format(partition)))
}

const tooSlow = Effect.suspend(() => {
  const operation = "looking up the ends of partitions"
  return Effect.fail(Errors.make("consume", new Errors.Timeout({ operation, timeoutMs: patience })))
})

export const make = ({ admin, client, disturbed, plan, routing }: Options): Asking => {
  // In a retry topic nothing waits in place, and the records carry how many times they failed.
  const keepsAttempts = !plan.retrying && plan.handlers.some(({ onFailure }) => onFailure.needs.waits)
  // With several at once what is finished behind the first unfinished record is kept too.
  const keepsNotes = keepsAttempts
    || plan.handlers.some(({ call }) => call._tag === "Record" && call.concurrency !== "partition")
  const isDerived = routing !== undefined && plan.patterns.length > 0
  const isolation = plan.config.isolation ?? "read_committed"

  const ownStarts = Effect.fnUntraced(function*(partitions: ReadonlyArray<TopicPartition>) {
    const positions: Array<Position> = []
    for (const handler of plan.handlers) {
      const { call } = handler
      if (call._tag !== "Owned") continue
      const own = partitions.filter(({ topic }) => handlerFor(plan, topic) === handler)
      if (own.length === 0) continue
      const started = yield* Effect.exit(
        Effect.scoped(Effect.suspend(() => effectOf(call.startOffsets(own), "`startOffsets`")))
      )
      if (Exit.isFailure(started)) {
        const { partition, topic } = own[0]!
        const { cause } = started
        return yield* new HandlerFailed<unknown>({ group: plan.group, topic, partition, offset: -1, cause })
      }
      const wrong = positionsProblem("startOffsets", started.value)
      if (wrong !== undefined) return yield* wrong
      for (const position of started.value) positions.push(position)
    }
    return positions
  })

  return {
    isNeeded: plan.bounded || keepsNotes || isDerived || plan.handlers.some(({ call }) => call._tag === "Owned"),
    keepsAttempts,
    prepare: Effect.fnUntraced(function*(partitions) {
      const positions = yield* ownStarts(partitions)
      if (isDerived) yield* routing.prepare([...new Set(partitions.map(({ topic }) => sourceTopic(plan, topic)))])
      // Not knowing them is no reason to stop.
      const notes = keepsNotes
        ? yield* Effect.catch(client.committed(partitions), (error) =>
          Effect.sync((): ReadonlyArray<Position> => {
            disturbed(error)
            return []
          }))
        : []
      const ends = plan.bounded ? yield* (yield* admin).listOffsets(partitions, "latest", isolation) : []
      return { positions, ends, notes }
    }, (effect) => Effect.provideContext(effect, plan.services)),
    lookUp: Effect.fnUntraced(function*(partitions, starts) {
      const broker = yield* admin
      const ends = yield* broker.listOffsets(partitions, "latest", isolation)
      if (starts.length === 0) return { starts: [], ends }
      const committed = yield* client.committed(starts)
      const fresh = without(starts, committed)
      if (fresh.length === 0 || plan.offsetReset === "none") return { starts: committed, ends }
      const wanted = new Set(fresh.map(format))
      const chosen = plan.offsetReset === "earliest"
        ? yield* broker.listOffsets(fresh, "earliest", isolation)
        : ends.filter((end) => wanted.has(format(end)))
      return { starts: [...committed, ...chosen], ends }
    }, Effect.timeoutOrElse({ duration: patience, orElse: () => tooSlow }))
  }
}
