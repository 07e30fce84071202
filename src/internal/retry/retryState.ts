/**
 * Reads the state of a retry from the headers of its record, whichever toolkit wrote them. Headers are not trusted: a
 * value that cannot be right counts as absent.
 */
import type { RawHeader, RawRecord, TimestampType } from "../../engine/KafkaEngine.ts"
import { invalidName } from "../../Source.ts"
import { readOr } from "../shared/causes.ts"
import * as Bytes from "./bytes.ts"
import { fieldsBytes } from "./errorFields.ts"
import { django, type Family, type Names, own, spring, table } from "./headerNames.ts"

/** The part of a record that is read. */
export type Source = Pick<RawRecord, "topic" | "partition" | "offset" | "timestamp" | "timestampType" | "headers">

/** Where a record was first read. `timestamp` is -1 when it is not known. */
export interface Origin {
  readonly topic: string
  readonly partition: number
  readonly offset: number
  readonly timestamp: number
  readonly timestampType: TimestampType | undefined
}

/** What a record's headers say. Times are in milliseconds. */
export interface RetryState {
  /** The number of this delivery, from 1: hops so far + 1. Blocking retries do not count. */
  readonly attempts: number
  /** How often a handler ran for the record, blocking retries included. */
  readonly executions: number
  /** Whether a header says how many times a handler ran. */
  readonly isCounted: boolean
  /** When the retry is due, as the header says. Not trusted: `clampDue` bounds it. */
  readonly due: number | undefined
  readonly origin: Origin | undefined
  readonly firstFailedAt: number | undefined
  readonly errorTag: string | undefined
  readonly errorMessage: string | undefined
  readonly errorFields: { readonly [name: string]: unknown } | undefined
  readonly group: string | undefined
  readonly replays: number
  readonly policy: string | undefined
  readonly family: Family | undefined
}

/** The highest attempt number accepted from a header (int16, as in Spring); larger counts as absent. */
export const maxAttempts = 32_767
const maxCount = 2_147_483_647
const { nameBytes } = Bytes
export const messageBytes = 1024

type Last = ReadonlyMap<string, Uint8Array | null>

const lastOf = (headers: ReadonlyArray<RawHeader> | undefined): Last => new Map(headers)

const count = (value: number | undefined, min: number, max: number): number | undefined =>
  value !== undefined && value >= min && value <= max ? value : undefined

const timestampTypeOf = (last: Last, name: string | undefined): TimestampType | undefined => {
  const text = name === undefined ? undefined : Bytes.readText(last.get(name), 16)
  return text === "CreateTime" || text === "LogAppendTime" ? text : undefined
}

/** Never a part of a name that is too long: that could be the name of another topic. */
const topicIn = (bytes: Uint8Array | null | undefined): string | undefined => {
  const topic = bytes && bytes.length <= 249 ? Bytes.readText(bytes, 249) : undefined
  return topic === undefined || invalidName(topic) !== undefined ? undefined : topic
}

const originIn = (last: Last, names: Names): Origin | undefined => {
  if (names.topic === undefined || names.partition === undefined || names.offset === undefined) return undefined
  const topic = topicIn(last.get(names.topic))
  if (topic === undefined) return undefined
  const [read32, read64] = names.binary ? [Bytes.readInt32, Bytes.readInt64] : [Bytes.readDecimal, Bytes.readDecimal]
  const partition = count(read32(last.get(names.partition)), 0, maxCount)
  const offset = count(read64(last.get(names.offset)), 0, Number.MAX_SAFE_INTEGER)
  if (partition === undefined || offset === undefined) return undefined
  const timestamp = names.timestamp === undefined ? undefined : Bytes.moment(read64(last.get(names.timestamp)))
  const timestampType = timestampTypeOf(last, names.timestampType)
  return { topic, partition, offset, timestamp: timestamp ?? -1, timestampType }
}

/** The name of the error's class without its package. For Spring's wrapper, the class of the error inside. */
const tagIn = (last: Last, names: Names): string | undefined => {
  const simple = (name: string | undefined) =>
    name === undefined ? undefined : Bytes.readText(last.get(name), nameBytes)?.split(/[.$]/).at(-1)
  const tag = simple(names.error)
  return (tag === "ListenerExecutionFailedException" ? simple(names.cause) : undefined) || tag || undefined
}

const textIn = (last: Last, name: string | undefined, maxBytes: number): string | undefined =>
  name === undefined ? undefined : Bytes.readText(last.get(name), maxBytes)

const first = <A>(last: Last, find: (last: Last, names: Names) => A | undefined): A | undefined => {
  for (const names of table) {
    const found = find(last, names)
    if (found !== undefined) return found
  }
  return undefined
}

const familyOf = (last: Last): Family | undefined => {
  if (last.has(own.executions) || last.has(own.firstFailedAt) || last.has(own.replays)) return "millrace"
  if (last.has(django.due)) return "django-kafka"
  return first(
    last,
    (last, { binary: _, family, ...names }) => Object.values(names).some((name) => last.has(name)) ? family : undefined
  )
}

/** Older versions of Spring write one unsigned byte. */
const attemptsIn = (last: Last): number | undefined => {
  const bytes = last.get(spring.attempts)
  return count(bytes?.length === 1 ? bytes[0] : Bytes.readInt32(bytes), 1, maxAttempts)
}

