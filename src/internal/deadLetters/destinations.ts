/** Where dead letters may be sent, and the messages they become. Pure. */
import type { DeadLetter, Destination } from "../../DeadLetter.ts"
import type { RawMessage } from "../../engine/KafkaEngine.ts"
import * as Errors from "../../KafkaError.ts"
import { invalidSetting, KafkaError } from "../../KafkaError.ts"
import * as Bytes from "../retry/bytes.ts"
import { spring } from "../retry/headerNames.ts"
import * as RetryHeaders from "../retry/retryHeaders.ts"
import { some } from "../shared/suggestions.ts"
import type { Place } from "./places.ts"

/** A topic that dead letters are sent to. */
export interface Target {
  readonly topic: string
  readonly partitions: number
  /** Whether it is a retry topic: its records carry the time at which they are due. */
  readonly waits: boolean
  /** Whether it is a parked topic: a copy there is no new attempt, so the record stays as it is. */
  readonly parks: boolean
}

const refused = (problem: string): KafkaError => invalidSetting("to", problem)

const missing = (topic: string): KafkaError => Errors.make("redrive", new Errors.UnknownTopic({ topic }))

/** The topics of a consumer that dead letters may go to: sources, retry topics, parked topics. */
const known = (
  places: ReadonlyArray<Place>
): ReadonlyArray<string> => [
  ...new Set(places.flatMap(({ parked, source, topics }) => [source, ...topics.tiers.map(({ name }) => name), parked]))
]

const nameOf = (
  place: Place,
  to: Destination,
  all: ReadonlyArray<Place>,
  allow: ReadonlyArray<string>
): string | KafkaError => {
  const { source, topics: { tiers } } = place
  if (to === "origin") return source
  if (to !== "first-retry") {
    if (all.some(({ deadLetter }) => deadLetter === to.topic)) {
      return refused(`"${to.topic}" is the dead letter topic itself: its records would come back for ever`)
    }
    const allowed = [...known(all), ...allow]
    if (allowed.includes(to.topic)) return to.topic
    return refused(
      `"${to.topic}" is no topic of this consumer (${some(to.topic, known(all))}); name it in allow if it is meant`
    )
  }
  return tiers[0]?.name ?? refused(
    `the policy of topic "${source}" has no retry topics; send its dead letters to its origin, where every group that `
      + "reads it sees them again, or name a topic"
  )
}

/** What is wrong with a topic that is named as the destination, whichever source the dead letters are of. */
export const problemOf = (
  to: Destination,
  all: ReadonlyArray<Place>,
  allow: ReadonlyArray<string>
): KafkaError | undefined => {
  const [first] = all
  if (first === undefined || to === "origin" || to === "first-retry") return undefined
  const target = targetOf(first, to, all, allow)
  return target instanceof KafkaError ? target : undefined
}

/** Where the dead letters of one source go, or the error that says why they cannot. */
export const targetOf = (
  place: Place,
  to: Destination,
  all: ReadonlyArray<Place>,
  allow: ReadonlyArray<string>
): Target | KafkaError => {
  const topic = nameOf(place, to, all, allow)
  if (typeof topic !== "string") return topic
  const partitions = place.sizes.get(topic)
  if (partitions === undefined) return missing(topic)
  const waits = all.some(({ topics }) => topics.tiers.some(({ name }) => name === topic))
  return { topic, partitions, waits, parks: all.some(({ parked }) => parked === topic) }
}

/** The partition of the original record if it is known, else that of the dead letter; modulo the existing ones. */
const partitionIn = ({ origin, partition, source }: DeadLetter, partitions: number): number => {
  const wanted = origin?.topic === source ? origin.partition : partition
  return wanted < partitions ? wanted : wanted % partitions
}

/** A dead letter as it is sent to a parked topic: unchanged, so that everything about it can still be seen there. */
export const parked = (letter: DeadLetter, { partitions, topic }: Target): RawMessage => ({
  topic,
  partition: partitionIn(letter, partitions),
  key: letter.key,
  value: letter.value,
  headers: letter.headers
})

/** A dead letter as it is redriven. In a retry topic it is due now, and its schedule starts from the beginning. */
export const redriven = (
  letter: DeadLetter,
  { partitions, topic, waits }: Target,
  { at, group, id }: { readonly at: number; readonly group: string; readonly id: string }
): RawMessage => {
  const record = { ...letter, timestampType: undefined }
  const headers = RetryHeaders.replayed(record, { group, replays: letter.replays + 1, at, id })
  if (waits) headers.push([spring.attempts, Bytes.int32(1)], [spring.due, Bytes.bigInteger(at)])
  return { topic, partition: partitionIn(letter, partitions), key: letter.key, value: letter.value, headers }
}
