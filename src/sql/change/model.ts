/** What one record means for a table. */
import * as Data from "effect/Data"
import type { Record } from "../../Record.ts"
import type { Modes } from "../cells/modes.ts"

/**
 * Fields by their names.
 *
 * @stability unstable
 * @since 0.1.0
 * @category models
 */
export type Values = Readonly<{ [field: string]: unknown }>

/**
 * What `row` of `ModelSync.make` returns: an object of fields, which may be an instance of a class. Arrays, Maps,
 * dates, functions and Promises are none.
 *
 * @stability unstable
 * @since 0.1.0
 * @category models
 */
export type Fields =
  | Values
  | (object & {
    readonly [Symbol.hasInstance]?: never
    readonly [Symbol.iterator]?: never
    readonly [Symbol.toPrimitive]?: never
    readonly [Symbol.toStringTag]?: never
  })

/**
 * When the change was made at its source. What a record does not say is absent.
 *
 * @stability unstable
 * @since 0.1.0
 * @category models
 */
export interface Version {
  /** Where the change is in the WAL of the source; all changes of one transaction may have the same. */
  readonly lsn?: bigint | undefined
  /** When the transaction was committed, or else when the connector saw it: in milliseconds since the epoch. */
  readonly timestamp?: number | undefined
  /** The transaction, and the place of the change in it, where the connector sends `provide.transaction.metadata`. */
  readonly transaction?: { readonly id: string; readonly order: number } | undefined
  /** Whether the row was read by a snapshot, not by its change. */
  readonly isSnapshot?: boolean | undefined
}

/**
 * A row that is to be there with these values.
 *
 * @stability unstable
 * @since 0.1.0
 * @category models
 */
export interface Upsert {
  readonly _tag: "Upsert"
  /** The table that the row comes from, `schema.table`, where the record says it. */
  readonly table: string | undefined
  /** The fields of the record's key; none if it has no key. */
  readonly key: Values
  /** The fields of the new row. One that is not sent, because it is stored out of line and unchanged, is absent. */
  readonly row: Values
  readonly version: Version | undefined
  /** The fields of the old row, where the record has them (`REPLICA IDENTITY FULL`). */
  readonly before: Values | undefined
  /**
   * The key that the row had before, if this is the second half of a change of the key. Fields that are stored out of
   * line and unchanged are absent here, too: they are in the row with the old key alone.
   */
  readonly oldKey: Values | undefined
  /**
   * Whether a null may stand for a value that is stored out of line and was not changed: Debezium has no placeholder
   * for some types, and sends null, unless the table has `REPLICA IDENTITY FULL`.
   */
  readonly hasUnsureNulls: boolean
}

/**
 * A row that is to be there no more.
 *
 * @stability unstable
 * @since 0.1.0
 * @category models
 */
export interface Delete {
  readonly _tag: "Delete"
  readonly table: string | undefined
  /** The fields of the record's key, or those of the old row if it has no key. */
  readonly key: Values
  readonly version: Version | undefined
  /** The fields of the old row. Without `REPLICA IDENTITY FULL` all but the key are empty. */
  readonly before: Values | undefined
  /**
   * The key that the row has from then on, if this is the first half of a change of the key: the row moves there, with
   * what the second half does not send.
   */
  readonly newKey: Values | undefined
}

/**
 * All rows of a table are to go.
 *
 * @stability unstable
 * @since 0.1.0
 * @category models
 */
export interface Truncate {
  readonly _tag: "Truncate"
  readonly table: string | undefined
}

/**
 * Nothing is to be done: a null behind a deletion that was seen, a change of an ignored origin, a message of
 * `pg_logical_emit_message`, a row that is marked by `skipField`, a heartbeat, the beginning or end of a transaction.
 *
 * @stability unstable
 * @since 0.1.0
 * @category models
 */
export interface Ignore {
  readonly _tag: "Ignore"
  readonly why: "tombstone" | "origin" | "message" | "kafkaSkip" | "heartbeat" | "transaction"
}

/**
 * What one record means for a table.
 *
 * @stability unstable
 * @since 0.1.0
 * @category models
 */
export type Change = Upsert | Delete | Truncate | Ignore

/**
 * A record that is not of its format. `field` says where: a path such as `value.after`.
 *
 * @stability unstable
 * @since 0.1.0
 * @category errors
 */
export class Malformed extends Data.TaggedError("Malformed")<{ readonly field: string; readonly problem: string }> {
  override get message(): string {
    return `${this.field}: ${this.problem}`
  }
}

/**
 * What a format reads of a record.
 *
 * @stability unstable
 * @since 0.1.0
 * @category models
 */
export type Input = Pick<Record<unknown, unknown>, "key" | "value" | "headers">

/**
 * How the records of a topic say what changed, and what their values are made of.
 *
 * @stability unstable
 * @since 0.1.0
 * @category models
 */
export interface Format {
  readonly _tag: "Plain" | "Flattened" | "Envelope"
  /** What the values are made of. */
  readonly modes: Modes
  /** Settings of the connector that its records show, where they are not Debezium's own. @internal */
  readonly reads?: {
    readonly placeholder: string | undefined
    readonly tableField: string | undefined
    readonly prefix?: string | undefined
  } | undefined
  /**
   * What a record means. A key that is no object counts as the field `keyFields[0]`, if that is the only one.
   */
  readonly read: (record: Input, keyFields?: ReadonlyArray<string>) => Change | Malformed
}
