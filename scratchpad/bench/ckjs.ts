/** The native client's KafkaJS-like interface. */
import { kafkajsLike } from "./kafkajsLike.ts"
import { kafka } from "./native.ts"

const logLevel = 1

export const ckjs = kafkajsLike({
  consumer: (bootstrap, groupId, fromBeginning) =>
    new kafka.KafkaJS.Kafka({ kafkaJS: { brokers: bootstrap.split(","), logLevel } }).consumer({
      kafkaJS: { groupId, fromBeginning },
      "js.consumer.max.batch.size": 1_000
    }),
  producer: (bootstrap) =>
    new kafka.KafkaJS.Kafka({ kafkaJS: { brokers: bootstrap.split(","), logLevel } }).producer({
      kafkaJS: { acks: -1, idempotent: true, compression: "lz4" },
      "linger.ms": 0
    }),
  subscription: (topic) => ({ topics: [topic] })
})
