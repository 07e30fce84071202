/** Hands raw messages to the broker. */
import * as Effect from "effect/Effect"
import type { ProducerClient, RawMessage } from "../../engine/KafkaEngine.ts"
import type { KafkaError } from "../../KafkaError.ts"
import type { Settlement } from "./settling.ts"

/** Hands all messages to the client, in their order, and ends when each is acknowledged or has failed. */
export const publish = Effect.fnUntraced(function*(client: ProducerClient, messages: ReadonlyArray<RawMessage>) {
  const settlements = new Array<Settlement>(messages.length)
  let settled = 0
  let finish: (() => void) | undefined
  for (let i = 0; i < messages.length; i++) {
    const done = (error: KafkaError | undefined, delivery: Settlement | undefined) => {
      settlements[i] = error ?? delivery!
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
