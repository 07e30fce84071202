/**
 * One span per handled record, for consumers that ask for it: OpenTelemetry's messaging names, W3C context from
 * headers.
 */
import * as Effect from "effect/Effect"
import * as Tracer from "effect/Tracer"
import * as Headers from "../Headers.ts"
import type * as Record from "../Record.ts"

const traceparent = /^[\da-f]{2}-([\da-f]{32})-([\da-f]{16})-([\da-f]{2})$/

/** The span that produced the record, from its `traceparent` header (W3C Trace Context). */
const parentOf = (headers: Headers.Headers): Tracer.ExternalSpan | undefined => {
  const match = traceparent.exec(Headers.get(headers, "traceparent") ?? "")
  return match === null
    ? undefined
    : Tracer.externalSpan({
      traceId: match[1]!,
      spanId: match[2]!,
      sampled: (Number.parseInt(match[3]!, 16) & 1) === 1
    })
}

/** Wraps a handler of records in a span. */
export const traced = (
  group: string,
  run: (record: Record.Record<any, any, any>) => Effect.Effect<unknown, any, any>
) =>
(record: Record.Record<any, any, any>): Effect.Effect<unknown, any, any> => {
  const parent = record.headers.length === 0 ? undefined : parentOf(record.headers)
  return Effect.withSpan(Effect.suspend(() => run(record)), `process ${record.topic}`, {
    kind: "consumer",
    ...(parent === undefined ? {} : { parent }),
    attributes: {
      "messaging.system": "kafka",
      "messaging.operation.type": "process",
      "messaging.destination.name": record.topic,
      "messaging.destination.partition.id": String(record.partition),
      "messaging.consumer.group.name": group,
      "messaging.kafka.offset": record.offset
    }
  })
}
