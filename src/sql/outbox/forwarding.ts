/** Sends on what Debezium read of an outbox in the database's log. */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import { BatchFailed } from "../../BatchFailed.ts"
import * as KafkaEngine from "../../engine/KafkaEngine.ts"
import { isDelivered, sendAll } from "../../internal/produce/delivering.ts"
import type { KafkaError } from "../../KafkaError.ts"
import type * as Record from "../../Record.ts"
import { SyncError } from "../SyncError.ts"
import { Malformed } from "../SyncErrorReason.ts"
import { messageIn } from "./walMessages.ts"

type AnyRecord = Record.Record<unknown, unknown, unknown>

const malformed = ({ offset, partition, topic }: AnyRecord): BatchFailed<SyncError> => {
  const reason = new Malformed({ problem: "it has the prefix of an outbox, and its content is no message of one" })
  const place = { topic, partition, offset }
  return new BatchFailed({
    offset,
    cause: Cause.fail(new SyncError({ operation: "forward an outbox", reason, place }))
  })
}

/** Ends when the broker has all of them; fails at the first that it has not, or that is none. */
export const forwardAll = Effect.fnUntraced(function*(
  records: ReadonlyArray<AnyRecord>
): Effect.fn.Return<void, KafkaError | BatchFailed<KafkaError | SyncError>, KafkaEngine.Service> {
  const engine = yield* KafkaEngine.Service
  const found = records.map((record) => ({ record, message: messageIn(record.value) }))
  const wrong = found.findIndex(({ message }) => message === undefined)
  const sendable = found.slice(0, wrong === -1 ? found.length : wrong).flatMap(({ message, record }) =>
    message === undefined || message === "other" ? [] : [{ message, record }]
  )
  const settlements = yield* sendAll(yield* engine.producer, sendable.map(({ message }) => message))
  for (let i = 0; i < settlements.length; i++) {
    const settlement = settlements[i]!
    if (isDelivered(settlement)) continue
    return yield* new BatchFailed({ offset: sendable[i]!.record.offset, cause: Cause.fail(settlement) })
  }
  if (wrong !== -1) return yield* malformed(found[wrong]!.record)
})
