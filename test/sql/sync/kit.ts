/** Syncs from a cluster in memory into a real database. */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import { SqlClient } from "effect/sql/SqlClient"
import { Consumer, type Handler, OnFailure, Topic } from "millrace"
import { Change, Migrations, type SyncError } from "millrace/sql"
import { InMemoryKafka } from "millrace/testing"
import { database } from "../../services/database.ts"

/** A topic of Connect's JSON. */
export const connectTopic = (name: string) => Topic.make(name, { key: Change.debezium, value: Change.debezium })

let groups = 0

/** What a record failed with. */
export interface Failed {
  readonly offset: number
  readonly error: SyncError.SyncError
}

/** Runs a consumer up to the end of its topics. Records that fail are skipped; returns them. */
export const runToEnd = <H extends Handler.Any>(handler: H, group = `group-${++groups}`) =>
  Effect.gen(function*() {
    const failures: Array<Failed> = []
    const onFailure = OnFailure.make((failure) =>
      Effect.sync(() => {
        const { cause, record } = failure
        failures.push({ offset: record.offset, error: Cause.squash(cause) as SyncError.SyncError })
        return OnFailure.skip
      })
    )
    yield* Consumer.run(Consumer.make(group, { offsetReset: "earliest", until: "end", onFailure, handlers: [handler] }))
    return failures
  })

/** The rows of a table as JSON, in the order of a column. */
export const rowsOf = (table: string, order = "id") =>
  Effect.flatMap(
    SqlClient,
    (sql) =>
      Effect.map(sql.unsafe(`SELECT to_jsonb(t)::text FROM ${table} t ORDER BY t.${order}`).values, (rows) =>
        rows.map(([text]): unknown => JSON.parse(String(text))))
  )

/** A cluster in memory, and a database with these tables and Millrace's own. */
export const world = (statements: ReadonlyArray<string>) =>
  Layer.mergeAll(
    InMemoryKafka.layer,
    Layer.effectDiscard(Migrations.run()).pipe(Layer.provideMerge(database(statements))),
    Logger.layer([])
  )
