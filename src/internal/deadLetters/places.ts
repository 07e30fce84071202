/** The dead letter topics of a consumer, and which of them exist in the cluster. */
import * as Arr from "effect/Array"
import * as Effect from "effect/Effect"
import type { Settings } from "../../ConsumerSettings.ts"
import type { Filter } from "../../DeadLetter.ts"
import type { AdminClient, Position, TopicDescription } from "../../engine/KafkaEngine.ts"
import type * as Handler from "../../Handler.ts"
import * as Errors from "../../KafkaError.ts"
import { invalidSetting, type KafkaError } from "../../KafkaError.ts"
import type * as OnFailure from "../../OnFailure.ts"
import * as RetryTopics from "../../RetryTopic.ts"
import * as Source from "../../Source.ts"
import { format } from "../../TopicPartition.ts"
import * as Plan from "../plan/plan.ts"
import { byPartition } from "../reading/scan.ts"
import * as Names from "../retry/names.ts"
import type { SourceTopics, Topology } from "../retry/topology.ts"
import { some } from "../shared/suggestions.ts"
import { redriveGroupOf } from "./selecting/filter.ts"
import { timesProblem } from "./selecting/filter.ts"

/** A consumer without its types. */
export interface AnyConsumer {
  readonly group: string
  readonly settings: Settings
  readonly handlers: ReadonlyArray<Handler.Handler<any, any>>
  readonly onFailure: OnFailure.Any
}

/** A source topic with its retry, dead letter and parked topics. `sizes`: partitions of each topic that exists. */
export interface Place {
  readonly group: string
  readonly source: string
  readonly codecs: Source.Codecs
  readonly topics: SourceTopics
  readonly deadLetter: string
  readonly parked: string
  readonly sizes: ReadonlyMap<string, number>
  readonly topology: Topology
}

/**
 * A dead letter topic, or its parked topic, with the sources whose dead letters go there: a naming may let several
 * sources share one topic.
 */
export interface Pile {
  readonly topic: string
  readonly parked: string
  readonly places: Arr.NonEmptyReadonlyArray<Place>
}

const sizesOf = (descriptions: ReadonlyArray<TopicDescription>): ReadonlyMap<string, number> =>
  new Map(descriptions.map(({ name, partitions }) => [name, partitions.length]))

/** The source topics of a pattern: those that exist, and those that are gone but have dead letters. */
const matching = (
  group: string,
  pattern: Pick<Source.AnySource, "match">,
  names: Iterable<string>
): ReadonlyArray<string> => {
  const found = new Set<string>()
  for (const name of names) {
    const source = Names.parseDeadLetter(group, name)
    if (source !== undefined && Source.matches(pattern, source)) found.add(source)
    // A wide pattern matches retry topics of the group, too; they are no sources.
    else if (Source.matches(pattern, name) && Names.parse(group, name) === undefined && source === undefined) {
      found.add(name)
    }
  }
  return [...found].sort()
}

/** The source topics of a consumer, each with the codecs and topics of its first handler. */
export const sourcesOf = Effect.fnUntraced(function*(consumer: AnyConsumer, admin: AdminClient) {
  const { group, handlers, topology } = yield* Plan.make(consumer)
  const sizes = sizesOf(yield* admin.listTopics)
  const sources = new Map<string, Place>()
  for (const { source: { codecs, match } } of handlers) {
    const names = match._tag === "Name" ? [match.name] : matching(group, { match }, sizes.keys())
    for (const source of names) {
      const topics = yield* topology.of(source)
      if (topics === undefined || sources.has(source)) continue
      const { deadLetter } = topics
      const parked = Names.parkedOf(deadLetter)
      sources.set(source, { group, source, codecs, topics, deadLetter, parked, sizes, topology })
    }
  }
  return [...sources.values()]
})

const hasDeadLetters = ({ deadLetter, parked, sizes, topics }: Place): boolean =>
  topics.needsDeadLetter || topics.tiers.length > 0 || sizes.has(deadLetter) || sizes.has(parked)

/** The places of a consumer: of each source topic that has dead letters, or whose policy can make some. */
export const placesOf = (
  consumer: AnyConsumer,
  admin: AdminClient
): Effect.Effect<ReadonlyArray<Place>, KafkaError> =>
  Effect.map(sourcesOf(consumer, admin), (sources) => sources.filter(hasDeadLetters))

/** All topics that the policies need, also those that a policy names itself. */
export const neededOf = (
  consumer: AnyConsumer,
  admin: AdminClient
): Effect.Effect<ReadonlyArray<SourceTopics>, KafkaError> =>
  Effect.map(
    sourcesOf(consumer, admin),
    (sources) =>
      sources.map(({ topics }) => topics).filter(({ needsDeadLetter, others, tiers }) =>
        needsDeadLetter || tiers.length > 0 || others.length > 0
      )
  )

