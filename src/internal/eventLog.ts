/** What of a consumer's events is worth a line in the log, and how loud. */
import * as Effect from "effect/Effect"
import type { ConsumerEvent } from "../ConsumerEvent.ts"
import type { TopicPartition } from "../engine/KafkaEngine.ts"
import { brief } from "./causes.ts"

const list = (partitions: ReadonlyArray<TopicPartition>): string => {
  const shown = partitions.slice(0, 20).map(({ partition, topic }) => `${topic}/${partition}`).join(", ")
  return partitions.length > 20 ? `${shown} and ${partitions.length - 20} more` : shown === "" ? "none" : shown
}

/** Attempts worth a line: a record that fails for days must not fill the log. */
const isTelling = (attempts: number): boolean => attempts < 4 || Number.isInteger(Math.log2(attempts))

const routed = ({ outcomes, partition, topic }: Extract<ConsumerEvent, { readonly _tag: "Routed" }>): string => {
  const [first] = outcomes
  const to = [...new Set(outcomes.map((outcome) => "topic" in outcome ? outcome.topic : ""))].join(", ")
  const place = outcomes.length === 1 ? `offset ${first!.offset}` : `${outcomes.length} records`
  return `${topic}/${partition} ${place} sent to ${to}: ${brief(first!.cause)}`
}

const line = (event: ConsumerEvent): Effect.Effect<void> => {
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
      return isTelling(event.attempts)
        ? Effect.logWarning(
          `${event.topic}/${event.partition} offset ${event.offset} failed ${event.attempts} times, trying again: `
            + brief(event.cause)
        )
        : Effect.void
    case "Routed":
      return event.outcomes.some(({ _tag }) => _tag === "DeadLettered")
        ? Effect.logWarning(routed(event))
        : Effect.logInfo(routed(event))
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

/** Logs an event with its group as annotation. */
export const logEvent = (event: ConsumerEvent): Effect.Effect<void> =>
  Effect.annotateLogs(line(event), { group: event.group })
