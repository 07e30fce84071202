/** Which events of a consumer become lines of the log, and at which level. */
import type * as Cause from "effect/Cause"
import type * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import type { ConsumerEvent } from "../../ConsumerEvent.ts"
import type { TopicPartition } from "../../engine/KafkaEngine.ts"
import { brief, shortened } from "../shared/causes.ts"
import { type Entry, LimitedLines } from "./limitedLines.ts"

type Log = (...message: ReadonlyArray<unknown>) => Effect.Effect<void>

/** A line; one that is too long is there as a whole at the level debug. */
const whole = (log: Log, text: string, more = ""): Effect.Effect<void> => {
  const short = shortened(text)
  const line = log(`${short}${more}`)
  return short === text ? line : Effect.andThen(line, Effect.logDebug(`${text}${more}`))
}

const written = (log: Log, text: string, cause: Cause.Cause<unknown>, more?: string): Effect.Effect<void> =>
  whole(log, `${text}: ${brief(cause)}`, more)

const list = (partitions: ReadonlyArray<TopicPartition>): string => {
  const shown = partitions.slice(0, 20).map(({ partition, topic }) => `${topic}/${partition}`).join(", ")
  return partitions.length > 20 ? `${shown} and ${partitions.length - 20} more` : shown === "" ? "none" : shown
}

/** The first attempts, then only powers of two: a record that fails for days must not fill the log. */
const isLogged = (attempts: number): boolean => attempts < 4 || Number.isInteger(Math.log2(attempts))

type Routed = Extract<ConsumerEvent, { readonly _tag: "Routed" }>

type Skipped = Extract<ConsumerEvent, { readonly _tag: "Skipped" }>

/** A line of which there may be many. */
interface Limited {
  readonly entry: Entry
  readonly text: string
  readonly cause: Cause.Cause<unknown>
}

const words = { retried: "sent to retry topics", "dead lettered": "sent to dead letter topics", skipped: "skipped" }

const levels: { readonly [kind in Entry["kind"]]: Log } = {
  retried: Effect.logInfo,
  "dead lettered": Effect.logWarning,
  skipped: Effect.logWarning
}

const routed = ({ partition, topic }: Routed, kind: Entry["kind"], outcomes: Routed["outcomes"]): Limited => {
  const [first] = outcomes
  const to = [...new Set(outcomes.map((outcome) => "topic" in outcome ? outcome.topic : ""))].join(", ")
  const place = outcomes.length === 1 ? `offset ${first!.offset}` : `${outcomes.length} records`
  return {
    entry: { kind, topic, records: outcomes.length },
    text: `${topic}/${partition} ${place} sent to ${to}`,
    cause: first!.cause
  }
}

/** One for each level: a warning is not left out because of a line that is none. */
const limited = (event: Routed | Skipped): ReadonlyArray<Limited> => {
  if (event._tag === "Skipped") {
    const { cause, offset, partition, topic } = event
    return [{
      entry: { kind: "skipped", topic, records: 1 },
      text: `skipped ${topic}/${partition} offset ${offset}`,
      cause
    }]
  }
  const letters = event.outcomes.filter(({ _tag }) => _tag === "DeadLettered")
  const retries = event.outcomes.filter(({ _tag }) => _tag !== "DeadLettered")
  return [
    ...(letters.length > 0 ? [routed(event, "dead lettered", letters)] : []),
    ...(retries.length > 0 ? [routed(event, "retried", retries)] : [])
  ]
}

const line = (event: Exclude<ConsumerEvent, Routed | Skipped>): Effect.Effect<void> => {
  switch (event._tag) {
    case "Started":
      return Effect.logInfo("consumer started")
    case "Stopped":
      return event.cause === undefined
        ? Effect.logInfo("consumer stopped")
        : written(Effect.logError, "consumer ended because of a defect", event.cause)
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
      return Effect.logWarning(`offsets were not committed: ${shortened(event.error.message)}`)
    case "Waiting":
      return isLogged(event.attempts)
        ? written(
          Effect.logWarning,
          `${event.topic}/${event.partition} offset ${event.offset} failed ${event.attempts} times, trying again`,
          event.cause
        )
        : Effect.void
    case "Held": {
      const { cause, offset, problem } = event.error
      const place = `holding ${event.topic}/${event.partition}${offset < 0 ? "" : ` at offset ${offset}`}`
      return written(Effect.logError, place, cause, problem === undefined ? "" : `; ${shortened(problem)}`)
    }
    case "Unsent":
      return Effect.logError(
        `${event.topic}/${event.partition} waits at offset ${event.offset}: its copy for topic "${event.to}" has not `
          + `been acknowledged for ${Math.round(event.waitedMs / 1000)} s: ${
            shortened(event.error?.message ?? "no broker answered")
          }`
      )
    case "Stalled":
      return Effect.logError(
        `${event.topic}/${event.partition} ${
          event.offset < 0 ? "has not moved" : `has been at offset ${event.offset}`
        } for ${event.stalledMs} ms: ${shortened(event.problem)}`
      )
    case "Reset":
      return event.outOfRange
        ? Effect.logWarning(`${event.topic}/${event.partition}: position reset: ${event.problem}`)
        : Effect.logDebug(`${event.topic}/${event.partition}: ${event.problem}`)
    case "Disturbed":
      return Effect.logWarning(shortened(event.error.message))
    case "Failed":
      return whole(Effect.logError, `consumer failed: ${event.error.message}`)
    case "Paused":
    case "Resumed":
      return Effect.logDebug(`${event._tag.toLowerCase()}: ${list(event.partitions)}`)
    case "Stored":
    case "Committed":
    case "Statistics":
      return Effect.void
  }
}

/** The log of one run. */
export interface EventLog {
  readonly log: (event: ConsumerEvent) => Effect.Effect<void>
  /** Whether there is something to write without another event. */
  readonly isDue: () => boolean
  /** Writes how many lines were left out, where no other line says it. */
  readonly flush: Effect.Effect<void>
}

/** Makes the log of a run, annotated with the group. */
export const make = (group: string, clock: Clock.Clock): EventLog => {
  const lines = new LimitedLines()
  const now = () => clock.currentTimeMillisUnsafe()

  const admit = ({ cause, entry, text }: Limited): Effect.Effect<void> => {
    const omitted = lines.admit(entry, now())
    if (omitted === undefined) return Effect.void
    const more = omitted === 0 ? "" : `; ${omitted} more ${words[entry.kind]} since the last line about this topic`
    return written(levels[entry.kind], text, cause, more)
  }

  const counts = (all: boolean): Effect.Effect<void> =>
    Effect.forEach(
      lines.take(now(), all),
      ({ kind, omitted, topic }) =>
        levels[kind](`${topic}: ${omitted} more ${words[kind]} since the last line about this topic`),
      { discard: true }
    )

  const logged = (event: ConsumerEvent): Effect.Effect<void> => {
    switch (event._tag) {
      case "Routed":
      case "Skipped":
        return Effect.forEach(limited(event), admit, { discard: true })
      case "Stopped":
      case "Failed":
        return Effect.andThen(counts(true), line(event))
      default:
        return line(event)
    }
  }

  return {
    log: (event) => Effect.annotateLogs(logged(event), { group }),
    isDue: () => lines.isDue(now()),
    flush: Effect.annotateLogs(Effect.suspend(() => counts(false)), { group })
  }
}
