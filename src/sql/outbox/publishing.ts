/** How rows of a queue get to the broker: at least once here, in transactions in `exactlyOnce`. */
import * as Effect from "effect/Effect"
import type { ProducerClient } from "../../engine/KafkaEngine.ts"
import { sendAll } from "../../internal/produce/delivering.ts"
import type { KafkaError } from "../../KafkaError.ts"
import type { Poison } from "../../Poison.ts"
import type { SyncError } from "../SyncError.ts"
import type { Receipted } from "./receipts.ts"
import type { OutboxRow } from "./rows.ts"
import { settle, type Settled } from "./settling.ts"

/** What the lock of a queue allows; one batch of a queue at a time. */
export interface Publisher {
  /** Whether rows are read with what makes them known again. */
  readonly isReceipted: boolean
  /** How many rows the next batch of a queue has at most. */
  readonly most: (queue: number, batchSize: number) => number
  /**
   * Whether the queue is left to another relay. `since` is when its first row became the first, `undefined` if that is
   * not known.
   */
  readonly isForeign: (queue: number, since: number | undefined, now: number) => boolean
  /**
   * To be run under the lock of a queue that has rows: makes sure that no earlier relay of it still publishes. Returns
   * the rows that are published and may still be there, and `undefined` where it is known that there are none. Rows may
   * be sent once it is committed that these are gone.
   */
  readonly take: (queue: number) => Effect.Effect<ReadonlyArray<Receipted> | undefined, KafkaError | SyncError | Poison>
  /** Sends rows, and takes each from `open` once the broker has answered for it. */
  readonly send: (
    queue: number,
    rows: ReadonlyArray<OutboxRow>,
    open: Set<OutboxRow>
  ) => Effect.Effect<Settled, KafkaError>
  /** The database has committed what `take` and `send` led to. */
  readonly stored: (queue: number) => void
}

/** Whether the record itself is fine: what is refused otherwise can be mended without it. */
export const isTemporary = ({ reason }: KafkaError): boolean =>
  reason._tag === "UnknownTopic"
    ? reason.partition === undefined
    : reason._tag !== "RecordTooLarge" && reason._tag !== "InvalidRecord"

/** Over the producer that all share, without transactions. */
export const atLeastOnce = (client: ProducerClient): Publisher => ({
  isReceipted: false,
  most: (_, batchSize) => batchSize,
  isForeign: () => false,
  take: () => Effect.undefined,
  send: Effect.fnUntraced(function*(_queue, rows, open) {
    const settlements = yield* sendAll(client, rows.map(({ message }) => message), (i) => open.delete(rows[i]!))
    return settle(rows, settlements, isTemporary)
  }),
  stored: () => {}
})
