/**
 * Spans for consumers and producers that ask for them: OpenTelemetry's messaging names, W3C Trace Context in the
 * headers.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Tracer from "effect/Tracer"
import type { RawMessage } from "../../engine/KafkaEngine.ts"
import * as Headers from "../../Headers.ts"
import type * as Record from "../../Record.ts"

const traceparent = /^[\da-f]{2}-([\da-f]{32})-([\da-f]{16})-([\da-f]{2})$/

/** The `tracestate` of a span that came from outside. Records that its trace produces carry it on. */
const TraceState = Context.Reference<string | undefined>("millrace/internal/TraceState", {
  defaultValue: () => undefined
})

/** The span that produced the record, from its `traceparent` header (W3C Trace Context). */
const parentOf = (headers: Headers.Headers): Tracer.ExternalSpan | undefined => {
  const match = traceparent.exec(Headers.get(headers, "traceparent") ?? "")
  return match === null
    ? undefined
    : Tracer.externalSpan({
      traceId: match[1]!,
      spanId: match[2]!,
      sampled: (Number.parseInt(match[3]!, 16) & 1) === 1,
      annotations: Context.make(TraceState, Headers.get(headers, "tracestate"))
    })
}

/** Runs a handler of records in a span. */
export const traced = (
  group: string,
  run: (record: Record.Record<any, any, any>) => Effect.Effect<unknown, unknown>
) =>
(record: Record.Record<any, any, any>): Effect.Effect<unknown, unknown> => {
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

/** Runs a send in a span, a child of the current one. `count`: the messages of a batch, `undefined` for one message. */
export const sending = <A, E, R>(
  topic: string,
  count: number | undefined,
  send: (span: Tracer.Span) => Effect.Effect<A, E, R>
): Effect.Effect<A, E, R> =>
  Effect.useSpan(`send ${topic}`, {
    kind: "producer",
    attributes: {
      "messaging.system": "kafka",
      "messaging.operation.type": "send",
      "messaging.operation.name": count === undefined ? "send" : "sendAll",
      "messaging.destination.name": topic,
      ...(count === undefined ? {} : { "messaging.batch.message_count": count })
    }
  }, send)

/** The nearest `tracestate` among the ancestors of a span. */
const traceStateOf = (span: Tracer.AnySpan): string | undefined => {
  let current: Tracer.AnySpan | undefined = span
  while (current !== undefined) {
    const state = Context.get(current.annotations, TraceState)
    if (state !== undefined) return state
    current = current._tag === "Span" ? Option.getOrUndefined(current.parent) : undefined
  }
  return undefined
}

/** Adds the headers that name the span, unless the message has them already or propagation is disabled. */
export const inject = (message: RawMessage, span: Tracer.Span | undefined): RawMessage => {
  if (span === undefined || Context.get(span.annotations, Tracer.DisablePropagation)) return message
  const own = message.headers ?? Headers.empty
  if (Headers.getBytes(own, "traceparent") !== undefined) return message
  const parent = `00-${span.traceId}-${span.spanId}-${span.sampled ? "01" : "00"}`
  const state = traceStateOf(span)
  const headers = Headers.append(own, "traceparent", parent)
  return {
    ...message,
    headers: state === undefined || Headers.getBytes(own, "tracestate") !== undefined
      ? headers
      : Headers.append(headers, "tracestate", state)
  }
}
