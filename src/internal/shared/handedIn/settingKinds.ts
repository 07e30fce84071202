/** What the settings of clients and connections must be, for callers without types. Pure. */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Predicate from "effect/Predicate"
import * as Redacted from "effect/Redacted"
import * as Schedule from "effect/Schedule"
import type { ConnectionConfig, ConsumerConfig, ProducerConfig, Tls } from "../../../KafkaConfig.ts"
import { flag, type Kind, type Kinds, type KindsOf, objectOf, oneOf, text, texts, whole } from "../fields.ts"

const units = ["weeks", "days", "hours", "minutes", "seconds", "milliseconds", "microseconds", "nanoseconds"]

/** Effect takes an object without a unit that it knows, and NaN, for no time at all. */
const isTime = (value: unknown): boolean => {
  if (Duration.isDuration(value)) return true
  if (Array.isArray(value)) return value.length === 2 && value.every((part) => Number.isFinite(part))
  if (!Predicate.isObject(value)) return typeof value !== "number" || !Number.isNaN(value)
  const parts = Object.entries(value).filter(([, size]) => size !== undefined)
  return parts.length > 0 && parts.every(([unit, size]) => units.includes(unit) && Number.isFinite(size))
}

/** A time that may be infinite. */
export const anyDuration: Kind = {
  words: "a duration; write e.g. \"30 seconds\"",
  is: (value) => {
    if (!isTime(value)) return false
    // A value of any kind gets none.
    const duration = Duration.fromInput(value as Duration.Input)
    return duration._tag === "Some" && Duration.toMillis(duration.value) >= 0
  }
}

/** A time. */
export const duration: Kind = {
  words: anyDuration.words,
  is: (value) => anyDuration.is(value) && Duration.isFinite(Duration.fromInputUnsafe(value as Duration.Input))
}

/** A time between two looks at something: without any it would be looked at all the time. */
export const interval: Kind = {
  words: "a duration of at least a millisecond; write e.g. \"30 seconds\"",
  is: (value) => duration.is(value) && Duration.toMillis(Duration.fromInputUnsafe(value as Duration.Input)) >= 1
}

/** A whole number of at least 1. */
export const positive: Kind = {
  words: "a whole number of at least 1",
  is: (value) => Number.isSafeInteger(value) && Number(value) >= 1
}

export const schedule: Kind = { words: "a Schedule", is: Schedule.isSchedule }

export const secret: Kind = { words: "Redacted; use Redacted.make", is: Redacted.isRedacted, isSecret: true }

export const consumer: KindsOf<ConsumerConfig> = {
  isolation: oneOf("read_committed", "read_uncommitted"),
  groupProtocol: oneOf("classic", "consumer", "auto"),
  assignor: oneOf("cooperative-sticky", "range", "roundrobin"),
  groupInstanceId: text,
  commitInterval: duration,
  sessionTimeout: duration,
  maxPollInterval: duration,
  fetchMaxWait: duration,
  fetchMinBytes: whole,
  metadataRefresh: duration
}

export const producer: KindsOf<ProducerConfig> = {
  acks: oneOf("all", "leader", "none"),
  idempotent: flag,
  compression: oneOf("none", "gzip", "snappy", "lz4", "zstd"),
  linger: duration,
  deliveryTimeout: duration,
  maxRequestBytes: positive,
  bufferRecords: positive,
  bufferBytes: positive,
  transactionTimeout: duration
}

const tls: KindsOf<Tls> = {
  ca: text,
  cert: text,
  key: secret,
  keyPassphrase: secret,
  verifyHostname: flag
}

const sasl: Kinds = {
  mechanism: oneOf("plain", "scram-sha-256", "scram-sha-512", "oauthbearer"),
  username: text,
  password: secret,
  token: { words: "an effect of a token", is: Effect.isEffect, isSecret: true }
}

export const connection: KindsOf<ConnectionConfig> = {
  bootstrapServers: texts,
  clientId: text,
  rack: text,
  sasl: objectOf(sasl),
  tls: {
    ...objectOf(tls),
    words: `true, false or ${objectOf(tls).words}`,
    is: (value) => flag.is(value) || objectOf(tls).is(value)
  },
  connectTimeout: duration,
  requestTimeout: duration
}

/** An object of whatever it is. */
export const byName: Kind = { words: "an object", is: objectOf({}).is }
