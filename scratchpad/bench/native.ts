/** The native client, and the settings that every subject on librdkafka shares: the ones that Millrace sets. */
import native from "@confluentinc/kafka-javascript"

// Its types lack half of what is used here.
export const kafka: any = native

export const consumerSettings = (bootstrap: string, group: string) => ({
  "bootstrap.servers": bootstrap,
  "group.id": group,
  "queued.min.messages": 10_000,
  "queued.max.messages.kbytes": 16_384,
  "fetch.queue.backoff.ms": 20,
  "partition.assignment.strategy": "cooperative-sticky",
  "enable.auto.commit": true,
  "auto.commit.interval.ms": 5_000,
  "auto.offset.reset": "earliest",
  "isolation.level": "read_committed"
})

export const producerSettings = (bootstrap: string) => ({
  "bootstrap.servers": bootstrap,
  "linger.ms": 0,
  "compression.codec": "lz4",
  "enable.idempotence": true,
  "acks": -1,
  "partitioner": "murmur2_random"
})
