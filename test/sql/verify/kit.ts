/** Two databases with a table each. */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { SqlClient } from "effect/sql/SqlClient"
import { Topic } from "millrace"
import { Change, SourceDatabase } from "millrace/sql"
import { database } from "../../services/database.ts"

/** A source and a target in which these statements were run. */
export const twoDatabases = (source: ReadonlyArray<string>, target: ReadonlyArray<string>) =>
  Layer.mergeAll(SourceDatabase.layer(database(source)), database(target))

export const debeziumTopic = (table: string) =>
  Topic.make(`shop.${table}`, { key: Change.debezium, value: Change.debezium })

/** Runs statements at the target. */
export const atTarget = (...statements: ReadonlyArray<string>) =>
  Effect.flatMap(SqlClient, (sql) => Effect.forEach(statements, (text) => sql.unsafe(text), { discard: true }))

/** Runs statements at the source. */
export const atSource = (...statements: ReadonlyArray<string>) =>
  Effect.flatMap(
    SourceDatabase.Service,
    (sql) => Effect.forEach(statements, (text) => sql.unsafe(text), { discard: true })
  )

/** The first column of a query at the target. */
export const textsAt = (query: string) =>
  Effect.flatMap(SqlClient, (sql) => Effect.map(sql.unsafe(query).values, (rows) => rows.map(([cell]) => String(cell))))
