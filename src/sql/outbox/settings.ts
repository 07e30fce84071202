/** What callers without types hand in for the outbox and its relay. Pure. */
import * as Duration from "effect/Duration"
import * as Stream from "effect/Stream"
import { type Kind, type KindsOf, objectOf, oneOf, requireFields } from "../../internal/shared/fields.ts"
import { placeKinds } from "../migrations/place.ts"

const count: Kind = {
  words: "a whole number of at least 1",
  is: (value) => Number.isSafeInteger(value) && Number(value) >= 1
}

/** PostgreSQL takes it as an integer. */
const rows: Kind = {
  words: "a whole number of 1 to 1,000,000",
  is: (value) => count.is(value) && Number(value) <= 1_000_000
}

const stream: Kind = { words: "a Stream", is: Stream.isStream }

const time: Kind = {
  words: "a finite duration longer than zero",
  is: (value) => {
    try {
      const millis = Duration.toMillis(Duration.fromInputUnsafe(value as Duration.Input))
      return millis > 0 && Number.isFinite(millis)
    } catch {
      return false
    }
  }
}

const name: Kind = { words: "a text that is not empty", is: (value) => typeof value === "string" && value !== "" }

const outboxKinds = { ...placeKinds, via: oneOf("relay", "debezium", "log") }

/** Throws for settings of the outbox that are none. */
export const requireOutbox = (where: string, settings: unknown): void => {
  requireFields(where, "settings", settings, outboxKinds)
}

const relayKinds: KindsOf<RelayFields> = {
  batchSize: rows,
  batchBytes: count,
  concurrency: count,
  poll: objectOf({ least: time, most: time }),
  wake: stream,
  exactlyOnce: {
    ...objectOf({ transactionalId: name, topic: name }),
    is: (value) => objectOf({}).is(value) && name.is((value as { readonly transactionalId?: unknown }).transactionalId),
    words: "an object with a `transactionalId`"
  }
}

interface RelayFields {
  readonly batchSize?: unknown
  readonly batchBytes?: unknown
  readonly concurrency?: unknown
  readonly poll?: unknown
  readonly wake?: unknown
  readonly exactlyOnce?: unknown
}

/** Throws for options of a relay that are none. */
export const requireRelay = (where: string, options: unknown): void =>
  requireFields(where, "options", options, relayKinds)

const rowIds: Kind = {
  words: "an array of ids, as digits",
  is: (value) => Array.isArray(value) && value.every((id) => /^\d{1,18}$/.test(String(id)))
}

/** Throws for what are no ids of messages. */
export const requireIds = (where: string, ids: unknown): void => requireFields(where, "ids", { ids }, { ids: rowIds })

/** Throws for what is no number of messages. */
export const requireMost = (where: string, most: unknown): void =>
  requireFields(where, "most", { most }, { most: { words: "a whole number of 1 to 2,147,483,647", is: isInt4 } })

const isInt4 = (value: unknown): boolean => count.is(value) && Number(value) <= 2_147_483_647
