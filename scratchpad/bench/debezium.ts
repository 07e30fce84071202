/** Debezium's connectors on a worker: its sink into databases, and the source of the latencies. */
import type { Program } from "./outside.ts"
import { type OutsideTask, type Postgres, sleep } from "./task.ts"

type Config = Readonly<Record<string, string | number | boolean>>

const field = (name: string, type: string, optional = true) => ({ field: name, type, optional })

const row = (name: string) => ({
  type: "struct",
  optional: true,
  name: "bench.items.Value",
  field: name,
  fields: [
    field("id", "int32", false),
    field("name", "string"),
    field("quantity", "int32"),
    // What `decimal.handling.mode=string` makes of a number: the sink has to know the type of the column.
    { ...field("amount", "string"), parameters: { "__debezium.source.column.type": "NUMERIC" } },
    { ...field("updated_at", "string"), name: "io.debezium.time.ZonedTimestamp", version: 1 }
  ]
})

const keySchema = {
  type: "struct",
  optional: false,
  name: "bench.items.Key",
  fields: [field("id", "int32", false)]
}

/** What the sink needs to know of an event. */
const valueSchema = {
  type: "struct",
  optional: false,
  name: "bench.items.Envelope",
  version: 2,
  fields: [
    row("before"),
    row("after"),
    {
      type: "struct",
      optional: false,
      name: "io.debezium.connector.postgresql.Source",
      field: "source",
      fields: [
        ...["version", "connector", "name"].map((name) => field(name, "string", false)),
        field("ts_ms", "int64", false),
        field("snapshot", "string"),
        field("db", "string", false),
        field("schema", "string", false),
        field("table", "string", false),
        field("txId", "int64"),
        field("lsn", "int64")
      ]
    },
    field("op", "string", false),
    field("ts_ms", "int64")
  ]
}

/** The JSON of all subjects has no schemas in it: then the converter gets one, which costs nothing per record. */
const sinkConverters = {
  "key.converter": "org.apache.kafka.connect.json.JsonConverter",
  "key.converter.schemas.enable": true,
  "key.converter.schema.content": JSON.stringify(keySchema),
  "value.converter": "org.apache.kafka.connect.json.JsonConverter",
  "value.converter.schemas.enable": true,
  "value.converter.schema.content": JSON.stringify(valueSchema)
}

/** How many records it takes at once; a sync takes as many. */
const batch = 2_000

const sinkOf = (topic: string, table: string, { host, port }: Postgres, tasks: number): Config => ({
  "connector.class": "io.debezium.connector.jdbc.JdbcSinkConnector",
  "tasks.max": tasks,
  topics: topic,
  "connection.url": `jdbc:postgresql://${host}:${port}/postgres?stringtype=unspecified&reWriteBatchedInserts=true`,
  "connection.username": "postgres",
  "connection.password": "none",
  "insert.mode": "upsert",
  "primary.key.mode": "record_key",
  "schema.evolution": "none",
  "collection.name.format": table,
  "batch.size": batch,
  "use.reduction.buffer": true,
  "dialect.postgres.unnest.insert.enabled": true,
  "consumer.override.auto.offset.reset": "earliest",
  "consumer.override.max.poll.records": batch,
  ...sinkConverters
})

/** Events of a table, as JSON without schemas, in topics with a prefix; `slot` names what it has in the database. */
export const sourceOf = (prefix: string, slot: string, table: string, { host, port }: Postgres): Config => ({
  "connector.class": "io.debezium.connector.postgresql.PostgresConnector",
  "tasks.max": 1,
  "plugin.name": "pgoutput",
  "database.hostname": host,
  "database.port": port,
  "database.user": "postgres",
  "database.password": "none",
  "database.dbname": "postgres",
  "topic.prefix": prefix,
  "slot.name": slot,
  "slot.drop.on.stop": true,
  "publication.name": slot,
  "publication.autocreate.mode": "filtered",
  "table.include.list": table,
  "snapshot.mode": "no_data",
  "decimal.handling.mode": "string",
  "poll.interval.ms": 10,
  "topic.creation.default.replication.factor": 1,
  "topic.creation.default.partitions": 6
})

/** Starts a connector, and waits until its tasks run. */
export const startConnector = async (url: string, name: string, config: Config): Promise<Program> => {
  const at = `${url}/connectors/${name}`
  const put = await fetch(`${at}/config`, {
    method: "PUT",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(Object.fromEntries(Object.entries(config).map(([key, value]) => [key, String(value)])))
  })
  if (!put.ok) throw new Error(`${name}: ${put.status} ${(await put.text()).slice(0, 2_000)}`)
  const tasksOf = async () => {
    const { tasks = [] } = await (await fetch(`${at}/status`)).json() as {
      readonly tasks?: ReadonlyArray<{ readonly state: string; readonly trace?: string }>
    }
    return tasks
  }
  const problem = async () => {
    const failed = (await tasksOf()).find(({ state }) => state === "FAILED")
    return failed && `${name} failed: ${failed.trace?.slice(0, 2_000)}`
  }
  const end = performance.now() + 60_000
  while (true) {
    const tasks = await tasksOf()
    if (tasks.length > 0 && tasks.every(({ state }) => state === "RUNNING" || state === "FAILED")) break
    if (performance.now() > end) throw new Error(`${name} does not run: ${JSON.stringify(tasks)}`)
    await sleep(50)
  }
  return {
    problem,
    stop: async () => {
      await fetch(at, { method: "DELETE" })
    }
  }
}

/** As many tasks as the machine has cores are the fastest. */
const sinkTasks = 2

export const startSink = ({ connect, group, postgres, table, topic }: OutsideTask) =>
  startConnector(connect!, group, sinkOf(topic, table, postgres, sinkTasks))
