/**
 * The quickstart: one consumer of one topic.
 *
 * `npm run millrace -- consume --config scratchpad/quickstart/millrace.config.ts`
 */
import { Console, Layer, Schema } from "effect"
import { Codec, Consumer, OnFailure, Topic } from "millrace"
import { defineConfig } from "millrace/cli"
import { ConfluentKafka } from "millrace/confluent"

class Order extends Schema.Class<Order>("Order")({ id: Schema.String, total: Schema.Finite }) {}

export const Orders = Topic.make("orders", { key: Codec.string, value: Codec.json(Order) })

export const billing = Consumer.make("billing", {
  offsetReset: "earliest",
  onFailure: OnFailure.stop.pipe(OnFailure.poison(OnFailure.skip)),
  handlers: [Topic.handle(Orders, ({ key, value }) => Console.log(`charging order ${key}: ${value.total}`))]
})

export default defineConfig({
  engine: ConfluentKafka.layer({ bootstrapServers: [process.env["MILLRACE_KAFKA_BOOTSTRAP"] ?? "localhost:9092"] }),
  topics: [Orders],
  consumers: [billing],
  layer: Layer.empty
})