/** What is wrong with a partition that none of these topics has; a topic that does not exist has none. */
const partitionProblem = (piles: ReadonlyArray<Pile>, partition: number | undefined): KafkaError | undefined => {
  const [first] = piles
  if (first === undefined || partition === undefined) return undefined
  if (piles.some(({ places: [{ sizes }], topic }) => partition < (sizes.get(topic) ?? 0))) return undefined
  return Errors.make("look for dead letters", new Errors.UnknownTopic({ topic: first.topic, partition }))
}

/**
 * {@link placesOf}, grouped by dead letter topic, or by parked topic. `topic`: only the one of this source topic. A
 * `partition` that none of them has is an error.
 */
export const pilesOf = Effect.fnUntraced(function*(
  consumer: AnyConsumer,
  admin: AdminClient,
  filter: Filter = {}
): Effect.fn.Return<ReadonlyArray<Pile>, KafkaError> {
  const { parked = false, partition, topic: only } = filter
  const problem = timesProblem(filter)
  if (problem !== undefined) return yield* problem
  const sources = yield* sourcesOf(consumer, admin)
  if (only !== undefined && !sources.some(({ source }) => source === only)) {
    return yield* invalidSetting(
      "topic",
      `"${only}" is no source topic of group "${consumer.group}"; there is: ${
        some(only, sources.map(({ source }) => source)) || "none"
      }`
    )
  }
  const byTopic = Arr.groupBy(sources.filter(hasDeadLetters), ({ deadLetter }) => deadLetter)
  const piles = Object.values(byTopic)
    .filter((places) => only === undefined || places.some(({ source }) => source === only))
    .map((places): Pile => ({
      topic: parked ? places[0].parked : places[0].deadLetter,
      parked: places[0].parked,
      places
    }))
  return yield* partitionProblem(piles, partition) ?? Effect.succeed(piles)
})

/** The source of a record in a shared dead letter topic. `origin`: the source topic or one of its retry topics. */
export const placeIn = ({ places }: Pile, origin: string | undefined): Place | undefined =>
  places.find(({ source }) => source === origin)
    ?? places.find(({ topics }) => topics.tiers.some(({ name }) => name === origin))

/**
 * Whether dead letters of other sources are in the topic of this one. A pattern cannot be asked for its sources here;
 * under a naming that is not ours it counts as sharing.
 */
export const isShared = ({ group, handlers, settings }: AnyConsumer, topic: string): boolean => {
  const naming = settings.retries?.naming ?? RetryTopics.standard
  if (naming === RetryTopics.standard || naming === RetryTopics.spring) return false
  const deadLetter = naming.deadLetter({ group, topic })
  return handlers.some(({ source: { match } }) =>
    match._tag === "Pattern" || match.name !== topic && naming.deadLetter({ group, topic: match.name }) === deadLetter
  )
}

/** The begin or end of every partition of topics that exist. */
export const offsetsOf = (
  admin: AdminClient,
  sizes: ReadonlyMap<string, number>,
  topics: ReadonlyArray<string>,
  at: "earliest" | "latest"
): Effect.Effect<ReadonlyArray<Position>, KafkaError> => {
  const partitions = topics.flatMap((topic) =>
    Array.from({ length: sizes.get(topic) ?? 0 }, (_, partition) => ({ topic, partition }))
  )
  // What an open transaction holds back cannot be read yet.
  return partitions.length === 0 ? Effect.succeed([]) : admin.listOffsets(partitions, at, "read_committed")
}

/** The group of a redrive with this filter. */
export const groupOf = (consumer: AnyConsumer, filter: Filter): string =>
  redriveGroupOf(consumer.group, filter, filter.topic !== undefined && isShared(consumer, filter.topic))

/**
 * Where a redrive with a filter begins at the earliest: what an unfiltered one passed was sent, parked or discarded.
 * Empty for the unfiltered one itself.
 */
export const floorOf = Effect.fnUntraced(function*(
  admin: AdminClient,
  consumer: AnyConsumer,
  filter: Filter
): Effect.fn.Return<ReadonlyMap<string, number>, KafkaError> {
  const unfiltered = redriveGroupOf(consumer.group, {})
  if (groupOf(consumer, filter) === unfiltered) return new Map()
  return byPartition(yield* admin.groupOffsets(unfiltered))
})

/** Where a redrive with this filter would go on in each partition. */
export const startsFrom = Effect.fnUntraced(function*(
  admin: AdminClient,
  consumer: AnyConsumer,
  filter: Filter,
  begins: ReadonlyArray<Position>
): Effect.fn.Return<ReadonlyArray<Position>, KafkaError> {
  const own = byPartition(yield* admin.groupOffsets(groupOf(consumer, filter)))
  const floor = yield* floorOf(admin, consumer, filter)
  return begins.map((begin) => ({
    ...begin,
    offset: Math.max(begin.offset, own.get(format(begin)) ?? 0, floor.get(format(begin)) ?? 0)
  }))
})
