/** Which events of a consumer become lines of the log, and at which level. */
import type * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import type { ConsumerEvent } from "../../ConsumerEvent.ts"
import type { TopicPartition } from "../../engine/KafkaEngine.ts"
import { brief } from "../shared/causes.ts"

const list = (partitions: ReadonlyArray<TopicPartition>): string => {
  const shown = partitions.slice(0, 20).map(({ partition, topic }) => `${topic}/${partition}`).join(", ")
  return partitions.length > 20 ? `${shown} and ${partitions.length - 20} more` : shown === "" ? "none" : shown
}

/** The first attempts, then only powers of two: a record that fails for days must not fill the log. */
const isLogged = (attempts: number): boolean => attempts < 4 || Number.isInteger(Math.log2(attempts))

type Routed = Extract<ConsumerEvent, { readonly _tag: "Routed" }>

const routed = ({ outcomes, partition, topic }: Routed, omitted: number): string => {
  const [first] = outcomes
  const to = [...new Set(outcomes.map((outcome) => "topic" in outcome ? outcome.topic : ""))].join(", ")
  const place = outcomes.length === 1 ? `offset ${first!.offset}` : `${outcomes.length} records`
  const more = omitted === 0 ? "" : `; ${omitted} more since the last line about this topic`
  return `${topic}/${partition} ${place} sent to ${to}: ${brief(first!.cause)}${more}`
}

/** A topic whose records all fail must not fill the log: its lines are at least this long apart, in milliseconds. */
const routedEvery = 1_000

/** Lines about copies of failed records, limited per topic. */
class RoutedLines {
  private readonly byTopic = new Map<string, { at: number; omitted: number }>()

  line(event: Routed, now: number): Effect.Effect<void> {
    const last = this.byTopic.get(event.topic)
    if (last !== undefined && now - last.at < routedEvery) {
      last.omitted += event.outcomes.length
      return Effect.void
    }
    this.byTopic.set(event.topic, { at: now, omitted: 0 })
    const text = routed(event, last?.omitted ?? 0)
    return event.outcomes.some(({ _tag }) => _tag === "DeadLettered") ? Effect.logWarning(text) : Effect.logInfo(text)
  }
}

const line = (event: Exclude<ConsumerEvent, Routed>): Effect.Effect<void> => {
  switch (event._tag) {
    case "Started":
      return Effect.logInfo("consumer started")
    case "Stopped":
      return Effect.logInfo("consumer stopped")
    case "Assigned":
    case "Revoked":
      return Effect.logInfo(`${event._tag.toLowerCase()}: ${list(event.partitions)}`)
    case "Lost":
      return Effect.logWarning(`lost without warning: ${list(event.partitions)}`)
    case "Drained":
      return event.timedOut
        ? Effect.logWarning(`${event.topic}/${event.partition} was not drained in time: ${event.reason}`)
        : Effect.logDebug(`${event.topic}/${event.partition} drained in ${event.duration} ms`)
    case "CommitFailed":
      return Effect.logWarning(`offsets were not committed: ${event.error.message}`)
    case "Skipped":
      return Effect.logWarning(
        `skipped ${event.topic}/${event.partition} offset ${event.offset}: ${brief(event.cause)}`
      )
    case "Waiting":
      return isLogged(event.attempts)
        ? Effect.logWarning(
          `${event.topic}/${event.partition} offset ${event.offset} failed ${event.attempts} times, trying again: `
            + brief(event.cause)
        )
        : Effect.void
    case "Held":
      return Effect.logError(
        `holding ${event.topic}/${event.partition} at offset ${event.error.offset}: ${brief(event.error.cause)}`
      )
    case "Stalled":
      return Effect.logError(
        `${event.topic}/${event.partition} has been at offset ${event.offset} for ${event.stalledMs} ms`
      )
    case "Reset":
      return event.outOfRange
        ? Effect.logWarning(`${event.topic}/${event.partition}: position reset: ${event.problem}`)
        : Effect.logDebug(`${event.topic}/${event.partition}: ${event.problem}`)
    case "Disturbed":
      return Effect.logWarning(event.error.message)
    case "Failed":
      return Effect.logError(`consumer failed: ${event.error.message}`)
    case "Paused":
    case "Resumed":
      return Effect.logDebug(`${event._tag.toLowerCase()}: ${list(event.partitions)}`)
    case "Stored":
    case "Committed":
    case "Statistics":
      return Effect.void
  }
}

/** Makes a function that logs the events of a run, annotated with the group. */
export const make = (clock: Clock.Clock): (event: ConsumerEvent) => Effect.Effect<void> => {
  const lines = new RoutedLines()
  return (event) => {
    const logged = event._tag === "Routed" ? lines.line(event, clock.currentTimeMillisUnsafe()) : line(event)
    return Effect.annotateLogs(logged, { group: event.group })
  }
}
