/** Topics into PostgreSQL: by Millrace, and by hand over the native client, with the same client of the database. */
import * as PgClient from "@effect/sql-pg/PgClient"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as ManagedRuntime from "effect/ManagedRuntime"
import { SqlClient } from "effect/sql/SqlClient"
import * as Stream from "effect/Stream"
import { Codec, Consumer, OnFailure, Topic } from "millrace"
import { ConfluentKafka } from "millrace/confluent"
import { Change, Migrations, ModelSync } from "millrace/sql"
import {
  bulkUpsert,
  columns,
  createCopied,
  createTable,
  mergeCopied,
  singleUpsert,
  storeOffset,
  storeOffsetNow
} from "./changes.ts"
import { connectForCopy, lineOf } from "./copyClient.ts"
import { consumerSettings, kafka, type Message } from "./native.ts"
import type { SinkTask, Subject } from "./task.ts"

/** As many rows in a transaction as a sync stores by default. */
const rowsAtOnce = 2_000

const clientOf = ({ postgres }: SinkTask) =>
  PgClient.layer({ ...postgres, database: "postgres", username: "postgres", maxConnections: 10 })

const prepare = ({ records, table }: SinkTask) =>
  Effect.flatMap(
    SqlClient,
    (sql) => Effect.forEach(createTable(table, records), (statement) => sql.unsafe(statement), { discard: true })
  )

const sync = async (task: SinkTask): Promise<() => Promise<void>> => {
  const items = Topic.make(task.topic, { key: Change.debezium, value: Codec.nullable(Change.debezium) })
  const consumer = Consumer.make(task.group, {
    offsetReset: "earliest",
    onFailure: OnFailure.stop,
    handlers: [
      ModelSync.handler(ModelSync.make(items, { table: `public.${task.table}`, format: Change.envelope() }), {
        maxSize: rowsAtOnce
      })
    ]
  })
  const engine = ConfluentKafka.layer({ bootstrapServers: task.bootstrap.split(",") })
  const runtime = ManagedRuntime.make(Layer.merge(engine, clientOf(task)))
  await runtime.runPromise(Effect.andThen(Migrations.run(), prepare(task)))
  const controller = new AbortController()
  const run = Stream.runForEach(
    Consumer.outcomeBatches(consumer),
    ({ handled }) => Effect.sync(() => task.stored(handled))
  )
  const running = runtime.runPromise(run, { signal: controller.signal }).catch((error: unknown) => {
    if (!controller.signal.aborted) throw error
  })
  return async () => {
    controller.abort()
    await running
    await runtime.dispose()
  }
}

type Row = ReadonlyArray<string>

/** The cells of an event, in the order of the columns. */
const rowOf = ({ value }: Message): Row => {
  const { after } = JSON.parse(value.toString())
  return columns.map((name) => String(after[name]))
}

const literal = (cells: ReadonlyArray<string>): string =>
  `{${cells.map((cell) => `"${cell.replaceAll(/[\\"]/g, "\\$&")}"`).join(",")}}`

const lastOf = (messages: ReadonlyArray<Message>): ReadonlyArray<Message> => {
  const last = new Map<number, Message>()
  for (const message of messages) last.set(message.partition, message)
  return [...last.values()]
}

const storeOffsets = (sql: SqlClient, table: string, messages: ReadonlyArray<Message>) =>
  Effect.forEach(
    lastOf(messages),
    ({ offset, partition, topic }) => sql.unsafe(storeOffset(table), [topic, partition, String(offset + 1)])
  )

/** Stores what one fetch brought. */
type Store = (
  task: SinkTask,
  messages: ReadonlyArray<Message>
) => Effect.Effect<unknown, unknown, SqlClient>

/** One statement for all rows of a fetch, and the offsets, in one transaction: what is written by hand for speed. */
const inBulk: Store = ({ stored, table }, messages) =>
  Effect.flatMap(SqlClient, (sql) => {
    const rows = new Map(messages.map((message): readonly [string, Row] => {
      const row = rowOf(message)
      return [row[0]!, row]
    }))
    const parameters = columns.map((_, i) => literal(Array.from(rows.values(), (row) => row[i]!)))
    return Effect.map(
      sql.withTransaction(
        Effect.andThen(sql.unsafe(bulkUpsert(table), parameters), storeOffsets(sql, table, messages))
      ),
      () => stored(messages.length)
    )
  })

/** A transaction for each record, with its offset: what is written by hand without a thought for speed. */
const oneByOne: Store = ({ stored, table }, messages) =>
  Effect.flatMap(SqlClient, (sql) =>
    Effect.forEach(messages, (message) =>
      Effect.map(
        sql.withTransaction(
          Effect.andThen(sql.unsafe(singleUpsert(table), rowOf(message)), storeOffsets(sql, table, [message]))
        ),
        () => stored(1)
      ), { discard: true }))

/** The same with COPY into a temporary table, which is merged into the other one. */
const byCopy = async (task: SinkTask): Promise<Store> => {
  const client = await connectForCopy(task.postgres)
  await client.run(createCopied(task.table))
  return ({ stored, table }, messages) =>
    Effect.map(
      Effect.promise(async () => {
        const rows = new Map(messages.map((message): readonly [string, Row] => {
          const row = rowOf(message)
          return [row[0]!, row]
        }))
        const offsets = lastOf(messages).map(({ offset, partition, topic }) =>
          storeOffsetNow(table, topic, partition, offset + 1)
        )
        await client.run("BEGIN")
        await client.copy("COPY copied FROM STDIN", Array.from(rows.values(), lineOf).join(""))
        await client.run([mergeCopied(table), ...offsets, "COMMIT"].join(";"))
      }),
      () => stored(messages.length)
    )
}

/** Consumes with the native client, and stores each fetch before the next. */
const byHand =
  (makeStore: (task: SinkTask) => Store | Promise<Store>) => async (task: SinkTask): Promise<() => Promise<void>> => {
    const runtime = ManagedRuntime.make(clientOf(task))
    await runtime.runPromise(prepare(task))
    const store = await makeStore(task)
    let closed = false
    const consumer = new kafka.KafkaConsumer({
      ...consumerSettings(task.bootstrap, task.group),
      "enable.auto.offset.store": false
    })
    consumer.setDefaultConsumeTimeout(20)
    await new Promise<void>((resolve, reject) =>
      consumer.connect({ timeout: 10_000 }, (error: unknown) => error ? reject(error) : resolve())
    )
    consumer.subscribe([task.topic])
    const fetched = () =>
      new Promise<ReadonlyArray<Message>>((resolve, reject) =>
        consumer.consume(rowsAtOnce, (error, messages) => error ? reject(error) : resolve(messages))
      )
    const work = async () => {
      while (!closed) {
        const messages = await fetched()
        if (messages.length === 0) continue
        await runtime.runPromise(store(task, messages))
      }
    }
    const working = work()
    return async () => {
      closed = true
      await working
      await new Promise<void>((resolve) => consumer.disconnect(() => resolve()))
      await runtime.dispose()
    }
  }

export const millrace: Subject = { sink: sync }
export const unnest: Subject = { sink: byHand(() => inBulk) }
export const copy: Subject = { sink: byHand(byCopy) }
export const perRow: Subject = { sink: byHand(() => oneByOne) }
