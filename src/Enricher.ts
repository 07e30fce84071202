/**
 * From one topic to another: each record is looked up, completed and sent on, exactly once.
 *
 * @stability unstable
 * @since 0.1.0
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Predicate from "effect/Predicate"
import * as Schema from "effect/Schema"
import { BatchFailed } from "./BatchFailed.ts"
import type * as KafkaEngine from "./engine/KafkaEngine.ts"
import * as ExactlyOnce from "./ExactlyOnce.ts"
import type * as Handler from "./Handler.ts"
import { rawsOf } from "./internal/produce/raws.ts"
import { booleanOf, effectOf } from "./internal/shared/effectOf.ts"
import { anything, func, type Kind, requireFields, shown } from "./internal/shared/fields.ts"
import type { KafkaError } from "./KafkaError.ts"
import * as Producer from "./Producer.ts"
import type * as Record from "./Record.ts"
import type { AnySource, AnyTopic, DecodingServices, EncodingServices, HeaderValues, Key, Value } from "./Source.ts"
import { TopicTypeId } from "./Source.ts"

/**
 * How records are completed.
 *
 * @stability unstable
 * @since 0.1.0
 * @category models
 */
export interface Options<S extends AnySource, T extends AnyTopic, E, R, RX>
  extends ExactlyOnce.TransactionalOptions<E | KafkaError | Schema.SchemaError, RX>
{
  /**
   * What is sent for a record: the value to send, or none to send nothing, for example when the row that it is about is
   * gone. Not called for deletions.
   */
  readonly enrich: (record: Record.Of<S>) => Effect.Effect<Option.Option<Exclude<Value<T>, null>>, E, R>
  /** The key that is sent (default: the key of the record). */
  readonly key?: ((record: Record.Of<S>) => Key<T>) | undefined
  /**
   * Whether a record deletes its key, so that a tombstone is sent (default: its value is null). Where it returns
   * neither true nor false, such as a Promise, the record fails.
   */
  readonly isDeletion?: ((record: Record.Of<S>) => boolean) | undefined
  /** How many records of a batch are completed at once (default 16); what is sent keeps the order of the records. */
  readonly lookups?: number | undefined
}

/** What has to be said, because the messages would not be of the target otherwise. */
type Required<S, T> =
  & ([Key<S>] extends [Key<T>] ? unknown : { readonly key: (record: Record.Of<S>) => Key<T> })
  & (null extends Value<T> ? unknown
    : null extends Value<S> ? { readonly isDeletion: (record: Record.Of<S>) => false }
    : { readonly isDeletion?: ((record: Record.Of<S>) => false) | undefined })

/** A topic without a Schema of headers: an enricher sends no values of such. */
type WithoutHeaders<T> = unknown extends HeaderValues<T> ? unknown
  : { readonly codecs: { readonly headers: undefined } }

const atLeastOne: Kind = {
  words: "a whole number of at least 1",
  is: (value) => Number.isSafeInteger(value) && Number(value) >= 1
}

const kinds = {
  enrich: func,
  key: func,
  isDeletion: func,
  lookups: atLeastOne,
  onFailure: anything,
  maxSize: anything,
  maxWait: anything,
  transactionalId: anything
}

/**
 * Handles a source by sending what its records are completed to. A batch and the group's progress are one transaction,
 * as with `Topic.handleTransactional`: readers with `isolation: "read_committed"` see each result exactly once. When
 * `enrich` fails for a record, that one is judged by `onFailure` alone. Headers are not carried over.
 *
 * **When to use**: to give a topic's readers what they would each have to look up. The topics need the same number of
 * partitions if the order per key has to be the same in both.
 *
 * @example
 * ```ts
 * import { Effect, Option, Schema } from "effect"
 * import { SqlClient } from "effect/sql"
 * import { Codec, Consumer, Enricher, OnFailure, Topic } from "millrace"
 *
 * const Orders = Topic.make("orders", {
 *   key: Codec.string,
 *   value: Codec.nullable(Codec.json(Schema.Struct({ customer: Schema.String })))
 * })
 * const Named = Topic.make("orders-named", {
 *   key: Codec.string,
 *   value: Codec.nullable(Codec.json(Schema.Struct({ customer: Schema.String, name: Schema.String })))
 * })
 *
 * export const naming = Consumer.make("naming", {
 *   offsetReset: "earliest",
 *   onFailure: OnFailure.stop,
 *   handlers: [
 *     Enricher.handle(Orders, Named, {
 *       enrich: Effect.fnUntraced(function*({ value }) {
 *         const sql = yield* SqlClient.SqlClient
 *         const { customer } = value!
 *         const [row] = yield* sql<{ name: string }>`SELECT name FROM customers WHERE id = ${customer}`
 *         return row === undefined ? Option.none() : Option.some({ customer, name: row.name })
 *       })
 *     })
 *   ]
 * })
 * ```
 *
 * @stability unstable
 * @since 0.1.0
 * @category constructors
 */
