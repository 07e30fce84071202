/** Failures as a consumer would hand them to a policy. */
import * as Cause from "effect/Cause"
import type * as OnFailure from "../../src/OnFailure.ts"
import { Poison } from "../../src/Poison.ts"

export const failedAt = 1_800_000_000_000

const record = {
  topic: "orders",
  partition: 3,
  offset: 42,
  timestamp: failedAt - 5000,
  timestampType: "CreateTime" as const,
  leaderEpoch: undefined,
  key: null,
  value: null,
  headers: [],
  size: 0
}

const poison = new Poison({
  topic: "orders",
  partition: 3,
  offset: 42,
  part: "value",
  problem: "no JSON",
  firstBytes: "00"
})

const place = { topic: "orders", origin: { topic: "orders", partition: 3, offset: 42 } }

const failureOf = <E>(
  kind: OnFailure.Kind,
  cause: Cause.Cause<E | Poison>,
  more: Partial<OnFailure.Failure<E>>
): OnFailure.Failure<E> => ({
  ...place,
  kind,
  group: "billing",
  record,
  records: [more.record ?? record],
  origins: [more.origin ?? place.origin],
  attempts: kind === "poison" ? 0 : 1,
  retries: 0,
  firstFailedAt: failedAt,
  failedAt,
  cause,
  maxRetries: 0,
  memory: new Map(),
  ...more
})

export const erred = <E>(error: E, more: Partial<OnFailure.Failure<E>> = {}): OnFailure.Failure<E> =>
  failureOf("error", Cause.fail(error), more)

export const died = (defect: unknown, more: Partial<OnFailure.Failure<never>> = {}): OnFailure.Failure<never> =>
  failureOf<never>("defect", Cause.die(defect), more)

export const poisoned = (more: Partial<OnFailure.Failure<never>> = {}): OnFailure.Failure<never> =>
  failureOf<never>("poison", Cause.fail(poison), more)
