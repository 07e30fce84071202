/** One transaction over a client that nobody else uses meanwhile. */
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type { RawMessage, TransactionalClient } from "../../engine/KafkaEngine.ts"
import type { KafkaError } from "../../KafkaError.ts"

/** How a transaction ended. Of one that fails instead nobody knows, unless the client was fenced. */
export type Outcome =
  | { readonly _tag: "Committed" }
  /**
   * Some of its messages failed, and it was not committed. `isOver`: it was aborted, too, and nothing of it was on its
   * way then, so this client may begin another one. Without KIP-890 what arrives late would be in the next transaction
   * of its epoch; the next client has another one. `all` are the errors of those, too, that were taken back then: a
   * client may say only then which of them was the first to fail.
   */
  | {
    readonly _tag: "Refused"
    readonly errors: ReadonlyMap<number, KafkaError>
    readonly all: ReadonlyMap<number, KafkaError>
    readonly isOver: boolean
  }

/** How long the fates of what was taken back are waited for. */
const telling = Duration.seconds(1)

export const isFencing = ({ reason }: KafkaError): boolean => reason._tag === "Fenced"

/** Ends at the first failure: a client that has to abort sends nothing more, and says nothing of the rest. */
const sendWhole = Effect.fnUntraced(function*(
  client: TransactionalClient,
  messages: ReadonlyArray<RawMessage>,
  onDelivered: (i: number) => void
) {
  const errors = new Map<number, KafkaError>()
  const ended = Deferred.makeUnsafe<void>()
  let [taken, delivered] = [0, 0]
  for (let i = 0; i < messages.length && errors.size === 0; i++) {
    const done = (error: KafkaError | undefined) => {
      if (error === undefined) onDelivered(i)
      else errors.set(i, error)
      if (error !== undefined || ++delivered === messages.length) Deferred.doneUnsafe(ended, Effect.void)
    }
    while (errors.size === 0 && !client.produce(messages[i]!, done)) {
      yield* Effect.raceFirst(client.whenSpace, Deferred.await(ended))
    }
    taken++
  }
  yield* Deferred.await(ended)
  // Those that the abort takes back fail, too.
  return { errors: new Map(errors), all: errors, isSettled: delivered + errors.size >= taken }
})

/** Sends messages in a transaction, and commits it if all arrive. An interruption aborts it, but no commit. */
export const transact = (
  client: TransactionalClient,
  messages: ReadonlyArray<RawMessage>,
  onDelivered: (i: number) => void
): Effect.Effect<Outcome, KafkaError> =>
  Effect.uninterruptibleMask((restore) =>
    Effect.gen(function*(): Effect.fn.Return<Outcome, KafkaError> {
      yield* client.begin
      const sent = yield* Effect.exit(restore(sendWhole(client, messages, onDelivered)))
      if (Exit.isSuccess(sent) && sent.value.errors.size === 0) {
        yield* client.commit
        return { _tag: "Committed" }
      }
      const aborted = yield* Effect.result(client.abort)
      if (aborted._tag === "Failure" && isFencing(aborted.failure)) return yield* aborted.failure
      const { all, errors, isSettled } = yield* sent
      if (!isSettled) yield* Effect.ignore(client.flush(telling))
      return { _tag: "Refused", errors, all, isOver: isSettled && aborted._tag === "Success" }
    })
  )
