/**
 * The whole of Millrace in one screen, without a broker: orders are produced, consumed by a group, one of them cannot
 * be charged and one cannot be read; the policy decides about both.
 *
 * Run it with `npm run demo`.
 */
import { Console, Effect, Layer, Logger, Ref, Schema, Stream } from "effect"
import { Codec, Consumer, KafkaEngine, OnFailure, Producer, Topic } from "millrace"
import { InMemoryKafka } from "millrace/testing"

class Order extends Schema.Class<Order>("Order")({ id: Schema.String, total: Schema.Finite }) {}

class CardDeclined extends Schema.TaggedError<CardDeclined>()("CardDeclined", { order: Schema.String }) {}

const Orders = Topic.make("orders", { key: Codec.string, value: Codec.json(Order) })

const charge = Effect.fnUntraced(function*(order: Order) {
  if (order.total > 100) return yield* new CardDeclined({ order: order.id })
  yield* Console.log(`  charged  ${order.id.padEnd(8)} ${order.total.toFixed(2)}`)
})

const billing = Consumer.make("billing", {
  offsetReset: "earliest",
  until: "end",
  onFailure: OnFailure.skip,
  handlers: [Topic.handle(Orders, (record) => charge(record.value))]
})

const produce = Effect.gen(function*() {
  yield* Console.log("produce: five orders and one record of somebody who does not know the schema")
  const totals = [19.5, 42, 250, 7.25, 99]
  yield* Producer.sendAll(
    Orders,
    totals.map((total, i) => ({ key: `o-${i + 1}`, value: new Order({ id: `o-${i + 1}`, total }) }))
  )
  const memory = yield* InMemoryKafka
  yield* memory.produce({ topic: "orders", key: Buffer.from("o-6"), value: Buffer.from("{not json") })
})

const consume = Effect.gen(function*() {
  yield* Console.log("\nconsume: group \"billing\", a failing record is skipped by policy")
  const handled = yield* Ref.make(0)
  const skipped = yield* Ref.make<ReadonlyArray<string>>([])
  yield* Consumer.stream(billing).pipe(
    Stream.runForEach((step) =>
      Effect.andThen(
        Ref.update(handled, (n) => n + step.handled),
        Ref.update(skipped, (all) => [
          ...all,
          ...step.exceptions.map((e) => `${step.topic}/${step.partition} @${e.offset}`)
        ])
      )
    )
  )
  return { handled: yield* Ref.get(handled), skipped: yield* Ref.get(skipped) }
})

const demo = Effect.gen(function*() {
  yield* produce
  const summary = yield* consume
  const memory = yield* InMemoryKafka
  const committed = yield* memory.committed("billing")
  const records = yield* memory.records("orders")
  yield* Console.log("\nsummary")
  yield* Console.log(`  ${records.length} records, ${summary.handled} handled, ${summary.skipped.length} skipped:`)
  for (const where of summary.skipped) yield* Console.log(`    ${where}`)
  yield* Console.log(
    `  committed: ${committed.map(({ offset, partition }) => `orders/${partition} up to ${offset}`).join(", ")}`
  )
  const engine = yield* KafkaEngine.KafkaEngine
  yield* Console.log(`  engine: ${engine.name}; the same program runs on a real Kafka with ConfluentKafka.layer`)
})

await Effect.runPromise(
  demo.pipe(Effect.provide(Layer.merge(InMemoryKafka.layer, Logger.layer([Logger.consolePretty({ mode: "tty" })]))))
)
