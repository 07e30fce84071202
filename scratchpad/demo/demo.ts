/**
 * The whole of Millrace in one screen, without a broker or a registry: orders are produced as Avro and consumed by a
 * group. One of them cannot be charged while the bank is down: it goes through two retry topics into the dead letter
 * topic, and is sent once more when the bank is up again. One cannot be read: the policy skips it.
 *
 * Run it with `npm run demo`.
 */
import { Console, Effect, Layer, Logger, Ref, Schedule, Schema, Stream } from "effect"
import { Consumer, DeadLetters, KafkaEngine, OnFailure, Producer, Retry, Topic } from "millrace"
import { Codec, SchemaRegistry } from "millrace/registry"
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
