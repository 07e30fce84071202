/** KafkaJS. It has no lz4 of its own, so it produces uncompressed. */
import { Kafka, logLevel } from "kafkajs"
import { kafkajsLike } from "../kafkajsLike.ts"

const kafkaOf = (bootstrap: string) => new Kafka({ brokers: bootstrap.split(","), logLevel: logLevel.NOTHING })

export const kafkajs = kafkajsLike({
  consumer: (bootstrap, groupId) => kafkaOf(bootstrap).consumer({ groupId }),
  producer: (bootstrap) => kafkaOf(bootstrap).producer({ idempotent: true, maxInFlightRequests: 5 }),
  subscription: (topic, fromBeginning) => ({ topics: [topic], fromBeginning })
})
