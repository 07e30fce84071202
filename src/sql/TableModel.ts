/**
 * What is known of tables: the model of `Table`.
 *
 * @stability unstable
 * @since 0.1.0
 */

/**
 * What kind of values a column has. Domains count as what they are made of.
 *
 * @stability unstable
 * @since 0.1.0
 * @category models
 */
export type Kind =
  | "boolean"
  | "integer"
  | "bigint"
  | "float"
  | "numeric"
  | "money"
  | "text"
  | "char"
  | "bytes"
  | "date"
  | "time"
  | "timetz"
  | "timestamp"
  | "timestamptz"
  | "interval"
  | "uuid"
  | "json"
  | "bit"
  | "enum"
  | "range"
  | "geometry"
  | "hstore"
  | "tsvector"
  | "oid"
  | "array"
  | "other"

/**
 * The type of a column.
 *
 * @stability unstable
 * @since 0.1.0
 * @category models
 */
export interface ColumnType {
  /** As a cast takes it, without its modifier: `integer`, `character varying`, `text[]`, `shop.mood`. */
  readonly type: string
  /** `atttypmod`: `-1` for none. The length of `bit(n)` is in it, and the scale of a `numeric`. */
  readonly typmod: number
  readonly kind: Kind
  /** Of arrays: the type of the elements. */
  readonly element?: ColumnType | undefined
}

/**
 * A column.
 *
 * @stability unstable
 * @since 0.1.0
 * @category models
 */
export interface Column extends ColumnType {
  readonly name: string
  readonly isNullable: boolean
  /** Whether a row can be inserted without it, also where it is not nullable. */
  readonly hasDefault: boolean
  /** Computed by the database, stored or virtual: never written. */
  readonly isGenerated: boolean
  /** `GENERATED ALWAYS AS IDENTITY`: written with `OVERRIDING SYSTEM VALUE` only. */
  readonly isIdentityAlways: boolean
  /** Whether its collation takes different texts for equal (default false). */
  readonly isNondeterministic?: boolean | undefined
}

/**
 * An index that refuses rows: a primary key, a unique constraint or index, an exclusion constraint.
 *
 * @stability unstable
 * @since 0.1.0
 * @category models
 */
export interface UniqueIndex {
  readonly name: string
  /** Its plain columns, without those that it only includes. An expression is in none of them. */
  readonly columns: ReadonlyArray<string>
  readonly isPrimary: boolean
  readonly isDeferrable: boolean
  readonly isPartial: boolean
  readonly isExpression: boolean
  readonly nullsNotDistinct: boolean
  readonly isExclusion: boolean
}

/**
 * A foreign key of a table.
 *
 * @stability unstable
 * @since 0.1.0
 * @category models
 */
export interface ForeignKey {
  readonly name: string
  readonly columns: ReadonlyArray<string>
  readonly references: { readonly schema: string; readonly table: string; readonly columns: ReadonlyArray<string> }
  readonly isDeferrable: boolean
  readonly isInitiallyDeferred: boolean
}

/**
 * A foreign key of another table (or of the same one) to a table.
 *
 * @stability unstable
 * @since 0.1.0
 * @category models
 */
export interface Reference {
  readonly name: string
  readonly schema: string
  readonly table: string
  /** The columns there, and the columns here that they refer to. */
  readonly columns: ReadonlyArray<string>
  readonly referenced: ReadonlyArray<string>
  readonly onDelete: "noAction" | "restrict" | "cascade" | "setNull" | "setDefault"
  readonly isDeferrable: boolean
  readonly isInitiallyDeferred: boolean
}

/**
 * A table.
 *
 * @stability unstable
 * @since 0.1.0
 * @category models
 */
export interface Table {
  readonly schema: string
  readonly name: string
  /** In the order of the table. */
  readonly columns: ReadonlyArray<Column>
  /** The columns of the primary key, none if there is no primary key. */
  readonly primaryKey: ReadonlyArray<string>
  readonly uniques: ReadonlyArray<UniqueIndex>
  /** Rules for its INSERT and UPDATE, and those that replace its DELETE (`CREATE RULE`), by name (default none). */
  readonly rules?: ReadonlyArray<string> | undefined
  readonly foreignKeys: ReadonlyArray<ForeignKey>
  readonly referencedBy: ReadonlyArray<Reference>
}
