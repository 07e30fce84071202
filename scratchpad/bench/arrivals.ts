/** From the COMMIT of a row in a source to the COMMIT that brings it into the target, as the server noted them. */
import * as PgClient from "@effect/sql-pg/PgClient"
import * as Effect from "effect/Effect"
import * as ManagedRuntime from "effect/ManagedRuntime"
import { SqlClient } from "effect/sql/SqlClient"
import { Codec, Topic } from "millrace"
import { ConfluentKafka } from "millrace/confluent"
import { createTable } from "./changes.ts"
import { sourceOf, startConnector, startSink } from "./debezium.ts"
import { allowTexts, type Program } from "./outside.ts"
import { millrace } from "./sql.ts"
import { type OutsideTask, sleep } from "./task.ts"

interface Task extends OutsideTask {
  readonly subject: string
  readonly connect: string
}

const perSecond = 1_000
const perCommit = 10

/** What the sinks and the worker have to get used to before. */
const warmUp = 3_000

const patienceMillis = 60_000

/** Written by the server itself, so that the load takes no time from the sink. */
const createLoad = (source: string): string =>
  `CREATE PROCEDURE load_${source}(first int, rows int) LANGUAGE plpgsql AS $$
DECLARE began timestamptz := clock_timestamp();
BEGIN
  FOR i IN 0 .. rows / ${perCommit} - 1 LOOP
    INSERT INTO ${source} SELECT n, 'Alexandra Example-Surname ' || n, n % 1000, n % 10000 + 0.5, now()
    FROM generate_series(first + i * ${perCommit}, first + (i + 1) * ${perCommit} - 1) AS n;
    COMMIT;
    PERFORM pg_sleep(extract(epoch FROM began - clock_timestamp()) + (i + 1) * ${perCommit} / ${perSecond}.0);
  END LOOP;
END $$`

const startSync = async (task: Task): Promise<Program> => {
  const stop = await millrace.sink!({ ...task, stored: () => {} })
  return { stop, problem: async () => undefined }
}

/** The latencies of a share of the rows, such as 0.99, in milliseconds, are at most this. */
export const arrivals = async (task: Task, share: number): Promise<number> => {
  const { bootstrap, connect, group, postgres, records, subject, table } = task
  const source = `${table}_source`
  const topic = `${group}.public.${source}`
  const runtime = ManagedRuntime.make(
    PgClient.layer({ ...postgres, database: "postgres", username: "postgres", maxConnections: 2 })
  )
  const query = (text: string) =>
    runtime.runPromise(Effect.flatMap(SqlClient, (sql) => sql.unsafe<{ readonly n: number }>(text)))
  const arrived = async (until: number) => {
    const end = performance.now() + patienceMillis
    while (true) {
      const [row] = await query(`SELECT count(*)::int AS n FROM ${table} WHERE name <> 'old'`)
      if (row!.n === until) return
      if (performance.now() > end) throw new Error(`${row!.n} of ${until} rows arrived`)
      await sleep(100)
    }
  }
  const programs: Array<Program> = []
  try {
    await query(`CREATE TABLE ${source} (
  id integer PRIMARY KEY, name text, quantity integer, amount numeric(12,2), updated_at timestamptz
)`)
    await query(createLoad(source))
    const ensured = Topic.ensure([Topic.make(topic, { key: Codec.bytes, value: Codec.bytes })], {
      partitions: task.partitions,
      replication: 1
    })
    await Effect.runPromise(
      Effect.provide(ensured, ConfluentKafka.layer({ bootstrapServers: bootstrap.split(",") }))
    )
    const name = group.replaceAll("-", "_")
    programs.push(await startConnector(connect, name, sourceOf(group, name, `public.${source}`, postgres)))
    const sink = { ...task, topic, records: warmUp + records }
    if (subject === "debezium-jdbc") {
      for (const statement of createTable(table, sink.records)) await query(statement)
      await allowTexts(query)
      programs.push(await startSink(sink))
    } else programs.push(await startSync(sink))
    await query(`CALL load_${source}(0, ${warmUp})`)
    await arrived(warmUp)
    await query(`CALL load_${source}(${warmUp}, ${records})`)
    await arrived(warmUp + records)
    const [row] = await query(
      `SELECT percentile_cont(${share}) WITHIN GROUP (ORDER BY 1000 * extract(epoch FROM
  pg_xact_commit_timestamp(t.xmin) - pg_xact_commit_timestamp(s.xmin))::float8) AS n
FROM ${source} AS s JOIN ${table} AS t USING (id) WHERE id >= ${warmUp}`
    )
    return row!.n
  } finally {
    for (const { stop } of programs.toReversed()) await stop()
    await runtime.dispose()
  }
}
