/**
 * Retries on a real Kafka: orders above 100 cannot be charged while the bank is down.
 *
 * `npm run millrace -- consume --config scratchpad/retries/millrace.config.ts`, and with `BANK=up` in the environment
 * they can.
 */
import { Console, Effect, Layer, Schedule, Schema } from "effect"
import { Codec, Consumer, Retry, Topic } from "millrace"
import { defineConfig } from "millrace/cli"
import { ConfluentKafka } from "millrace/confluent"

class Order extends Schema.Class<Order>("Order")({ id: Schema.String, total: Schema.Finite }) {}

class CardDeclined extends Schema.TaggedError<CardDeclined>()("CardDeclined", { order: Schema.String }) {
  override get message(): string {
    return `the bank declined order ${this.order}`
  }
}

const Orders = Topic.make("shop-orders", { key: Codec.string, value: Codec.json(Order) })

const charge = ({ id, total }: Order) =>
  total > 100 && process.env["BANK"] !== "up"
    ? Effect.fail(new CardDeclined({ order: id }))
    : Console.log(`charged ${id}: ${total}`)

const shop = Consumer.make("shop", {
  offsetReset: "earliest",
  onFailure: Retry.nonBlocking(Schedule.exponential("1 second").pipe(Schedule.upTo({ times: 3 }))),
  handlers: [Topic.handle(Orders, ({ value }) => charge(value))]
})

export default defineConfig({
  engine: ConfluentKafka.layer({ bootstrapServers: [process.env["MILLRACE_KAFKA_BOOTSTRAP"] ?? "localhost:9092"] }),
  topics: [Orders],
  consumers: [shop],
  layer: Layer.empty
})
