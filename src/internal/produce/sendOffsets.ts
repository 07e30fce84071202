/** The progress of the current group, as part of the current transaction. */
import * as Effect from "effect/Effect"
import { checked, positionsProblem } from "../../engine/checkOffsets.ts"
import type { Position } from "../../engine/KafkaEngine.ts"
import * as Errors from "../../KafkaError.ts"
import type { KafkaError } from "../../KafkaError.ts"
import { CurrentGroup } from "./currentGroup.ts"
import { CurrentTransaction } from "./transactions.ts"

export const sendOffsets = Effect.fnUntraced(function*(
  positions: ReadonlyArray<Position>
): Effect.fn.Return<void, KafkaError> {
  const current = yield* CurrentTransaction
  const group = yield* CurrentGroup
  if (current === undefined || group === undefined) {
    const problem = current === undefined
      ? "sendOffsets belongs inside of Producer.transaction"
      : "sendOffsets belongs inside of a handler: outside there is no group whose progress could be committed"
    const transactionalId = current?.transactionalId ?? ""
    return yield* Errors.make(
      "sendOffsets",
      new Errors.TransactionFailed({ transactionalId, problem, retryable: false })
    )
  }
  const send = Effect.flatMap(group.metadata, (metadata) => current.client.sendOffsets(positions, metadata))
  yield* checked(positionsProblem("sendOffsets", positions), send)
})
