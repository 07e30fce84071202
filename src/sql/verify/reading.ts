/** Reads both sides of a pair. */
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type { SqlClient } from "effect/sql/SqlClient"
import type { SqlError } from "effect/sql/SqlError"
import { textsOf } from "../apply/running.ts"
import type { SyncError } from "../SyncError.ts"
import { syncErrorOf } from "../tables/sqlErrors.ts"
import { type Digests, keyText, type Look, lookOf, type Part, partsOf, type Row } from "./differences.ts"
import type { Pair } from "./pair.ts"
import type { Sides } from "./pairs.ts"
import { inTransaction, within } from "./patience.ts"
import type { Key, Range, Summary } from "./ranges.ts"
import * as Sql from "./verifySql.ts"

type Texts = ReadonlyArray<ReadonlyArray<string | null>>

/** In a transaction that reads alone, for its texts depend on settings. */
const query = (sql: SqlClient, { params, text }: Sql.Query): Effect.Effect<Texts, SqlError> =>
  inTransaction(
    sql,
    Effect.andThen(Effect.andThen(sql.unsafe(Sql.readOnly), sql.unsafe(Sql.session)), textsOf(sql, text, params))
  )

/** Reads tables of one pair. Errors name the side. */
export class Reading {
  readonly pair: Pair
  private readonly clients: Sides
  private readonly operation: string
  private readonly timeout: Duration.Duration

  constructor(operation: string, clients: Sides, pair: Pair, timeout: Duration.Duration) {
    this.operation = operation
    this.clients = clients
    this.pair = pair
    this.timeout = timeout
  }

  private on(side: Sql.Side, made: Sql.Query): Effect.Effect<Texts, SyncError> {
    const operation = `${this.operation}, ${side} ${side === "source" ? this.pair.name : this.pair.target.name}`
    return within(
      operation,
      this.timeout,
      Effect.mapError(query(this.clients[side], made), (error) => syncErrorOf(operation, error))
    )
  }

  /** Asks both sides at once. */
  private both(make: (side: Sql.Side) => Sql.Query): Effect.Effect<readonly [source: Texts, target: Texts], SyncError> {
    return Effect.all([this.on("source", make("source")), this.on("target", make("target"))], { concurrency: 2 })
  }

  boundary(side: Sql.Side, range: Range, place: number): Effect.Effect<Key | undefined, SyncError> {
    return Effect.map(this.on(side, Sql.boundary(side, this.pair, range, place)), ([row]) => row?.map(String))
  }

  summaries(range: Range): Effect.Effect<readonly [source: Summary, target: Summary], SyncError> {
    const summary = ([row]: Texts): Summary => ({ count: Number(row?.[0]), checksum: String(row?.[1]) })
    return Effect.map(
      this.both((side) => Sql.summary(side, this.pair, range)),
      ([source, target]) => [summary(source), summary(target)]
    )
  }

  rows(range: Range): Effect.Effect<readonly [source: ReadonlyArray<Row>, target: ReadonlyArray<Row>], SyncError> {
    const parts = this.pair.key.length
    const rows = (texts: Texts): ReadonlyArray<Row> =>
      texts.map((row) => ({ key: row.slice(0, parts).map(String), checksum: String(row[parts]) }))
    return Effect.map(
      this.both((side) => Sql.rows(side, this.pair, range)),
      ([source, target]) => [rows(source), rows(target)]
    )
  }

  /** How the rows of these keys differ, of those that do. */
  looks(keys: ReadonlyArray<Key>): Effect.Effect<ReadonlyArray<Look>, SyncError> {
    const parts = this.pair.key.length
    const byKey = (texts: Texts) =>
      new Map(texts.map((row): [string, Digests] => [keyText(row.slice(0, parts).map(String)), row.slice(parts)]))
    return Effect.map(
      this.both((side) => Sql.digests(side, this.pair, keys)),
      ([source, target]) => {
        const [from, into] = [byKey(source), byKey(target)]
        return keys.flatMap((key) => {
          const look = lookOf(key, from.get(keyText(key)), into.get(keyText(key)), this.pair.hasExtras)
          return look === undefined ? [] : [look]
        })
      }
    )
  }

  /** Parts rows by the bytes that they have at the source: few together, and those alone that have more. */
  parted(looks: ReadonlyArray<Look>): Effect.Effect<ReadonlyArray<Part>, SyncError> {
    const parts = this.pair.key.length
    return Effect.map(
      this.on("source", Sql.sizes(this.pair, looks.map(({ key }) => key))),
      (texts) => {
        const sizes = new Map(texts.map((row) => [keyText(row.slice(0, parts).map(String)), Number(row[parts])]))
        return partsOf(looks, ({ key }) => sizes.get(keyText(key)) ?? 0)
      }
    )
  }

  /** The values of rows of the source, by their keys, in the order of the pair's columns. */
  cells({ isWide, looks }: Part): Effect.Effect<ReadonlyMap<string, ReadonlyArray<string | null>>, SyncError> {
    const parts = this.pair.key.length
    const keyOf = (row: ReadonlyArray<string | null>) => keyText(row.slice(0, parts).map(String))
    return isWide
      ? Effect.map(this.on("source", Sql.pieces(this.pair, looks[0]!.key)), (texts) => {
        if (texts.length === 0) return new Map()
        const cells: Array<string | null> = this.pair.columns.map(() => null)
        for (const row of texts) {
          const [place, piece] = [Number(row[parts]), row[parts + 1]]
          if (piece !== null) cells[place] = (cells[place] ?? "") + piece
        }
        return new Map([[keyOf(texts[0]!), cells]])
      })
      : Effect.map(
        this.on("source", Sql.cells(this.pair, looks.map(({ key }) => key))),
        (texts) => new Map(texts.map((row) => [keyOf(row), row.slice(parts)]))
      )
  }
}
