/** What callers without types hand in for the outbox and its relay. Pure. */
import * as Duration from "effect/Duration"
import { anything, type Kind, type KindsOf, objectOf, oneOf, requireFields } from "../../internal/shared/fields.ts"
import { placeKinds } from "../migrations/place.ts"

const count: Kind = {
  words: "a whole number of at least 1",
  is: (value) => Number.isSafeInteger(value) && Number(value) >= 1
}

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

const outboxKinds = { ...placeKinds, via: oneOf("relay", "debezium", "log") }

/** Throws for settings of the outbox that are none. */
export const requireOutbox = (where: string, settings: unknown): void => {
  requireFields(where, "settings", settings, outboxKinds)
}

const relayKinds: KindsOf<RelayFields> = {
  batchSize: count,
  batchBytes: count,
  concurrency: count,
  poll: objectOf({ least: time, most: time }),
  wake: anything
}

interface RelayFields {
  readonly batchSize?: unknown
  readonly batchBytes?: unknown
  readonly concurrency?: unknown
  readonly poll?: unknown
  readonly wake?: unknown
}

/** Throws for options of a relay that are none. */
export const requireRelay = (where: string, options: unknown): void =>
  requireFields(where, "options", options, relayKinds)
