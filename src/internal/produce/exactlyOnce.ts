/** Handles a batch, sends its results and commits its offset in one transaction. */
import * as Effect from "effect/Effect"
import type { TopicPartition } from "../../engine/KafkaEngine.ts"
import type * as KafkaEngine from "../../engine/KafkaEngine.ts"
import type { KafkaError } from "../../KafkaError.ts"
import { CurrentGroup, type Membership } from "./currentGroup.ts"
import { sendOffsets } from "./sendOffsets.ts"
import { isKafkaError, within } from "./transactions.ts"

/**
 * How many times a transaction that could not go on is run again, and after how many milliseconds: one reason is a
 * rebalance, which takes some seconds.
 */
const most = 50
const pause = 200

/**
 * Whether the group's progress in a partition is at least at an offset. The consumer asks, not an admin client: that of
 * librdkafka (2.15) may end the process when a coordinator is lost, and this is asked when one was.
 */
const isCommitted = (
  { committed }: Membership,
  { partition, topic }: TopicPartition,
  next: number
): Effect.Effect<boolean, KafkaError> =>
  Effect.map(committed([{ topic, partition }]), (positions) => positions.some(({ offset }) => offset >= next))

const isToBeRepeated = (error: unknown): boolean =>
  isKafkaError(error) && error.reason._tag === "TransactionFailed" && error.reason.retryable

/**
 * Runs an effect and commits the position `next` together with what it sent. If the broker does not answer the end of
 * the transaction, a new client with the same id ends it, and the group's committed offset then says whether it was
 * committed. An error of the effect is returned to the caller; a transaction that could not go on is run again.
 */
export const exactlyOnce = Effect.fnUntraced(function*<E, R>(
  prefix: string | undefined,
  batch: TopicPartition & { readonly next: number },
  effect: Effect.Effect<unknown, E, R>
): Effect.fn.Return<void, E | KafkaError, R | KafkaEngine.Service> {
  const { next, partition, topic } = batch
  const group = yield* CurrentGroup
  // One id per partition, so that a new owner fences the former one.
  const id = `${prefix ?? group?.groupId ?? ""}-${topic}-${partition}`
  let stage: "begin" | "handle" | "offsets" | "end" = "begin"
  const whole = Effect.gen(function*() {
    stage = "handle"
    yield* effect
    stage = "offsets"
    yield* sendOffsets([{ topic, partition, offset: next }])
    stage = "end"
  })
  const took = group === undefined
    ? Effect.succeed(false)
    : Effect.andThen(within(id, Effect.void), isCommitted(group, batch, next))
  const attempt = (left: number): Effect.Effect<void, E | KafkaError, R | KafkaEngine.Service> =>
    Effect.catch(within(id, whole), (error) =>
      Effect.gen(function*() {
        if (stage === "handle") return yield* Effect.fail(error)
        if (stage === "end" && (yield* Effect.catch(took, () => Effect.succeed(false)))) return
        if (left === 0 || !isToBeRepeated(error)) return yield* Effect.fail(error)
        yield* Effect.sleep(pause)
        stage = "begin"
        return yield* attempt(left - 1)
      }))
  yield* attempt(most)
})
