/**
 * Positions and times from outside, checked before a client or a broker sees them: Kafka takes -1 for a special place,
 * and the clients turn what is no whole number into one. Pure; every engine and the consumer use it.
 */
import * as Effect from "effect/Effect"
import { invalidSetting } from "../KafkaError.ts"
import type { KafkaError } from "../KafkaError.ts"
import { format } from "../TopicPartition.ts"
import type { OffsetSpec } from "./AdminClient.ts"
import type { Position, TopicPartition } from "./Model.ts"

/** The effect, unless something is wrong with what it was asked for. */
export const checked = <A>(
  problem: KafkaError | undefined,
  effect: Effect.Effect<A, KafkaError>
): Effect.Effect<A, KafkaError> => problem === undefined ? effect : Effect.fail(problem)

/** Whether it is an offset, a partition's number or a time: whole, not negative, and exact as a number. */
const isWhole = (value: unknown): boolean => typeof value === "number" && Number.isSafeInteger(value) && value >= 0

const hints: { readonly [type: string]: string } = {
  string: ", a text; database drivers return bigint columns so: convert it with Number()",
  bigint: ", a bigint; convert it with Number()"
}

const show = (value: unknown): string => {
  const text = typeof value === "string" ? JSON.stringify(value) : String(value)
  return `${text.length > 40 ? `${text.slice(0, 40)}…` : text}${hints[typeof value] ?? ""}`
}

/** A list from a program without types may be none. */
const listProblem = (setting: string, list: unknown, of: string): KafkaError | undefined => {
  if (!Array.isArray(list)) return invalidSetting(setting, `is no array of ${of} but ${show(list)}`)
  const wrong = list.find((one) => typeof one !== "object" || one === null)
  return wrong === undefined && !list.includes(undefined)
    ? undefined
    : invalidSetting(setting, `has ${show(wrong)} in the place of one of its ${of}`)
}

const placeProblem = (setting: string, { partition, topic }: TopicPartition): KafkaError | undefined => {
  if (typeof topic !== "string" || topic === "") return invalidSetting(setting, `the topic is ${show(topic)}`)
  if (isWhole(partition)) return undefined
  return invalidSetting(setting, `the partition of topic "${topic}" is ${show(partition)}; partitions count from 0`)
}

/** What is wrong with partitions that somebody named, if anything is. */
export const partitionsProblem = (
  setting: string,
  partitions: ReadonlyArray<TopicPartition>
): KafkaError | undefined => {
  let problem = listProblem(setting, partitions, "partitions")
  for (let i = 0; problem === undefined && i < partitions.length; i++) problem = placeProblem(setting, partitions[i]!)
  return problem
}

/** What is wrong with positions that somebody gave, if anything is: the first one, with its topic and partition. */
export const positionsProblem = (setting: string, positions: ReadonlyArray<Position>): KafkaError | undefined => {
  const list = listProblem(setting, positions, "positions")
  if (list !== undefined) return list
  for (const position of positions) {
    const place = placeProblem(setting, position)
    if (place !== undefined) return place
    if (!isWhole(position.offset)) {
      const problem = `the offset of ${format(position)} is ${show(position.offset)}; offsets are whole numbers from 0`
      return invalidSetting(setting, problem)
    }
  }
  return undefined
}

/** What is wrong with the place that offsets are asked for, if anything is. */
export const specProblem = (
  setting: string,
  partitions: ReadonlyArray<TopicPartition>,
  at: OffsetSpec
): KafkaError | undefined => {
  const wrong = partitionsProblem(setting, partitions)
  if (wrong !== undefined || at === "earliest" || at === "latest") return wrong
  const timestamp: unknown = at?.timestamp
  if (isWhole(timestamp)) return undefined
  const where = partitions.length === 0 ? "" : ` for ${format(partitions[0]!)}`
  const problem = at?.timestamp === undefined
    ? `the place${where} is ${show(at)}; it is "earliest", "latest", or a timestamp`
    : `the timestamp${where} is ${show(timestamp)}; it is in whole milliseconds since 1970`
  return invalidSetting(setting, problem)
}
