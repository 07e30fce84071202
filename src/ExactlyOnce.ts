/**
 * Consuming, producing and progress in one transaction: `Topic.handleTransactional`.
 *
 * @stability unstable
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import type * as Types from "effect/Types"
import { isBatchFailed, type RecordError } from "./BatchFailed.ts"
import type * as KafkaEngine from "./engine/KafkaEngine.ts"
import type * as Handler from "./Handler.ts"
import * as Handlers from "./Handler.ts"
import { exactlyOnce } from "./internal/produce/exactlyOnce.ts"
import { effectOf } from "./internal/shared/effectOf.ts"
import { requireOptions } from "./internal/shared/handedIn/handlerOptions.ts"
import type { KafkaError } from "./KafkaError.ts"
import type * as Record from "./Record.ts"
import type { AnySource, DecodingServices } from "./Source.ts"

/**
 * What a transactional handler may say for itself.
 *
 * @stability unstable
 * @since 0.1.0
 * @category models
 */
export interface TransactionalOptions<E, RX> extends Handler.BatchOptions<E, RX> {
  /**
   * How its transactional ids begin (default: the group). The topic and the partition follow, so that the new owner of
   * a partition fences the one before. The user needs the right to write with these ids.
   */
  readonly transactionalId?: string | undefined
}

/**
 * Handles a source in batches, each in a transaction of its own: everything that the handler sends, in any fiber that
 * it starts and awaits, and the progress of the group behind the batch become visible together, to consumers with
 * `isolation: "read_committed"` exactly once. When the handler fails or is interrupted, all of it is taken back. With
 * `BatchFailed` the records before the one that failed are handled again, in a transaction of their own, and that one
 * is judged alone.
 *
 * Then `onFailure` decides as for `handleBatch`. What it decides is not part of a transaction: a record that is
 * skipped, and a copy in a retry or dead letter topic, count at least once. A transaction that could not go on, by a
 * rebalance for instance, is run again with the handler. When the cluster does not say how a transaction ended, the
 * group's progress is looked up before the batch is handled again.
 *
 * **When to use**: when all that handling a record does is to send others. What a handler does elsewhere (a database, a
 * call) is done again when its batch is repeated; where that can hold the offset, use `handleOwningOffsets`. Each
 * partition has a client of its own, and a transaction costs some round trips: prefer large batches.
 *
 * @example
 * ```ts
 * import { Codec, Consumer, OnFailure, Producer, Topic } from "millrace"
 *
 * const Words = Topic.make("words", { key: Codec.none, value: Codec.string })
 * const Loud = Topic.make("loud", { key: Codec.none, value: Codec.string })
 *
 * export const shouting = Consumer.make("shouting", {
 *   offsetReset: "earliest",
 *   onFailure: OnFailure.stop,
 *   handlers: [
 *     Topic.handleTransactional(Words, (records) =>
 *       Producer.sendAll(Loud, records.map(({ value }) => ({ key: null, value: value.toUpperCase() }))))
 *   ]
 * })
 * ```
 *
 * @stability unstable
 * @since 0.1.0
 * @category constructors
 */
export const handleTransactional = <S extends AnySource, E = any, R = never, RX = never>(
  source: S,
  handler: (records: ReadonlyArray<Record.Of<S>>, span: Handler.Span) => Effect.Effect<unknown, E, R>,
  options: TransactionalOptions<RecordError<Types.NoInfer<E>> | KafkaError, RX> = {}
): Handler.Handler<RecordError<E> | KafkaError, R | DecodingServices<S> | RX | KafkaEngine.Service> => {
  requireOptions("Transactional", String(source), options)
  const { transactionalId, ...batch } = options
  const whole = (records: ReadonlyArray<Record.Of<S>>, span: Handler.Span): Effect.Effect<void, unknown, any> =>
    Effect.catch(
      exactlyOnce(transactionalId, span, effectOf(handler(records, span), "the handler")),
      (error: unknown) => {
        if (!isBatchFailed(error)) return Effect.fail(error)
        const { cause, offset } = error
        const place = records.findIndex((record: Record.Record<unknown, unknown, unknown>) => record.offset === offset)
        // Of no record that it was given: nothing of the batch is done.
        if (place === -1) return Effect.failCause(cause)
        if (place === 0) return Effect.fail(error)
        return Effect.andThen(whole(records.slice(0, place), { ...span, next: offset }), Effect.fail(error))
      }
    )
  // Its errors are those of records already, which the compiler cannot see of a generic one.
  return Handlers.handleBatch<S, any, R | KafkaEngine.Service, RX>(source, whole, batch)
}
