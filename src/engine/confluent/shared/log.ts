/** The native client's log as lines of Effect's. */
import * as Effect from "effect/Effect"

/** The severity of lines for the search of bugs. */
export const debugSeverity = 7

/** A line of librdkafka: syslog severity, facility, text. Its texts name brokers and errors, never credentials. */
export const logLine = (entry: {
  readonly severity: number
  readonly fac: string
  readonly message: string
}): Effect.Effect<void> => {
  const line = `${entry.fac}: ${entry.message}`
  const logged = entry.severity <= 3
    ? Effect.logWarning(line)
    : entry.severity <= 5
    ? Effect.logInfo(line)
    : Effect.logDebug(line)
  return Effect.annotateLogs(logged, { client: "librdkafka" })
}