const dueIn = (last: Last): number | undefined =>
  Bytes.moment(Bytes.readBigInteger(last.get(spring.due))) ?? Bytes.moment(Bytes.readSeconds(last.get(django.due)))

/** The state of a record without headers. */
const noState: RetryState = {
  attempts: 1,
  executions: 0,
  isCounted: false,
  due: undefined,
  origin: undefined,
  firstFailedAt: undefined,
  errorTag: undefined,
  errorMessage: undefined,
  errorFields: undefined,
  group: undefined,
  replays: 0,
  policy: undefined,
  family: undefined
}

/**
 * Our own account, which another toolkit forwards without a change when the record fails there: then the error's name
 * and the number of the delivery are other ones. `attempts` is that number, `undefined` where no header has it.
 */
const ownIn = (
  last: Last,
  attempts: number | undefined
): { readonly executions: number | undefined; readonly isCurrent: boolean } => {
  const executions = count(Bytes.readDecimal(last.get(own.executions)), 0, maxCount)
  const written = count(Bytes.readDecimal(last.get(own.attempts)), 1, maxAttempts)
  if (executions === undefined || attempts === undefined) return { executions, isCurrent: true }
  // Records of an earlier version do not say it.
  const counted = written === undefined ? Math.max(executions, attempts - 1) : executions + attempts - written
  if (counted < 0) return { executions: attempts - 1, isCurrent: false }
  const tag = last.get(own.errorTag)
  const error = last.get(spring.error)
  const sameError = tag === undefined || error === undefined || error === null || tag === null
    || Buffer.from(tag.buffer, tag.byteOffset, tag.byteLength).equals(error)
  return { executions: counted, isCurrent: counted === executions && sameError }
}

const fieldsIn = (last: Last): RetryState["errorFields"] => {
  const text = Bytes.readText(last.get(own.errorFields), fieldsBytes)
  const fields: unknown = text === undefined ? undefined : readOr(() => JSON.parse(text), undefined)
  return typeof fields === "object" && fields !== null && !Array.isArray(fields)
    // An object of JSON, of which nothing is known but that it has fields.
    ? fields as { readonly [name: string]: unknown }
    : undefined
}

/** Reads only the due time, as the header says. */
export const readDue = ({ headers }: Source): number | undefined => dueIn(lastOf(headers))

const groupIn = (last: Last): string | undefined => first(last, (last, names) => textIn(last, names.group, 1024))

/** Reads only the group that sent the record here. */
export const readGroup = ({ headers }: Source): string | undefined => groupIn(lastOf(headers))

/**
 * Reads a record's headers. Of repeated names the last one counts. `fallback.attempts` is the number of this delivery
 * for records without a header for it: django-kafka's have it only in the name of their topic, where `retry.1` is the
 * second delivery.
 */
export const read = (record: Source, fallback?: { readonly attempts?: number | undefined }): RetryState => {
  if (fallback === undefined && (record.headers === undefined || record.headers.length === 0)) return noState
  const last = lastOf(record.headers)
  const known = attemptsIn(last) ?? count(fallback?.attempts, 1, maxAttempts)
  const attempts = known ?? 1
  const { executions, isCurrent } = ownIn(last, attemptsIn(last))
  const deliveries = first(
    last,
    (last, names) =>
      names.deliveries === undefined ? undefined : count(Bytes.readDecimal(last.get(names.deliveries)), 1, maxCount)
  )
  return {
    attempts,
    executions: executions ?? deliveries ?? attempts - 1,
    isCounted: executions !== undefined || deliveries !== undefined || known !== undefined,
    due: dueIn(last),
    origin: first(last, originIn),
    firstFailedAt: Bytes.moment(Bytes.readDecimal(last.get(own.firstFailedAt))),
    errorTag: (isCurrent ? Bytes.readText(last.get(own.errorTag), nameBytes) : undefined) ?? first(last, tagIn),
    errorFields: isCurrent ? fieldsIn(last) : undefined,
    errorMessage: first(last, (last, names) => textIn(last, names.message, messageBytes)),
    group: groupIn(last),
    replays: count(Bytes.readDecimal(last.get(own.replays)), 0, maxCount) ?? 0,
    policy: Bytes.readText(last.get(own.policy), nameBytes),
    family: familyOf(last)
  }
}

/**
 * When a record of a tier is due: the time in its header, but at most the tier's delay (and a second) after the
 * record's timestamp, and at most `maxDelay` after now. A header beyond that is replaced by timestamp plus delay, so
 * that the record is not early either. Called once per record, when it is next: the bound moves with `now`.
 */
export const clampDue = (
  record: { readonly timestamp: number; readonly due: number | undefined },
  { maxDelay, now, tierDelay }: { readonly tierDelay: number; readonly maxDelay: number; readonly now: number }
): number => {
  const sane = record.timestamp >= 0 && record.timestamp <= now + maxDelay
  const nominal = sane ? record.timestamp + tierDelay : undefined
  const due = Math.min(record.due ?? nominal ?? now, nominal === undefined ? Infinity : nominal + 1000)
  return due - now <= maxDelay ? due : Math.min(nominal ?? now + tierDelay, now + maxDelay)
}
