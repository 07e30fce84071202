/** Looks up, from the broker and from handlers, where partitions start and end. */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { positionsProblem } from "../../engine/checkOffsets.ts"
import type {
  AdminClient,
  ConsumerClient,
  Position,
  TopicDescription,
  TopicPartition
} from "../../engine/KafkaEngine.ts"
import { HandlerFailed } from "../../HandlerFailed.ts"
import type { KafkaError } from "../../KafkaError.ts"
import * as Errors from "../../KafkaError.ts"
import * as Source from "../../Source.ts"
import { format } from "../../TopicPartition.ts"
import type { Found, GroupShare } from "../loop/loopContext.ts"
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
  /** See `LoopContext.wanted`. */
  readonly wanted: ReadonlyArray<TopicPartition>
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
  readonly lookAtGroup: Effect.Effect<GroupShare, KafkaError>
}

/** All partitions of these topics. */
export const partitionsOf = (topics: ReadonlyArray<TopicDescription>): ReadonlyArray<TopicPartition> =>
  topics.flatMap(({ name, partitions }) => partitions.map(({ partition }) => ({ topic: name, partition })))

/** Those of `partitions` that are not among `others`. */
const without = (partitions: ReadonlyArray<TopicPartition>, others: ReadonlyArray<TopicPartition>) => {
  const known = new Set(others.map(format))
  return partitions.filter((partition) => !known.has(format(partition)))
}

/** Two patterns match one topic: the second one's handler would never see a record. */
const overlap = (plan: Plan, topic: string): KafkaError | undefined => {
  const matching = plan.handlers.filter(({ source }) => Source.matches(source, topic))
  if (matching.length < 2) return undefined
  const shown = matching.map(({ source }) => Source.show(source)).join(" and ")
  return Errors.invalidSetting("handlers", `${shown} both match topic "${topic}"; make one of them narrower`)
}

/** Gives a look-up up that takes too long. */
const within = (operation: string) =>
  Effect.timeoutOrElse({
    duration: patience,
    orElse: () => Effect.fail(Errors.make("consume", new Errors.Timeout({ operation, timeoutMs: patience })))
  })

export const make = ({ admin, client, disturbed, plan, routing, wanted }: Options): Asking => {
  // In a retry topic nothing waits in place, and the records carry how many times they failed.
  const keepsAttempts = !plan.retrying && plan.handlers.some(({ onFailure }) => onFailure.needs.waits)
  // What is finished behind the first unfinished record is kept too: of several at once, or of a batch given up
  // after its policy had taken some of its records out.
  const keepsNotes = keepsAttempts ||
    plan.handlers.some(({ call }) =>
      call._tag === "Batch" || call._tag === "Record" && call.concurrency !== "partition"
    )
  const isDerived = routing !== undefined && plan.patterns.length > 0
  const mayOverlap = plan.patterns.length > 1 && !plan.retrying
  const isolation = plan.config.isolation ?? "read_committed"

  const ownStarts = Effect.fnUntraced(function*(partitions: ReadonlyArray<TopicPartition>) {
    const positions: Array<Position> = []
    for (const handler of plan.handlers) {
      const { call } = handler
      if (call._tag !== "Owned") continue
      const own = partitions.filter(({ topic }) => handlerFor(plan, topic) === handler)
      if (own.length === 0) continue
      const started = yield* Effect.exit(
        Effect.scoped(Effect.suspend(() => effectOf(call.startOffsets(own, { group: plan.group }), "`startOffsets`")))
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

  /** Topics that nobody can handle as things are, and why. */
  const refusedOf = Effect.fnUntraced(function*(partitions: ReadonlyArray<TopicPartition>) {
    const topics = [...new Set(partitions.map(({ topic }) => topic))]
    const refused = new Map<string, KafkaError>()
    for (const topic of topics) {
      const problem = mayOverlap ? overlap(plan, topic) : undefined
      if (problem !== undefined) refused.set(topic, problem)
    }
    if (!isDerived) return refused
    const sources = new Map(
      topics.filter((topic) => !refused.has(topic)).map((topic) => [topic, sourceTopic(plan, topic)])
    )
    const unprepared = yield* routing.prepare([...new Set(sources.values())])
    for (const [topic, source] of sources) {
      const error = unprepared.get(source)
      if (error !== undefined) refused.set(topic, error)
    }
    return refused
  })

  return {
    isNeeded: plan.bounded || keepsNotes || isDerived || mayOverlap ||
      plan.handlers.some(({ call }) => call._tag === "Owned"),
    keepsAttempts,
    prepare: Effect.fnUntraced(function*(partitions) {
      const refused = yield* refusedOf(partitions)
      // A bounded read that leaves something out would end as if it had read all.
      if (plan.bounded) { for (const error of refused.values()) return yield* error }
      const positions = yield* ownStarts(partitions.filter(({ topic }) => !refused.has(topic)))
      // Not knowing them is no reason to stop.
      const notes = keepsNotes
        ? yield* Effect.catch(client.committed(partitions), (error) =>
          Effect.sync((): ReadonlyArray<Position> => {
            disturbed(error)
            return []
          }))
        : []
      const ends = plan.bounded ? yield* (yield* admin).listOffsets(partitions, "latest", isolation) : []
      return { positions, ends, notes, refused }
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
    }, within("looking up the ends of partitions")),
    lookAtGroup: Effect.gen(function*() {
      const broker = yield* admin
      const topics = yield* broker.describeTopics([...new Set(wanted.map(({ topic }) => topic))])
      const existing = new Set(partitionsOf(topics).map(format))
      const [group] = yield* broker.describeGroups([plan.group])
      return { group, wanted: wanted.filter((partition) => existing.has(format(partition))) }
    }).pipe(within("looking at the group"))
  }
}
