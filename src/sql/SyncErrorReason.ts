/**
 * The reasons of a `SyncError`.
 *
 * @stability unstable
 * @since 0.1.0
 */
import * as Data from "effect/Data"

/**
 * The table does not exist, or this role cannot see it.
 *
 * @stability unstable
 * @since 0.1.0
 * @category errors
 */
export class MissingTable extends Data.TaggedError("MissingTable")<{ readonly table: string }> {
  override get message(): string {
    return `there is no table ${this.table}; create it, or check the name (schema.table, in its exact case)`
  }
  get isRetryable(): boolean {
    return false
  }
}

/**
 * The table has no such column.
 *
 * @stability unstable
 * @since 0.1.0
 * @category errors
 */
export class MissingColumn extends Data.TaggedError("MissingColumn")<{
  readonly table: string
  readonly column: string
  /** What was to be stored in it. */
  readonly field?: string | undefined
}> {
  override get message(): string {
    const of = this.field === undefined || this.field === this.column ? "" : ` for the field "${this.field}"`
    return `table ${this.table} has no column "${this.column}"${of}; add it, rename the field, or exclude it`
  }
  get isRetryable(): boolean {
    return false
  }
}

/**
 * Rows of the table cannot be found by the key of the topic.
 *
 * @stability unstable
 * @since 0.1.0
 * @category errors
 */
export class MissingKey extends Data.TaggedError("MissingKey")<{ readonly table: string; readonly problem: string }> {
  override get message(): string {
    return `table ${this.table}: ${this.problem}`
  }
  get isRetryable(): boolean {
    return false
  }
}

/**
 * A column, or the Schema of a field, does not fit what the sync would store in it.
 *
 * @stability unstable
 * @since 0.1.0
 * @category errors
 */
export class Unsupported extends Data.TaggedError("Unsupported")<{
  readonly table: string
  readonly column: string
  readonly problem: string
}> {
  override get message(): string {
    return `column ${this.table}.${this.column}: ${this.problem}`
  }
  get isRetryable(): boolean {
    return false
  }
}

/**
 * A setting is wrong.
 *
 * @stability unstable
 * @since 0.1.0
 * @category errors
 */
export class InvalidSetting extends Data.TaggedError("InvalidSetting")<{
  readonly setting: string
  readonly problem: string
}> {
  override get message(): string {
    return `${this.setting}: ${this.problem}`
  }
  get isRetryable(): boolean {
    return false
  }
}

/**
 * A table of Millrace's own is missing.
 *
 * @stability unstable
 * @since 0.1.0
 * @category errors
 */
export class NotMigrated extends Data.TaggedError("NotMigrated")<{ readonly table: string }> {
  override get message(): string {
    return `there is no table ${this.table}, which Millrace keeps its own state in; run Migrations.run, or check the `
      + "schema and the prefix"
  }
  get isRetryable(): boolean {
    return false
  }
}

/**
 * The role of the connection may not do this.
 *
 * @stability unstable
 * @since 0.1.0
 * @category errors
 */
export class Denied extends Data.TaggedError("Denied")<{ readonly problem: string }> {
  override get message(): string {
    return `the database denies it (${this.problem}); grant the right to the role of the connection`
  }
  get isRetryable(): boolean {
    return false
  }
}

/**
 * A record is not what the format says: no Debezium envelope, no object, a key that is none.
 *
 * @stability unstable
 * @since 0.1.0
 * @category errors
 */
export class Malformed extends Data.TaggedError("Malformed")<{ readonly problem: string }> {
  override get message(): string {
    return this.problem
  }
  get isRetryable(): boolean {
    return false
  }
}

/**
 * A record names a table that the sync has no rows for.
 *
 * @stability unstable
 * @since 0.1.0
 * @category errors
 */
export class UnmappedTable extends Data.TaggedError("UnmappedTable")<{
  readonly table: string
  readonly known: ReadonlyArray<string>
}> {
  override get message(): string {
    return `the record comes from table "${this.table}", which \`tables\` does not have; it has ${
      this.known.length === 0 ? "none" : this.known.join(", ")
    }`
  }
  get isRetryable(): boolean {
    return false
  }
}

/**
 * A record has a field that the table has no column for.
 *
 * @stability unstable
 * @since 0.1.0
 * @category errors
 */
export class UnknownField extends Data.TaggedError("UnknownField")<{
  readonly table: string
  readonly field: string
}> {
  override get message(): string {
    return `the record has the field "${this.field}", and table ${this.table} no column for it; add the column, `
      + "exclude the field, or set `unknownFields` to \"ignore\""
  }
  get isRetryable(): boolean {
    return false
  }
}

