/** Messages encoded as a send would, for those who keep them first and send them later. */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Predicate from "effect/Predicate"
import * as Tracer from "effect/Tracer"
import type { RawMessage } from "../../engine/KafkaEngine.ts"
import { fromInput } from "../../Message.ts"
import { TopicTypeId } from "../../Source.ts"
import type { Topic } from "../codec/encoding.ts"
import { encoderOf } from "../codec/encoding.ts"
import { atIndex, type Failure, failureOf, invalid } from "../codec/encodingFailure.ts"
import { Pending } from "../shared/codecModel.ts"
import { shown } from "../shared/fields.ts"
import * as Tracing from "../telemetry/tracing.ts"
import { CurrentTracing, noTopic, type Services } from "./route.ts"
import * as Suppression from "./suppressing.ts"

/** The span whose context the records carry. */
const spanIn = (context: Services): Tracer.Span | undefined => {
  if (Context.get(context, CurrentTracing) !== "record") return undefined
  const parent = Context.getOrUndefined(context, Tracer.ParentSpan)
  return parent?._tag === "Span" ? parent : undefined
}

/** All messages are encoded, or none: suppressed ones are left out, spans are in the headers. */
export const rawsOf = (
  topic: Topic,
  inputs: ReadonlyArray<unknown>
): Effect.Effect<ReadonlyArray<RawMessage>, Failure, any> =>
  Effect.withFiber(({ context }) => {
    if (!Predicate.hasProperty(topic, TopicTypeId)) return Effect.fail(noTopic(topic))
    if (!Array.isArray(inputs)) {
      return Effect.fail(
        invalid(topic.name, `sendAll takes an array of messages, and this is ${shown(inputs)}; send takes one`)
      )
    }
    const verdict = Suppression.verdictIn(context, topic)
    if (verdict === "off") return Effect.as(Suppression.warnIfOff, [])
    if (verdict === "all") return Effect.succeed([])
    return Effect.gen(function*() {
      const prepared = encoderOf(topic, context)
      const encode = Effect.isEffect(prepared) ? yield* prepared : prepared
      const span = spanIn(context)
      const raws: Array<RawMessage> = []
      for (let i = 0; i < inputs.length; i++) {
        const message = fromInput(topic, inputs[i])
        if (verdict !== "none" && verdict(message?.value)) continue
        const failed = (cause: unknown) => {
          const failure = failureOf(topic.name, "message", cause)
          return inputs.length === 1 ? failure : atIndex(failure, i)
        }
        const raw = yield* Effect.try({ try: () => encode(message, context), catch: failed })
        raws.push(Tracing.inject(raw instanceof Pending ? yield* Effect.mapError(raw.effect, failed) : raw, span))
      }
      return raws
    })
  })