export const handle = <S extends AnySource, T extends AnyTopic, E = any, R = never, RX = never>(
  source: S,
  target: T & WithoutHeaders<T>,
  options: Options<S, T, E, R, RX> & Required<S, T>
): Handler.Handler<
  E | KafkaError | Schema.SchemaError,
  R | DecodingServices<S> | EncodingServices<T> | RX | KafkaEngine.Service
> => {
  const where = `the enricher of ${String(source)}`
  requireFields(where, "options", options, kinds)
  if (options.enrich === undefined) throw new Error(`${where}: enrich is missing: it returns what is sent for a record`)
  if (!Predicate.hasProperty(target, TopicTypeId)) throw new Error(`${where}: target: ${shown(target)} is no topic`)
  if (target.codecs.headers !== undefined) {
    throw new Error(`${where}: target: ${target.name} has a Schema of headers, and an enricher sends no values of it`)
  }
  const {
    enrich,
    isDeletion = ({ value }: Record.Record<unknown, unknown, unknown>) => value === null,
    key = (record: Record.Record<unknown, unknown, unknown>) => record.key,
    lookups = 16,
    ...batch
  } = options
  /** The message for one record. Its failure names the record, so that the others of its batch are not judged. */
  const messageFor = (record: Record.Of<S>) => {
    const message = Effect.suspend((): Effect.Effect<Option.Option<unknown>, E, R> =>
      booleanOf(isDeletion(record), "`isDeletion`")
        ? Effect.succeed(Option.some({ key: key(record), value: null }))
        : Effect.map(
          effectOf(enrich(record), "`enrich`"),
          Option.map((value) => ({ key: key(record), value }))
        )
    )
    const { offset } = record as Record.Record<unknown, unknown, unknown>
    return Effect.catchCause(
      message,
      (cause) => Effect.fail(new BatchFailed({ offset, cause: cause as Cause.Cause<E> }))
    )
  }
  /** Fails for the first record whose message cannot be encoded, so that the others of its batch are not judged. */
  const named = (made: ReadonlyArray<{ readonly message: unknown; readonly record: unknown }>) =>
    Effect.forEach(made, ({ message, record }) => {
      const { offset } = record as Record.Record<unknown, unknown, unknown>
      return Effect.catchIf(
        rawsOf(target, [message]),
        Schema.isSchemaError,
        (error) => Effect.fail(new BatchFailed({ offset, cause: Cause.fail(error) }))
      )
    }, { discard: true })
  // The failures of its batches are those of records, which the compiler cannot see of a generic error.
  return ExactlyOnce.handleTransactional<S, any, any, RX>(source, (records) =>
    Effect.gen(function*() {
      const exits = yield* Effect.forEach(records, (record) => Effect.exit(messageFor(record)), {
        concurrency: lookups
      })
      for (const exit of exits) if (exit._tag === "Failure") return yield* exit
      const made = exits.flatMap((exit, i) =>
        exit._tag === "Success" ? Option.toArray(exit.value).map((message) => ({ message, record: records[i]! })) : []
      )
      // The types of the options see to it that the messages are of the target.
      const messages = made.map(({ message }) => message) as ReadonlyArray<any>
      const sending: Effect.Effect<unknown, unknown, any> = Producer.sendAll<AnyTopic>(target, messages)
      yield* Effect.catchIf(sending, Schema.isSchemaError, (error) => Effect.andThen(named(made), Effect.fail(error)))
    }), batch)
}