/**
 * A value cannot be stored in its column.
 *
 * @stability unstable
 * @since 0.1.0
 * @category errors
 */
export class BadValue extends Data.TaggedError("BadValue")<{
  readonly table: string
  readonly column: string
  /** The key of the row, such as `id=7`. */
  readonly key: string
  readonly problem: string
}> {
  override get message(): string {
    return `${this.table}.${this.column} of the row ${this.key}: ${this.problem}`
  }
  get isRetryable(): boolean {
    return false
  }
}

/**
 * The database refuses a row: a constraint, a value out of range, a text that is too long.
 *
 * @stability unstable
 * @since 0.1.0
 * @category errors
 */
export class Refused extends Data.TaggedError("Refused")<{
  readonly table: string
  /** The key of the row, such as `id=7`. */
  readonly key: string
  /** The SQLSTATE, such as `23503`. */
  readonly code: string
  readonly constraint?: string | undefined
  readonly column?: string | undefined
  readonly problem: string
}> {
  override get message(): string {
    const column = this.column === undefined ? "" : `, column "${this.column}"`
    return `the database refuses the row ${this.key} of ${this.table}${column}: ${this.problem} (${this.code})`
  }
  get isRetryable(): boolean {
    return false
  }
}

/**
 * A record truncates the table, and `truncates` is `"refuse"`.
 *
 * @stability unstable
 * @since 0.1.0
 * @category errors
 */
export class TruncateRefused extends Data.TaggedError("TruncateRefused")<{ readonly table: string }> {
  override get message(): string {
    return `the record truncates table ${this.table}; set \`truncates\` to "apply" or "ignore"`
  }
  get isRetryable(): boolean {
    return false
  }
}

/**
 * Another member of the group owns the partition by now. Nothing was written.
 *
 * @stability unstable
 * @since 0.1.0
 * @category errors
 */
export class Fenced extends Data.TaggedError("Fenced")<{
  readonly group: string
  readonly topic: string
  readonly partition: number
}> {
  override get message(): string {
    return `partition ${this.topic}/${this.partition} of group "${this.group}" was claimed by another member`
  }
  get isRetryable(): boolean {
    return false
  }
}

/**
 * The database cannot be used at the moment: it is down, read-only, in recovery, full, or out of connections, or a
 * deadlock or a serialization failure ended the transaction. Retryable; a sync retries by itself.
 *
 * @stability unstable
 * @since 0.1.0
 * @category errors
 */
export class Unavailable extends Data.TaggedError("Unavailable")<{
  /** The SQLSTATE, if the database gave one. */
  readonly code?: string | undefined
  readonly problem: string
}> {
  override get message(): string {
    return `the database is not available (${this.problem})`
  }
  get isRetryable(): boolean {
    return true
  }
}

/**
 * A trigger moves a row to another partition of its table while the row is stored. PostgreSQL refuses that, and the
 * record is not to blame: its partition waits until the trigger is changed.
 *
 * @stability unstable
 * @since 0.1.0
 * @category errors
 */
export class TriggerMovesRow extends Data.TaggedError("TriggerMovesRow")<{ readonly problem: string }> {
  override get message(): string {
    return `a trigger moves the row to another partition, which PostgreSQL refuses (${this.problem}); let the trigger `
      + "leave the columns of the partition key as they are"
  }
  get isRetryable(): boolean {
    return false
  }
}

/**
 * The database returned an error without a name here, such as a syntax error in SQL of one's own.
 *
 * @stability unstable
 * @since 0.1.0
 * @category errors
 */
export class Unexpected extends Data.TaggedError("Unexpected")<{
  readonly code?: string | undefined
  readonly problem: string
}> {
  override get message(): string {
    return this.code === undefined ? this.problem : `${this.problem} (${this.code})`
  }
  get isRetryable(): boolean {
    return false
  }
}

/**
 * Why a sync, or a look at the database, failed.
 *
 * @stability unstable
 * @since 0.1.0
 * @category errors
 */
export type Reason =
  | MissingTable
  | MissingColumn
  | MissingKey
  | Unsupported
  | InvalidSetting
  | NotMigrated
  | Denied
  | Malformed
  | UnmappedTable
  | UnknownField
  | BadValue
  | Refused
  | TruncateRefused
  | Fenced
  | Unavailable
  | TriggerMovesRow
  | Unexpected
