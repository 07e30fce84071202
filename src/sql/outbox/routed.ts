/** What goes by way of Debezium's outbox router, and what would get lost there. */
import * as Effect from "effect/Effect"
import type { RawMessage } from "../../engine/KafkaEngine.ts"
import * as Errors from "../../KafkaError.ts"

/** Of the span; without them a trace ends, and the message is the same. */
const isOfSpan = (name: string): boolean => name === "traceparent" || name === "tracestate"

const lostOf = ({ headers = [], timestamp }: RawMessage): string | undefined => {
  if (timestamp !== undefined) return "its timestamp"
  const header = headers.find(([name]) => !isOfSpan(name))
  return header === undefined ? undefined : `its header "${header[0]}"`
}

/** The router makes one header of a column, and reads no times of milliseconds. */
export const requireRoutable = (
  topic: string,
  messages: ReadonlyArray<RawMessage>
): Effect.Effect<void, Errors.KafkaError> => {
  const lost = messages.map(lostOf).find((lost) => lost !== undefined)
  if (lost === undefined) return Effect.void
  const problem = `${lost} would get lost in Debezium's outbox router; leave it out, or use \`via: "relay"\` or "log"`
  return Effect.fail(Errors.make("produce", new Errors.InvalidRecord({ topic, problem })))
}
