/** Sinks that are programs of their own: what they have stored is seen in the table. */
import * as PgClient from "@effect/sql-pg/PgClient"
import * as Effect from "effect/Effect"
import * as ManagedRuntime from "effect/ManagedRuntime"
import { SqlClient } from "effect/sql/SqlClient"
import { createTable } from "./changes.ts"
import { type OutsideTask, sleep } from "./task.ts"

/** A program that runs. */
export interface Program {
  readonly stop: () => Promise<void>
  /** Why it does not run any more. */
  readonly problem: () => Promise<string | undefined>
}

export interface Stored {
  readonly records: number
  readonly millis: number
}

type Query = (text: string) => Promise<ReadonlyArray<{ readonly n: number }>>

/** Debezium's sink knows numbers as texts, which PostgreSQL takes for numbers only with a cast. */
export const allowTexts = async (query: Query): Promise<void> => {
  const casts = await query(
    "SELECT 1 AS n FROM pg_cast WHERE castsource = 'text'::regtype AND casttarget = 'numeric'::regtype"
  )
  if (casts.length === 0) await query("CREATE CAST (text AS numeric) WITH INOUT AS ASSIGNMENT")
}

/** Nothing may be said of a program that stores no row within this time. */
const patienceMillis = 60_000

/**
 * Starts a sink, and measures from its first rows to its last, or to the cap. The records of a partition are stored in
 * their order: the last one of each tells that all are there, which costs the database nothing.
 */
export const storedOutside = async (
  task: OutsideTask,
  start: (task: OutsideTask) => Promise<Program>
): Promise<Stored> => {
  const { capMs, partitions, postgres, records, table } = task
  const runtime = ManagedRuntime.make(
    PgClient.layer({ ...postgres, database: "postgres", username: "postgres", maxConnections: 1 })
  )
  const query: Query = (text) =>
    runtime.runPromise(Effect.flatMap(SqlClient, (sql) => sql.unsafe<{ readonly n: number }>(text)))
  const count = async (where: string) => {
    const [row] = await query(`SELECT count(*)::int AS n FROM ${table} WHERE name <> 'old' AND ${where}`)
    return row!.n
  }
  for (const statement of createTable(table, records)) await query(statement)
  await allowTexts(query)
  const program = await start(task)
  const failing = async () => {
    const problem = await program.problem()
    if (problem !== undefined) throw new Error(problem)
  }
  try {
    const patience = performance.now() + patienceMillis
    while (await count(`id < ${partitions}`) === 0) {
      await failing()
      if (performance.now() > patience) throw new Error(`no row was stored within ${patienceMillis} ms`)
      await sleep(5)
    }
    const began = performance.now()
    const before = await count("true")
    while (performance.now() < began + capMs) {
      if (await count(`id >= ${records - partitions}`) === partitions) break
      await sleep(20)
    }
    const millis = performance.now() - began
    await failing()
    return { records: await count("true") - before, millis }
  } finally {
    await program.stop()
    await runtime.dispose()
  }
}
