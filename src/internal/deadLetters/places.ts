/** The dead letter topics of a consumer, and what there is of them in the cluster. */
import * as Effect from "effect/Effect"
import type { AdminClient, Position, TopicDescription } from "../../engine/KafkaEngine.ts"
import { matchesPattern } from "../../engine/KafkaEngine.ts"
import type * as Handler from "../../Handler.ts"
import { invalidSetting, type KafkaError } from "../../KafkaError.ts"
import type * as OnFailure from "../../OnFailure.ts"
import type * as Topic from "../../Topic.ts"
import * as Plan from "../plan.ts"
import * as Names from "../retry/names.ts"
import { parkedOf } from "../retry/topicSpecs.ts"
import type { SourceTopics } from "../retry/topology.ts"

/** A consumer without its types. */
export interface AnyConsumer {
  readonly group: string
  readonly settings: Plan.Settings
  readonly handlers: ReadonlyArray<Handler.Handler<any, any>>
  readonly onFailure: OnFailure.OnFailure<any, any>
}

/** A source topic with its failures' topics. `sizes` are the partitions of the topics that exist. */
export interface Place {
  readonly group: string
  readonly source: string
  readonly codecs: Topic.Codecs
  readonly topics: SourceTopics
  readonly deadLetter: string
  readonly parked: string
  readonly sizes: ReadonlyMap<string, number>
}

const sizesOf = (descriptions: ReadonlyArray<TopicDescription>): ReadonlyMap<string, number> =>
  new Map(descriptions.map(({ name, partitions }) => [name, partitions.length]))

/** Source topics that a pattern stands for: those that exist, and those of which dead letters are left. */
const matching = (group: string, regex: RegExp, names: Iterable<string>): ReadonlyArray<string> => {
  const found = new Set<string>()
  for (const name of names) {
    const source = Names.parseDeadLetter(group, name)
    if (source !== undefined && matchesPattern(regex, source)) found.add(source)
    // Retry topics of the group are nobody's source, also for a pattern that is wide.
    else if (matchesPattern(regex, name) && Names.parse(group, name) === undefined && source === undefined) {
      found.add(name)
    }
  }
  return [...found].sort()
}

/**
 * The topics of a consumer's failures: of each source topic that has dead letters or whose policy makes some. `only`
 * names one source.
 */
export const placesOf = Effect.fnUntraced(function*(
  consumer: AnyConsumer,
  admin: AdminClient,
  only?: string | undefined
): Effect.fn.Return<ReadonlyArray<Place>, KafkaError> {
  const { group, handlers, topology } = yield* Plan.make(consumer)
  const sizes = sizesOf(yield* admin.listTopics)
  const places: Array<Place> = []
  const sources: Array<string> = []
  for (const { source: { codecs, match } } of handlers) {
    const names = match._tag === "Name" ? [match.name] : matching(group, match.regex, sizes.keys())
    for (const source of names) {
      sources.push(source)
      const topics = yield* topology.of(source)
      if (topics === undefined || only !== undefined && source !== only) continue
      const { deadLetter } = topics
      if (!topics.needsDeadLetter && topics.tiers.length === 0 && !sizes.has(deadLetter)) continue
      places.push({ group, source, codecs, topics, deadLetter, parked: parkedOf(deadLetter), sizes })
    }
  }
  if (only !== undefined && !sources.includes(only)) {
    return yield* invalidSetting(
      "topic",
      `"${only}" is no source topic of group "${group}"; there is: ${sources.join(", ") || "none"}`
    )
  }
  return places
})

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
