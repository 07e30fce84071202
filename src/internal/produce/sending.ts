/**
 * The path of a message from `Producer.send` to the engine's client. It runs once per record, so what can be found out
 * once per topic is kept in a `Route`.
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import type * as Tracer from "effect/Tracer"
import type { Delivery, DeliveryCallback, RawMessage } from "../../engine/KafkaEngine.ts"
import { invalidSetting, type KafkaError } from "../../KafkaError.ts"
import { type AnyMessage, fromInput } from "../../Message.ts"
import type { Topic } from "../codec/encoding.ts"
import { atIndex, type Failure, failureOf, invalid } from "../codec/encodingFailure.ts"
import { Pending } from "../shared/codecModel.ts"
import { shown } from "../shared/fields.ts"
import * as Tracing from "../telemetry/tracing.ts"
import { type Route, routeIn, type Services } from "./route.ts"
import * as Suppression from "./suppressing.ts"

type Resume = (effect: Effect.Effect<Delivery, Failure>) => void

/** Encodes one message. What its codec throws or fails with is an error of the send. */
const encodeOne = (
  { encode, topic: { name } }: Route,
  context: Services,
  message: AnyMessage,
  span: Tracer.Span | undefined
): RawMessage | Effect.Effect<RawMessage, Failure> => {
  try {
    const raw = encode(message, context)
    return raw instanceof Pending
      ? Effect.mapBoth(raw.effect, {
        onSuccess: (raw) => Tracing.inject(raw, span),
        onFailure: (cause) => failureOf(name, "message", cause)
      })
      : span === undefined
      ? raw
      : Tracing.inject(raw, span)
  } catch (cause) {
    return Effect.fail(failureOf(name, "message", cause))
  }
}

/** Hands one record to the client, waiting for space, and resumes with its acknowledgement. */
const produce = (route: Route, context: Services, raw: RawMessage, resume: Resume): void => {
  const taken = route.client.produce(raw, (error, delivery) => {
    if (error === undefined) {
      route.metrics.sent(1, context)
      resume(Effect.succeed(delivery!))
    } else {
      route.metrics.failed(error, context)
      resume(Effect.fail(error))
    }
  })
  if (!taken) resume(Effect.andThen(route.client.whenSpace, deliver(route, context, raw)))
}

const deliver = (route: Route, context: Services, raw: RawMessage): Effect.Effect<Delivery, Failure> =>
  Effect.callback<Delivery, Failure>((resume) => produce(route, context, raw, resume))

/** Encodes one message and hands it over. */
const start = (
  route: Route,
  context: Services,
  message: AnyMessage,
  span: Tracer.Span | undefined,
  resume: Resume
): void => {
  const raw = encodeOne(route, context, message, span)
  if (Effect.isEffect(raw)) resume(Effect.flatMap(raw, (raw) => deliver(route, context, raw)))
  else produce(route, context, raw, resume)
}

const sendTraced = (route: Route, context: Services, message: AnyMessage): Effect.Effect<Delivery, Failure> =>
  Tracing.sending(route.topic.name, undefined, (span) =>
    Effect.map(
      Effect.callback<Delivery, Failure>((resume) => start(route, context, message, span, resume)),
      (delivery) => {
        span.attribute("messaging.destination.partition.id", String(delivery.partition))
        span.attribute("messaging.kafka.offset", delivery.offset)
        return delivery
      }
    ))

const sendBy = (route: Route, context: Services, message: AnyMessage): Effect.Effect<Delivery, Failure> =>
  route.suppresses?.(message?.value)
    ? Effect.succeed(Suppression.nowhere(route.topic.name))
    : route.traced
    ? sendTraced(route, context, message)
    : Effect.callback<Delivery, Failure>((resume) => start(route, context, message, undefined, resume))

/** Sends one message. After the first one of a topic, almost all of the cost is the callback's. */
export const send = (topic: Topic, input: unknown): Effect.Effect<Delivery, Failure, any> =>
  Effect.callback<Delivery, Failure, any>((resume) => {
    const message = fromInput(topic, input)
    // The waiting fiber is the current one: `getCurrent` saves the step that `withFiber` would add.
    const { context } = Fiber.getCurrent()!
    const route = routeIn(context, topic)
    if (route === undefined) resume(Effect.succeed(Suppression.nowhere(topic.name)))
    else if (Effect.isEffect(route)) {
      resume(
        Effect.flatMap(
          route,
          (route) =>
            route === undefined ? Effect.succeed(Suppression.nowhere(topic.name)) : sendBy(route, context, message)
        )
      )
    } else if (route.traced || route.suppresses !== undefined) resume(sendBy(route, context, message))
    else start(route, context, message, undefined, resume)
  })

/** Calls what sends with the route of the current context, or what does nothing when the topic is suppressed. */
const withRoute = <A, E>(
  topic: Topic,
  run: (route: Route, context: Services) => Effect.Effect<A, E, any>,
  suppressed: () => A
): Effect.Effect<A, E | KafkaError, any> =>
  Effect.withFiber(({ context }) => {
    const by = (route: Route | undefined) => route === undefined ? Effect.sync(suppressed) : run(route, context)
    const route = routeIn(context, topic)
    return Effect.isEffect(route) ? Effect.flatMap(route, by) : by(route)
  })

