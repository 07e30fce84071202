/** The metrics of a consumer, updated once per finished step. */
import type * as Context from "effect/Context"
import * as Metric from "effect/Metric"
import type { Outcome, OutcomeBatch } from "../../Outcome.ts"

const handled = Metric.counter("millrace_consumer_records_handled_total", {
  description: "Records whose handler succeeded",
  incremental: true
})
const skipped = Metric.counter("millrace_consumer_records_skipped_total", {
  description: "Records that a failure policy skipped",
  incremental: true
})
const retried = Metric.counter("millrace_consumer_records_retried_total", {
  description: "Records that were sent to a retry topic",
  incremental: true
})
const deadLettered = Metric.counter("millrace_consumer_records_dead_lettered_total", {
  description: "Records that were sent to a dead letter topic",
  incremental: true
})
const lateness = Metric.histogram("millrace_consumer_retry_lateness_ms", {
  description: "How long after its due time a record of a retry topic was handled, in milliseconds",
  boundaries: Metric.exponentialBoundaries({ start: 1, factor: 4, count: 9 })
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
  readonly late: (topic: string, millis: number) => void
  /** Nothing of a topic is measured until further notice. */
  readonly forget: (topic: string) => void
  readonly lag: (records: number) => void
  readonly assigned: (count: number) => void
  readonly paused: (count: number) => void
}

/** Binds the metrics of one group. */
export const make = (group: string, context: Context.Context<never>): ConsumerMetrics => {
  const byTopic = new Map<string, {
    readonly handled: Update
    readonly steps: Update
    readonly late: Update
    readonly outcomes: { readonly [tag in Outcome["_tag"]]: Update }
  }>()
  const topicMetrics = (topic: string) => {
    let bound = byTopic.get(topic)
    if (bound === undefined) {
      const attributes = { group, topic }
      bound = {
        handled: Metric.withAttributes(handled, attributes),
        steps: Metric.withAttributes(steps, attributes),
        late: Metric.withAttributes(lateness, attributes),
        outcomes: {
          Skipped: Metric.withAttributes(skipped, attributes),
          Retried: Metric.withAttributes(retried, attributes),
          DeadLettered: Metric.withAttributes(deadLettered, attributes)
        }
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
      for (const { _tag } of batch.exceptions) bound.outcomes[_tag].updateUnsafe(1, context)
      bound.steps.updateUnsafe(batch.duration, context)
    },
    forget: (topic) => void byTopic.delete(topic),
    late: (topic, millis) => topicMetrics(topic).late.updateUnsafe(millis, context),
    lag: (records) => ofGroup.lag.updateUnsafe(records, context),
    assigned: (count) => ofGroup.partitions.updateUnsafe(count, context),
    paused: (count) => ofGroup.pauses.updateUnsafe(count, context)
  }
}
