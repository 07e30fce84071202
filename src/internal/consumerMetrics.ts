/** The figures of a consumer, updated once per finished step. */
import type * as Context from "effect/Context"
import * as Metric from "effect/Metric"
import type { OutcomeBatch } from "../Outcome.ts"

const handled = Metric.counter("millrace_consumer_records_handled_total", {
  description: "Records whose handler succeeded",
  incremental: true
})
const skipped = Metric.counter("millrace_consumer_records_skipped_total", {
  description: "Records that a failure policy skipped",
  incremental: true
})
const steps = Metric.histogram("millrace_consumer_step_duration_ms", {
  description: "How long the records of one step took, in milliseconds",
  boundaries: Metric.exponentialBoundaries({ start: 1, factor: 4, count: 9 })
})
const lag = Metric.gauge("millrace_consumer_lag", {
  description: "Records behind the end, over the assigned partitions"
})
const partitions = Metric.gauge("millrace_consumer_assigned_partitions", { description: "Partitions of this member" })
const pauses = Metric.counter("millrace_consumer_pauses_total", {
  description: "Partitions paused by the fetch budget",
  incremental: true
})

type Update = { updateUnsafe(input: number, context: Context.Context<never>): void }

/** The metrics of one group, with the attributes bound once. */
export interface ConsumerMetrics {
  readonly step: (batch: OutcomeBatch) => void
  readonly lag: (records: number) => void
  readonly assigned: (count: number) => void
  readonly paused: (count: number) => void
}

/** Binds the metrics of one group. */
export const make = (group: string, context: Context.Context<never>): ConsumerMetrics => {
  const byTopic = new Map<string, { readonly handled: Update; readonly skipped: Update; readonly steps: Update }>()
  const topicMetrics = (topic: string) => {
    let bound = byTopic.get(topic)
    if (bound === undefined) {
      const attributes = { group, topic }
      bound = {
        handled: Metric.withAttributes(handled, attributes),
        skipped: Metric.withAttributes(skipped, attributes),
        steps: Metric.withAttributes(steps, attributes)
      }
      byTopic.set(topic, bound)
    }
    return bound
  }
  const ofGroup = {
    lag: Metric.withAttributes(lag, { group }),
    partitions: Metric.withAttributes(partitions, { group }),
    pauses: Metric.withAttributes(pauses, { group })
  }
  return {
    step(batch) {
      const bound = topicMetrics(batch.topic)
      bound.handled.updateUnsafe(batch.handled, context)
      if (batch.exceptions.length > 0) bound.skipped.updateUnsafe(batch.exceptions.length, context)
      bound.steps.updateUnsafe(batch.duration, context)
    },
    lag: (records) => ofGroup.lag.updateUnsafe(records, context),
    assigned: (count) => ofGroup.partitions.updateUnsafe(count, context),
    paused: (count) => ofGroup.pauses.updateUnsafe(count, context)
  }
}
