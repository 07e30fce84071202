/**
 * Sends a copy and commits the offset of its record in one transaction (KIP-447): after a crash, readers of committed
 * records see no second copy.
 */
import * as Effect from "effect/Effect"
import * as KafkaEngine from "../../engine/KafkaEngine.ts"
import type { ConsumerClient } from "../../engine/KafkaEngine.ts"
import type { KafkaError } from "../../KafkaError.ts"
import type { PartitionState } from "../partition/partitionState.ts"
import { CurrentGroup } from "../produce/currentGroup.ts"
import { CurrentTransaction, within } from "../produce/transactions.ts"
import { answered, type Copy, give, type Options, Router } from "./router.ts"

/** What it needs in addition. */
export interface TransactionalOptions extends Options {
  readonly engine: KafkaEngine.Service["Service"]
  /** No other run has the same. */
  readonly transactionalId: string
  readonly client: () => ConsumerClient
}

/** One per run. It has one transaction at a time. */
export class TransactionalRouter extends Router {
  private readonly transactional: TransactionalOptions

  constructor(options: TransactionalOptions) {
    super(options)
    this.transactional = options
  }

  /** A copy is sent only within a transaction, by `attempt`. */
  protected override send(): boolean {
    return false
  }

  protected override attempt(state: PartitionState, copy: Copy): Effect.Effect<void, KafkaError> {
    const { client, engine, transactionalId } = this.transactional
    const { leaderEpoch, offset, partition, topic } = copy.record
    const body = Effect.gen(function*() {
      const { client: producer } = (yield* CurrentTransaction)!
      // A copy of its own, so that the record is done when the transaction is, not when the client has the copy.
      const attempt: Copy = { ...copy, acknowledged: false, error: undefined, notify: undefined, arrived: undefined }
      while (!give(producer, attempt)) yield* producer.whenSpace
      yield* answered(attempt)
      if (attempt.error !== undefined) return yield* attempt.error
      const metadata = yield* (yield* CurrentGroup)!.metadata
      yield* producer.sendOffsets([{ topic, partition, offset: offset + 1, leaderEpoch }], metadata)
    })
    const committed = () => {
      copy.acknowledged = true
      copy.arrived?.(copy)
    }
    const whole = Effect.provideService(within(transactionalId, body, committed), KafkaEngine.Service, engine)
    return Effect.suspend(() => {
      const { position, progress } = state
      // Pinned, and committed first: a commit of it after the transaction would take the group back.
      progress.pin(true)
      const all = position === undefined
        ? whole
        : Effect.andThen(client().commit([{ topic, partition, offset: position }]), whole)
      return Effect.ensuring(all, Effect.sync(() => progress.pin(false)))
    })
  }
}
