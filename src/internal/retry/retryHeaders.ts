/**
 * The state of a retry in the headers of its record: Spring's names and byte formats, so that either side can read the
 * other's records, and some of our own.
 */
import type { RawHeader } from "../../engine/KafkaEngine.ts"
import * as Bytes from "./bytes.ts"
import { isState, own, spring } from "./headerNames.ts"
import { maxAttempts, messageBytes, type Origin, read, type RetryState, type Source } from "./retryState.ts"

export type { Family } from "./headerNames.ts"
export { clampDue, type Origin, read, readDue, readGroup, type RetryState, type Source } from "./retryState.ts"

/** A step to a retry topic or a dead letter topic. */
export interface Hop {
  readonly group: string
  /** The number of the delivery that the copy will be: that of the record + 1, also to a dead letter topic. */
  readonly attempts: number
  readonly executions: number
  /** `undefined` on the way to a dead letter topic. */
  readonly due: number | undefined
  readonly firstFailedAt: number
  readonly failedAt: number
  readonly policy: string
  readonly error: {
    readonly tag: string
    readonly message: string
    readonly stack: string | undefined
    readonly causeName: string | undefined
  }
  /** Leaves out message and stack, for a record that is too large with them. */
  readonly bare?: boolean | undefined
  /** The record is from a source topic: retry headers on it were copied from another record and tell nothing of it. */
  readonly fresh?: boolean | undefined
}

/** A redrive of a dead letter. `at` is in milliseconds, `id` names the redrive. */
export interface Replay {
  readonly replays: number
  readonly at: number
  readonly id: string
}

const stackBytes = 4096

/** A timestamp that is not known is left out: readers fall back to that of the record. */
const originHeaders = (origin: Origin | undefined): Array<RawHeader> => {
  if (origin === undefined) return []
  const headers: Array<RawHeader> = [
    [spring.topic, Bytes.name(origin.topic)],
    [spring.partition, Bytes.int32(origin.partition)],
    [spring.offset, Bytes.int64(origin.offset)]
  ]
  if (origin.timestamp > 0) headers.push([spring.timestamp, Bytes.int64(origin.timestamp)])
  if (origin.timestampType !== undefined) headers.push([spring.timestampType, Bytes.name(origin.timestampType)])
  return headers
}

const firstTimestamp = (origin: Origin): Array<RawHeader> =>
  origin.timestamp > 0 ? [[spring.firstTimestamp, Bytes.bigInteger(origin.timestamp)]] : []

const userHeaders = (record: Source): Array<RawHeader> => (record.headers ?? []).filter(([name]) => !isState(name))

const replayHeaders = ({ at, id, replays }: Replay): Array<RawHeader> => [
  [own.replays, Bytes.utf8(String(replays))],
  [own.replayedAt, Bytes.utf8(String(at))],
  [own.replayId, Bytes.utf8(id, Bytes.nameBytes)]
]

const keptReplay = (record: Source, state: RetryState): Array<RawHeader> => {
  if (state.replays === 0) return []
  const last = new Map(record.headers)
  const kept: Array<RawHeader> = [[own.replays, Bytes.utf8(String(state.replays))]]
  for (const name of [own.replayedAt, own.replayId]) {
    const value = last.get(name)
    if (value?.length && value.length <= Bytes.nameBytes) kept.push([name, value])
  }
  return kept
}

const exceptionHeaders = ({ bare, error }: Hop): Array<RawHeader> => {
  const headers: Array<RawHeader> = [[spring.error, Bytes.name(error.tag)]]
  if (error.causeName !== undefined) headers.push([spring.cause, Bytes.name(error.causeName)])
  if (bare) return headers
  headers.push([spring.message, Bytes.utf8(error.message, messageBytes)])
  if (error.stack !== undefined) headers.push([spring.stack, Bytes.utf8(error.stack, stackBytes)])
  return headers
}

/**
 * The headers of the copy that goes to a retry or dead letter topic: the user's as they are, then the state, each name
 * once. The origin stays that of the first hop.
 */
export const write = (record: Source, hop: Hop): Array<RawHeader> => {
  const state = read(record)
  const { offset, partition, timestamp, timestampType, topic } = record
  const origin = (hop.fresh ? undefined : state.origin) ?? { topic, partition, offset, timestamp, timestampType }
  return [
    ...userHeaders(record),
    ...exceptionHeaders(hop),
    ...originHeaders(origin),
    [spring.group, Bytes.utf8(hop.group)],
    ...firstTimestamp(origin),
    [spring.attempts, Bytes.int32(Math.min(hop.attempts, maxAttempts))],
    // As Spring has it: on a dead letter, the time of the failure.
    [spring.due, Bytes.bigInteger(Math.round(hop.due ?? hop.failedAt))],
    [own.executions, Bytes.name(String(hop.executions))],
    [own.firstFailedAt, Bytes.utf8(String(Math.round(hop.firstFailedAt)))],
    [own.policy, Bytes.name(hop.policy)],
    [own.errorTag, Bytes.name(hop.error.tag)],
    ...keptReplay(record, state)
  ]
}

/**
 * The headers of a dead letter that is sent once more: the user's as they are, origin and group, and the account of the
 * redrive. Attempts, due time and error start anew.
 */
export const replayed = (record: Source, replay: Replay): Array<RawHeader> => {
  const { group, origin } = read(record)
  return [
    ...userHeaders(record),
    ...originHeaders(origin),
    ...(group === undefined ? [] : [[spring.group, Bytes.utf8(group)] as const]),
    ...replayHeaders(replay)
  ]
}
