/**
 * The whole of Millrace in one screen, without a broker or a registry: orders are produced as Avro and consumed by a
 * group. One of them cannot be charged while the bank is down: it goes through two retry topics into the dead letter
 * topic, and is sent once more when the bank is up again. One cannot be read: the policy skips it. At last a second
 * group keeps a table like the topic, exactly once, in a PostgreSQL within the process.
 *
 * Run it with `npm run demo`; with DATABASE_URL the table is in that database.
 */
import { PgClient } from "@effect/sql-pg"
import { Config, Console, Effect, Layer, Logger, Option, Ref, Schedule, Schema, Stream } from "effect"
import { SqlClient } from "effect/sql"
import { Consumer, DeadLetters, KafkaEngine, OnFailure, Producer, Retry, Topic } from "millrace"
import { PgliteClient } from "millrace/pglite"
import { Codec, SchemaRegistry } from "millrace/registry"
import { Change, Migrations, ModelSync } from "millrace/sql"
import { InMemoryKafka } from "millrace/testing"

class Order extends Schema.Class<Order>("Order")({ id: Schema.String, total: Schema.Finite }) {}

class CardDeclined extends Schema.TaggedError<CardDeclined>()("CardDeclined", { order: Schema.String }) {}

// Avro, whose schema follows from the class, and is registered when the first order is sent.
const Orders = Topic.make("orders", { key: Codec.string, value: Codec.avro(Order, { writeWith: "register" }) })

/** Whether the bank takes large amounts. */
const bankIsUp = Ref.makeUnsafe(false)

const charge = Effect.fnUntraced(function*(order: Order, topic: string) {
  if (order.total > 100 && !(yield* Ref.get(bankIsUp))) return yield* new CardDeclined({ order: order.id })
  const from = topic === Orders.name ? "" : `  (from ${topic})`
  yield* Console.log(`  charged  ${order.id.padEnd(8)} ${order.total.toFixed(2)}${from}`)
})

// After 300 and 600 ms, then the dead letter topic. What cannot be read is skipped.
const policy = Retry.nonBlocking(Schedule.exponential("300 millis").pipe(Schedule.upTo({ times: 2 }))).pipe(
  OnFailure.poison(OnFailure.skip)
)

const billing = Consumer.make("billing", {
  offsetReset: "earliest",
  onFailure: policy,
  handlers: [Topic.handle(Orders, (record) => charge(record.value, record.topic))]
})

const produce = Effect.gen(function*() {
  yield* Console.log("produce: five orders and one record of somebody who does not know the schema")
  const totals = [19.5, 42, 250, 7.25, 99]
  yield* Producer.sendAll(
    Orders,
    totals.map((total, i) => ({ key: `o-${i + 1}`, value: new Order({ id: `o-${i + 1}`, total }) }))
  )
  const memory = yield* InMemoryKafka
  yield* memory.produce({ topic: "orders", key: Buffer.from("o-6"), value: Buffer.from("not Avro") })
  const registry = yield* SchemaRegistry.Service
  const { id, text, version } = yield* registry.version("orders-value", "latest")
  yield* Console.log(`  orders-value, version ${version}, id ${id} in the registry: ${text}`)
})

/** What became of the records, as the outcomes of the consumer tell it. */
interface Summary {
  readonly handled: number
  readonly others: ReadonlyArray<string>
}

const consume = (summary: Ref.Ref<Summary>) =>
  Consumer.outcomeBatches(billing).pipe(
    Stream.runForEach(({ exceptions, handled, partition, topic }) =>
      Ref.update(summary, (before) => ({
        handled: before.handled + handled,
        others: [...before.others, ...exceptions.map(({ _tag, offset }) => `${topic}/${partition} @${offset}: ${_tag}`)]
      }))
    )
  )

/** Waits for the records that are to come. */
const seen = (summary: Ref.Ref<Summary>, done: (summary: Summary) => boolean) =>
  Effect.repeat(Ref.get(summary), {
    schedule: Schedule.spaced("20 millis"),
    until: done
  })

const redrive = Effect.gen(function*() {
  yield* DeadLetters.records(billing).pipe(
    Stream.runForEach(({ attempts, errorTag, origin, source }) =>
      Console.log(`  ${source} @${origin?.offset}: ${errorTag}, after ${attempts} attempts`)
    )
  )
  yield* Ref.set(bankIsUp, true)
  yield* Console.log("\nthe bank is up again: redrive")
  yield* DeadLetters.redrive(billing).pipe(
    Stream.runForEach(({ letter, to }) => Console.log(`  ${letter.topic} @${letter.offset} -> ${to.topic}`))
  )
})

// A row for each order, by the topic's key.
const rows = ModelSync.make(Orders, { table: "public.demo_orders", format: Change.plain })

const bookkeeping = Consumer.make("bookkeeping", {
  offsetReset: "earliest",
  until: "end",
  onFailure: OnFailure.skip,
  handlers: [ModelSync.handler(rows)]
})

const sync = Effect.gen(function*() {
  const sql = yield* SqlClient.SqlClient
  yield* Migrations.run()
  // A Kafka in memory begins with each run: what an earlier one has stored is about other records.
  yield* sql`DELETE FROM millrace.offsets WHERE group_id = ${bookkeeping.group}`
  yield* sql`DROP TABLE IF EXISTS demo_orders`
  yield* sql`CREATE TABLE demo_orders (id text PRIMARY KEY, total numeric(10, 2) NOT NULL)`
  yield* Consumer.run(bookkeeping)
  const [server] = yield* sql<{ version: string }>`SELECT split_part(version(), ' on ', 1) AS version`
  yield* Console.log(`  table demo_orders in ${server?.version}`)
  const orders = yield* sql<{ id: string; total: string }>`SELECT id, total::text FROM demo_orders ORDER BY id`
  for (const { id, total } of orders) yield* Console.log(`    ${id.padEnd(8)} ${total.padStart(6)}`)
})

/** The database of DATABASE_URL, or PGlite. */
const database = Layer.unwrap(Effect.map(Config.option(Config.Redacted("DATABASE_URL")), (url) =>
  Option.match(url, {
    onNone: () => PgliteClient.layer(),
    onSome: (url) => PgClient.layer({ url })
  })))

const demo = Effect.gen(function*() {
  yield* produce
  yield* Console.log("\nconsume: group \"billing\", two retries by way of topics, then the dead letter topic")
  const summary = yield* Ref.make<Summary>({ handled: 0, others: [] })
  yield* Effect.forkScoped(consume(summary))
  yield* seen(summary, ({ others }) => others.some((one) => one.endsWith("DeadLettered")))
  yield* Console.log("\ndead letters")
  yield* redrive
  const { handled, others } = yield* seen(summary, ({ handled }) => handled === 5)
  yield* Console.log(`\nsummary\n  ${handled} handled, and on the way there:`)
  for (const other of others) yield* Console.log(`    ${other}`)
  const engine = yield* KafkaEngine.Service
  yield* Console.log(`  engine: ${engine.name}; the same program runs on a real Kafka with ConfluentKafka.layer`)
  yield* Console.log("\nsync: group \"bookkeeping\" keeps a table like the topic")
  yield* Effect.provide(sync, database)
})

await Effect.runPromise(
  Effect.scoped(demo).pipe(
    Effect.provide(
      Layer.mergeAll(
        InMemoryKafka.layer,
        SchemaRegistry.layerMemory,
        Logger.layer([Logger.consolePretty({ mode: "tty" })])
      )
    )
  )
)
