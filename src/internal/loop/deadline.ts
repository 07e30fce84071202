/** A moment after which no call of the client is waited for any longer. */
import * as Effect from "effect/Effect"
import type { ConsumerClient } from "../../engine/KafkaEngine.ts"
import type { KafkaError } from "../../KafkaError.ts"
import * as Errors from "../../KafkaError.ts"

/** The owner decides when the deadline is there. */
export class Deadline {
  private readonly timeoutMs: number
  private readonly waiting = new Set<() => void>()
  private isOver = false

  /** `timeoutMs` is only for messages. */
  constructor(timeoutMs: number) {
    this.timeoutMs = timeoutMs
  }

  expire(): void {
    this.isOver = true
    for (const end of this.waiting) end()
    this.waiting.clear()
  }

  /**
   * Runs the effect, or fails with `Timeout` as soon as the deadline is there. An effect that cannot be interrupted
   * goes on by itself.
   */
  bound<A>(operation: string, effect: Effect.Effect<A, KafkaError>): Effect.Effect<A, KafkaError> {
    return Effect.flatMap(
      Effect.forkDetach(Effect.interruptible(effect), { startImmediately: true }),
      (fiber) =>
        Effect.callback<A, KafkaError>((resume) => {
          const known = fiber.pollUnsafe()
          if (known !== undefined) return resume(known)
          const end = () => {
            this.waiting.delete(end)
            fiber.interruptUnsafe()
            const { timeoutMs } = this
            resume(Effect.fail(Errors.make(operation, new Errors.Timeout({ operation, timeoutMs }))))
          }
          if (this.isOver) return end()
          this.waiting.add(end)
          fiber.addObserver((exit) => {
            if (this.waiting.delete(end)) resume(exit)
          })
        })
    )
  }
}

/** A client whose calls that ask the broker end with a deadline. */
export const boundedBy = (deadline: Deadline, client: ConsumerClient): ConsumerClient => ({
  poll: (maxRecords, maxBytes) => client.poll(maxRecords, maxBytes),
  store: (position) => client.store(position),
  committed: (partitions) => client.committed(partitions),
  pause: (partitions) => client.pause(partitions),
  resume: (partitions) => client.resume(partitions),
  highWatermark: (partition) => client.highWatermark(partition),
  groupMetadata: () => client.groupMetadata(),
  close: (within) => client.close(within),
  answer: (id, start) => deadline.bound("answering a rebalance", client.answer(id, start)),
  commit: (positions) => deadline.bound("commit", client.commit(positions)),
  seek: (position) => deadline.bound("seek", client.seek(position))
})