/** Hands many records to the client, waiting for space, and ends when each is acknowledged or has failed. */
const deliverAll = Effect.fnUntraced(function*(
  { client, metrics }: Route,
  context: Services,
  raws: ReadonlyArray<RawMessage>
): Effect.fn.Return<ReadonlyArray<Delivery>, KafkaError> {
  const clock = yield* Clock.Clock
  const began = clock.monotonicTimeNanosUnsafe()
  const deliveries = new Array<Delivery>(raws.length)
  let failure: KafkaError | undefined
  let handed = 0
  let settled = 0
  let uncounted = 0
  let finish: (() => void) | undefined
  for (let i = 0; i < raws.length; i++) {
    const done: DeliveryCallback = (error, delivery) => {
      if (error === undefined) {
        deliveries[i] = delivery!
        uncounted++
      } else {
        metrics.failed(error, context)
        failure ??= error
      }
      // Counted on the way too, so that an interrupted batch is counted as far as it got.
      if (++settled === handed && uncounted > 0) {
        metrics.sent(uncounted, context)
        uncounted = 0
      }
      if (settled === raws.length) finish?.()
    }
    handed++
    while (!client.produce(raws[i]!, done)) {
      handed--
      yield* client.whenSpace
      handed++
    }
  }
  yield* Effect.callback<void>((resume) => {
    finish = () => resume(Effect.void)
    if (settled === raws.length) finish()
  })
  metrics.took(Number(clock.monotonicTimeNanosUnsafe() - began) / 1e9, failure, context)
  return failure === undefined ? deliveries : yield* failure
})

const sendBatch = Effect.fnUntraced(function*(
  route: Route,
  context: Services,
  messages: ReadonlyArray<AnyMessage>,
  places: ReadonlyArray<number> | undefined,
  span: Tracer.Span | undefined
): Effect.fn.Return<ReadonlyArray<Delivery>, Failure> {
  const raws: Array<RawMessage> = []
  for (let i = 0; i < messages.length; i++) {
    const raw = encodeOne(route, context, messages[i]!, span)
    raws.push(
      Effect.isEffect(raw) ? yield* Effect.mapError(raw, (failure) => atIndex(failure, places?.[i] ?? i)) : raw
    )
  }
  return yield* deliverAll(route, context, raws)
})

/** `places` are the indices of the messages, where some are left out. */
const sendAllBy = (
  route: Route,
  context: Services,
  messages: ReadonlyArray<AnyMessage>,
  places?: ReadonlyArray<number>
): Effect.Effect<ReadonlyArray<Delivery>, Failure> =>
  messages.length === 0
    ? Effect.succeed([])
    : route.traced
    ? Tracing.sending(
      route.topic.name,
      messages.length,
      (span) => sendBatch(route, context, messages, places, span)
    )
    : sendBatch(route, context, messages, places, undefined)

/** Sends what is not suppressed; the deliveries are in the order of all messages. */
const sendRest = (
  route: Route,
  context: Services,
  messages: ReadonlyArray<AnyMessage>,
  suppresses: (value: unknown) => boolean
): Effect.Effect<ReadonlyArray<Delivery>, Failure> => {
  const suppressed = messages.map((message) => suppresses(message?.value))
  const places = messages.flatMap((_, i) => suppressed[i] ? [] : [i])
  return Effect.map(sendAllBy(route, context, places.map((i) => messages[i]!), places), (deliveries) => {
    let next = 0
    return suppressed.map((yes) => yes ? Suppression.nowhere(route.topic.name) : deliveries[next++]!)
  })
}

/** Encodes all messages, sends them, and waits once. */
export const sendAll = (
  topic: Topic,
  inputs: ReadonlyArray<unknown>
): Effect.Effect<ReadonlyArray<Delivery>, Failure, any> => {
  if (!Array.isArray(inputs)) {
    return Effect.fail(
      invalid(topic?.name ?? "", `sendAll takes an array of messages, and this is ${shown(inputs)}; send takes one`)
    )
  }
  return withRoute(
    topic,
    (route, context) => {
      const messages = inputs.map((input) => fromInput(topic, input))
      return route.suppresses === undefined
        ? sendAllBy(route, context, messages)
        : sendRest(route, context, messages, route.suppresses)
    },
    () => inputs.map(() => Suppression.nowhere(topic.name))
  )
}

type OnError = (error: KafkaError) => Effect.Effect<unknown, never, any>

const isHandler = (value: unknown): value is OnError => typeof value === "function"

const handOver = Effect.fnUntraced(function*(
  route: Route,
  context: Services,
  message: AnyMessage,
  span: Tracer.Span | undefined,
  onError: OnError
): Effect.fn.Return<void, Failure, any> {
  const { client, metrics } = route
  const encoded = encodeOne(route, context, message, span)
  const raw = Effect.isEffect(encoded) ? yield* encoded : encoded
  const current = yield* Effect.context<any>()
  const done: DeliveryCallback = (error) => {
    if (error === undefined) return metrics.sent(1, context)
    metrics.failed(error, context)
    Effect.runForkWith(current)(onError(error))
  }
  while (!client.produce(raw, done)) yield* client.whenSpace
})

/** Hands one message to the client without waiting for its acknowledgement. */
export const offer = (
  topic: Topic,
  input: unknown,
  options: { readonly onError: OnError }
): Effect.Effect<void, Failure, any> => {
  const onError: unknown = options?.onError
  if (!isHandler(onError)) {
    return Effect.fail(invalidSetting("onError", `${shown(onError)} is no function that takes the error of the record`))
  }
  return withRoute(
    topic,
    (route, context) => {
      const message = fromInput(topic, input)
      if (route.suppresses?.(message?.value)) return Effect.void
      return route.traced
        ? Tracing.sending(topic.name, undefined, (span) => handOver(route, context, message, span, onError))
        : handOver(route, context, message, undefined, onError)
    },
    () => {}
  )
}
