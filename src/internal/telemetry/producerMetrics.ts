/**
 * The metrics of a producer, named by OpenTelemetry's messaging conventions. Durations are measured for whole batches
 * only: for a single send, measuring would cost as much as the send itself.
 */
import type * as Context from "effect/Context"
import * as Metric from "effect/Metric"
import type { KafkaError } from "../../KafkaError.ts"

const messages = Metric.counter("messaging.client.sent.messages", {
  description: "Records that were acknowledged or, with error.type, failed",
  incremental: true
})
const durations = Metric.histogram("messaging.client.operation.duration", {
  description: "How long the records of one sendAll took, from the first to the last acknowledgement, in seconds",
  boundaries: [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10]
})

type Services = Context.Context<never>

/** The metrics of one topic, with its attributes bound once. A context adds its own, and says where they are kept. */
export interface ProducerMetrics {
  /** Counts records that were acknowledged. */
  readonly sent: (count: number, context: Services) => void
  /** Counts a record that failed. */
  readonly failed: (error: KafkaError, context: Services) => void
  /** Notes how long a batch took, and whether a record of it failed. */
  readonly took: (seconds: number, error: KafkaError | undefined, context: Services) => void
}

/** Binds the metrics of one topic. */
export const make = (topic: string): ProducerMetrics => {
  const shared = { "messaging.system": "kafka", "messaging.destination.name": topic }
  const ofSend = { ...shared, "messaging.operation.name": "send" }
  const ofBatch = { ...shared, "messaging.operation.name": "sendAll" }
  const sent = Metric.withAttributes(messages, ofSend)
  const took = Metric.withAttributes(durations, ofBatch)
  return {
    sent: (count, context) => sent.updateUnsafe(count, context),
    failed: ({ reason }, context) =>
      Metric.withAttributes(messages, { ...ofSend, "error.type": reason._tag }).updateUnsafe(1, context),
    took: (seconds, error, context) => {
      const metric = error === undefined
        ? took
        : Metric.withAttributes(durations, { ...ofBatch, "error.type": error.reason._tag })
      metric.updateUnsafe(seconds, context)
    }
  }
}
