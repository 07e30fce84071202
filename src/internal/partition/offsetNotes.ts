/**
 * What is known of records after a committed offset, as the text (metadata) that Kafka keeps with it: the attempts of
 * failing records, so that a maximum also holds across restarts and rebalances; and which records are finished, so that
 * they are not handled again. Pure.
 *
 * `millrace/2 `, the attempts (the first failure of all, in milliseconds, then offset, executions and first failure of
 * each), a dot, and what is finished: `r` and runs (distance, length), or `b` and a bit for each offset, whichever is
 * shorter. All numbers are distances from the one before, the first offset from the committed one.
 */
import * as Vlq from "../shared/codecs/vlq.ts"
import type { Run } from "./offsetTracker.ts"

/** The attempts of a record that fails. `firstFailedAt` is in milliseconds. */
export interface Attempts {
  readonly offset: number
  readonly executions: number
  readonly firstFailedAt: number
}

/** What is kept with an offset. Both lists are in the order of offsets. */
export interface Notes {
  readonly attempts: ReadonlyArray<Attempts>
  readonly finished: ReadonlyArray<Run>
}

/** How many characters brokers take: they allow 4096 bytes unless `offset.metadata.max.bytes` says otherwise. */
export const usualLimit = 4_000

export const none: Notes = { attempts: [], finished: [] }

const prefix = "millrace/2 "

/** How much longer the text gets at most by the attempts of one more record. Later failures may take a bit more. */
export const attemptsReserve = 9

/** How many characters one more finished record, some 30,000 offsets after the position, may add at most. */
export const finishedReserve = 7

/** The length of a text with a bit for each of this many offsets. */
export const lengthOfBits = (offsets: number): number => prefix.length + 14 + Math.ceil(offsets / 6)

const written = (attempts: ReadonlyArray<Attempts>, position: number, room: number): string => {
  if (attempts.length === 0) return ""
  const first = Math.round(attempts.reduce((least, { firstFailedAt }) => Math.min(least, firstFailedAt), Infinity))
  const base = Vlq.write(first)
  let text = base
  let before = position
  for (const { executions, firstFailedAt, offset } of attempts) {
    const entry = Vlq.write(offset - before) + Vlq.write(executions) + Vlq.write(Math.round(firstFailedAt) - first)
    if (text.length + entry.length > room) break
    text += entry
    before = offset
  }
  return text === base ? "" : text
}

/** Runs, the nearest first, and whether they are complete. */
const runsOf = (finished: ReadonlyArray<Run>, position: number, room: number): readonly [string, boolean] => {
  let text = "r"
  let before = position
  for (const { from, to } of finished) {
    const entry = Vlq.write(from - before) + Vlq.write(to - from)
    if (text.length + entry.length > room) return [text, false]
    text += entry
    before = to
  }
  return [text, true]
}

const bitsOf = (finished: ReadonlyArray<Run>, position: number, room: number): string => {
  let text = "b"
  let bits = 0
  let used = 0
  let run = 0
  const end = Math.min(finished[finished.length - 1]!.to, position + 6 * (room - 1))
  for (let offset = position; offset < end; offset++) {
    while (finished[run]!.to <= offset) run++
    if (finished[run]!.from <= offset) bits |= 1 << used
    if (++used < 6) continue
    text += Vlq.digit(bits)
    bits = used = 0
  }
  return used === 0 ? text : text + Vlq.digit(bits)
}

const shorter = (finished: ReadonlyArray<Run>, position: number, room: number): string => {
  const last = finished[finished.length - 1]
  if (last === undefined || room < 2) return ""
  const bits = 1 + Math.ceil((last.to - position) / 6)
  const [runs, areAll] = runsOf(finished, position, Math.min(room, bits))
  return areAll || bits > room ? runs : bitsOf(finished, position, room)
}

/** A text of at most `limit` characters. The lowest offsets come first; what does not fit is left out. */
export const encode = ({ attempts, finished }: Notes, position: number, limit: number): string | undefined => {
  const room = limit - prefix.length - 1
  if (room < 1) return undefined
  const noted = written(attempts, position, room)
  const done = shorter(finished, position, room - noted.length)
  return noted === "" && done.length < 2 ? undefined : `${prefix}${noted}.${done}`
}

const highestTime = 8.64e15
const mostExecutions = 2_147_483_647

const readAttempts = (text: string, position: number): ReadonlyArray<Attempts> => {
  const reader = new Vlq.Reader(text)
  const attempts: Array<Attempts> = []
  const first = reader.number()
  let offset = position
  while (first !== undefined && !reader.isAtEnd) {
    const distance = reader.number()
    const executions = reader.number()
    const later = reader.number()
    if (distance === undefined || executions === undefined || later === undefined) break
    offset += distance
    const firstFailedAt = first + later
    if (!Number.isSafeInteger(offset) || executions > mostExecutions || firstFailedAt > highestTime) break
    attempts.push({ offset, executions, firstFailedAt })
  }
  return attempts
}

const readRuns = (text: string, position: number): ReadonlyArray<Run> => {
  const reader = new Vlq.Reader(text)
  const runs: Array<Run> = []
  let before = position
  while (!reader.isAtEnd) {
    const distance = reader.number()
    const length = reader.number()
    if (distance === undefined || length === undefined || length === 0) break
    const from = before + distance
    before = from + length
    if (!Number.isSafeInteger(before)) break
    runs.push({ from, to: before })
  }
  return runs
}

const readBits = (text: string, position: number): ReadonlyArray<Run> => {
  const reader = new Vlq.Reader(text)
  const runs: Array<Run> = []
  let from: number | undefined
  let offset = position
  while (!reader.isAtEnd) {
    const bits = reader.bits()
    if (bits === undefined) return []
    for (let i = 0; i < 6; i++, offset++) {
      if ((bits & 1 << i) !== 0) from ??= offset
      else if (from !== undefined) {
        runs.push({ from, to: offset })
        from = undefined
      }
    }
  }
  if (from !== undefined) runs.push({ from, to: offset })
  return runs
}

/** Notes that {@link encode} wrote. Anything else, another tool's metadata included, says nothing. */
export const decode = (position: number, metadata: string | undefined): Notes => {
  if (metadata === undefined || !metadata.startsWith(prefix)) return none
  const [attempts = "", finished = ""] = metadata.slice(prefix.length).split(".")
  const rest = finished.slice(1)
  return {
    attempts: readAttempts(attempts, position),
    finished: finished[0] === "r"
      ? readRuns(rest, position)
      : finished[0] === "b"
      ? readBits(rest, position)
      : []
  }
}
