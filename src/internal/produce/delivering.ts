/** Sends raw records, and returns for each its delivery or its error. */
import * as Effect from "effect/Effect"
import type { Delivery, ProducerClient, RawMessage } from "../../engine/KafkaEngine.ts"
import type { KafkaError } from "../../KafkaError.ts"

/** The acknowledgement, or why there is none. */
export type Settlement = Delivery | KafkaError

/** Whether a record was acknowledged. */
export const isDelivered = (settlement: Settlement): settlement is Delivery => "offset" in settlement

/**
 * Hands all messages to the client, in order, and ends when each is acknowledged or has failed. `onSettled` gets the
 * place of each that is.
 */
export const sendAll = Effect.fnUntraced(function*(
  client: ProducerClient,
  messages: ReadonlyArray<RawMessage>,
  onSettled?: (i: number) => void
) {
  const settlements = new Array<Settlement>(messages.length)
  let settled = 0
  let finish: (() => void) | undefined
  for (let i = 0; i < messages.length; i++) {
    const done = (error: KafkaError | undefined, delivery: Delivery | undefined) => {
      settlements[i] = error ?? delivery!
      onSettled?.(i)
      if (++settled === messages.length) finish?.()
    }
    while (!client.produce(messages[i]!, done)) yield* client.whenSpace
  }
  yield* Effect.callback<void>((resume) => {
    finish = () => resume(Effect.void)
    if (settled === messages.length) finish()
  })
  return settlements
})
