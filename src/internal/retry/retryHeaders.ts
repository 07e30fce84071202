/**
 * The state of a retry in the headers of its record. Names and byte formats are Spring's, so that Spring can read our
 * records and we can read Spring's; some headers are Millrace's own.
 */
import type { RawHeader } from "../../engine/KafkaEngine.ts"
import * as Bytes from "./bytes.ts"
import { isForeignState, isState, own, spring } from "./headerNames.ts"
import { maxAttempts, messageBytes, type Origin, read, type RetryState, type Source } from "./retryState.ts"

export type { Family } from "./headerNames.ts"
export { clampDue, type Origin, read, readDue, readGroup, type RetryState, type Source } from "./retryState.ts"

/** What the headers say about one hop: the copy of a record to a retry topic or a dead letter topic. */
export interface Hop {
  readonly group: string
  /** The number of the copy's delivery: one more than that of the record, also for a dead letter. */
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
    readonly fields?: string | undefined
  }
  /** Leaves message and stack out, for a record that is too large with them. */
  readonly bare?: boolean | undefined
  /** The record is from a source topic: retry headers on it were copied from another record, and are not its own. */
  readonly fresh?: boolean | undefined
}

/** A redrive of a dead letter for a group. `at` is in milliseconds, `id` names the redrive. */
export interface Replay {
  readonly group: string
  readonly replays: number
  readonly at: number
  readonly id: string
}

const stackBytes = 4096

/** An unknown timestamp is left out: readers then take the timestamp of the record. */
const originHeaders = (origin: Origin | undefined): Array<RawHeader> => {
  if (origin === undefined) return []
  const headers: Array<RawHeader> = [
    [spring.topic, Bytes.name(origin.topic)],
    [spring.partition, Bytes.int32(origin.partition)],
    [spring.offset, Bytes.int64(origin.offset)]
  ]
  if (origin.timestamp >= 0) headers.push([spring.timestamp, Bytes.int64(origin.timestamp)])
  if (origin.timestampType !== undefined) headers.push([spring.timestampType, Bytes.name(origin.timestampType)])
  return headers
}

const firstTimestamp = (origin: Origin): Array<RawHeader> =>
  origin.timestamp >= 0 ? [[spring.firstTimestamp, Bytes.bigInteger(origin.timestamp)]] : []

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
  if (error.fields !== undefined) headers.push([own.errorFields, Bytes.utf8(error.fields)])
  if (error.stack !== undefined) headers.push([spring.stack, Bytes.utf8(error.stack, stackBytes)])
  return headers
}

/**
 * Whether the count of redrives on a record of a source topic was copied from another record: one that was redriven to
 * its source was first read there, by this group.
 */
const isForwarded = (record: Source, { group, origin }: RetryState, hop: Hop): boolean =>
  hop.fresh === true && !(group === hop.group && (origin === undefined || origin.topic === record.topic))

/**
 * The headers of a copy for a retry or dead letter topic: the user's unchanged, then the state, each name once. The
 * origin is that of the first hop.
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
    // On a dead letter it is the time of the failure, as in Spring.
    [spring.due, Bytes.bigInteger(Math.round(hop.due ?? hop.failedAt))],
    [own.executions, Bytes.name(String(hop.executions))],
    [own.attempts, Bytes.name(String(Math.min(hop.attempts, maxAttempts)))],
    [own.firstFailedAt, Bytes.utf8(String(Math.round(hop.firstFailedAt)))],
    [own.policy, Bytes.name(hop.policy)],
    [own.errorTag, Bytes.name(hop.error.tag)],
    ...(isForwarded(record, state, hop) ? [] : keptReplay(record, state))
  ]
}

/**
 * The headers of a dead letter that is redriven: the user's unchanged, origin and group, and those of the redrive.
 * Attempts, due time and error are left out, since its schedule starts from the beginning.
 */
export const replayed = (record: Source, replay: Replay): Array<RawHeader> => {
  const { family, origin } = read(record)
  // On a record that we wrote, headers of other toolkits came with it from its source: they are the user's.
  const headers = family === "millrace"
    ? userHeaders(record)
    : userHeaders(record).filter(([name]) => !isForeignState(name))
  return [...headers, ...originHeaders(origin), [spring.group, Bytes.utf8(replay.group)], ...replayHeaders(replay)]
}
