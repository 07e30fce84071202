/**
 * The path of a message from `Producer.send` to the engine's client. It runs once per record, so what can be found out
 * once per topic and context is kept in a `Route`.
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import type * as Schema from "effect/Schema"
import type * as Tracer from "effect/Tracer"
import { Pending } from "../../Codec.ts"
import type { Delivery, DeliveryCallback, ProducerClient, RawMessage } from "../../engine/KafkaEngine.ts"
import * as KafkaEngine from "../../engine/KafkaEngine.ts"
import type { KafkaError } from "../../KafkaError.ts"
import type * as Topic from "../../Topic.ts"
import * as Encoding from "../codec/encoding.ts"
import * as Metrics from "../telemetry/producerMetrics.ts"
import * as Tracing from "../telemetry/tracing.ts"
import * as Suppression from "./suppressing.ts"
import { CurrentTransaction } from "./transactions.ts"

/** Whether sends are traced; public as `Producer.Tracing`. */
export const CurrentTracing = Context.Reference<"off" | "record">("millrace/Producer/Tracing", {
  defaultValue: () => "off"
})

type AnyTopic = Topic.Topic<any, any, any, any, any>
type Failure = KafkaError | Schema.SchemaError
type Resume = (effect: Effect.Effect<Delivery, Failure>) => void

/** What a send needs to know about its topic and context, found out once. */
interface Route {
  readonly topic: AnyTopic
  readonly client: ProducerClient
  readonly encode: Encoding.Encode
  readonly metrics: Metrics.ProducerMetrics
  readonly traced: boolean
  /** Says of a value whether it is suppressed; `undefined` when none is. */
  readonly suppresses: ((value: unknown) => boolean) | undefined
}

/** The client of a context: that of its transaction, or the shared one of its engine. A context never changes. */
interface Origin {
  readonly client: ProducerClient
  readonly routes: WeakMap<AnyTopic, Route>
  /** The route that was used last: many contexts send to one topic only. */
  last: Route | undefined
}

const origins = new WeakMap<Context.Context<never>, Origin>()

const currentOrigin: Effect.Effect<Origin, KafkaError, KafkaEngine.Service> = Effect.withFiber((fiber) => {
  const { context } = fiber
  const known = origins.get(context)
  if (known !== undefined) return Effect.succeed(known)
  const transaction = fiber.getRef(CurrentTransaction)
  const client = transaction === undefined
    ? Effect.flatMap(KafkaEngine.Service, (engine) => engine.producer)
    : Effect.succeed(transaction.client)
  return Effect.map(client, (client) => {
    const origin: Origin = { client, routes: new WeakMap(), last: undefined }
    origins.set(context, origin)
    return origin
  })
})

/** The client that the current fiber sends with. */
export const currentClient: Effect.Effect<ProducerClient, KafkaError, KafkaEngine.Service> = Effect.map(
  currentOrigin,
  ({ client }) => client
)

const knownRoute = (context: Context.Context<never>, topic: AnyTopic): Route | undefined => {
  const origin = origins.get(context)
  if (origin === undefined) return undefined
  return origin.last?.topic === topic ? origin.last : origin.last = origin.routes.get(topic)
}

/** `undefined` when the whole topic is suppressed; then neither an encoder nor a client is made. */
const makeRoute = Effect.fnUntraced(function*(topic: AnyTopic): Effect.fn.Return<Route | undefined, KafkaError, any> {
  const verdict = yield* Suppression.verdictOf(topic)
  if (verdict === "all") return undefined
  const encode = yield* Encoding.encoderOf(topic)
  const { client, routes } = yield* currentOrigin
  const context = yield* Effect.context<never>()
  const route: Route = {
    topic,
    client,
    encode,
    metrics: Metrics.make(topic.name, context),
    traced: (yield* CurrentTracing) === "record",
    suppresses: verdict === "none" ? undefined : verdict
  }
  routes.set(topic, route)
  return route
})

const routeOf = (topic: AnyTopic): Effect.Effect<Route | undefined, KafkaError, any> =>
  Effect.withFiber(({ context }) => {
    const known = knownRoute(context, topic)
    return known === undefined ? makeRoute(topic) : Effect.succeed(known)
  })

/** Encodes one message. What its codec throws or fails with is an error of the send. */
const encodeOne = (
  { encode, topic: { name } }: Route,
  message: Encoding.AnyMessage,
  span: Tracer.Span | undefined
): RawMessage | Effect.Effect<RawMessage, Failure> => {
  try {
    const raw = encode(message)
    return raw instanceof Pending
      ? Effect.mapBoth(raw.effect, {
        onSuccess: (raw) => Tracing.inject(raw, span),
        onFailure: (cause) => Encoding.failure(name, cause)
      })
      : span === undefined
      ? raw
      : Tracing.inject(raw, span)
  } catch (cause) {
    return Effect.fail(Encoding.failure(name, cause))
  }
}

/** Hands one record to the client, waiting for space, and resumes with its acknowledgement. */
const produce = (route: Route, raw: RawMessage, resume: Resume): void => {
  const taken = route.client.produce(raw, (error, delivery) => {
    if (error === undefined) {
      route.metrics.sent(1)
      resume(Effect.succeed(delivery!))
    } else {
      route.metrics.failed(error)
      resume(Effect.fail(error))
    }
  })
  if (!taken) resume(Effect.andThen(route.client.whenSpace, deliver(route, raw)))
}

const deliver = (route: Route, raw: RawMessage): Effect.Effect<Delivery, Failure> =>
  Effect.callback<Delivery, Failure>((resume) => produce(route, raw, resume))

/** Encodes one message and hands it over. */
const start = (
  route: Route,
  message: Encoding.AnyMessage,
  span: Tracer.Span | undefined,
  resume: Resume
): void => {
  const raw = encodeOne(route, message, span)
  if (Effect.isEffect(raw)) resume(Effect.flatMap(raw, (raw) => deliver(route, raw)))
  else produce(route, raw, resume)
}

const sendTraced = (route: Route, message: Encoding.AnyMessage): Effect.Effect<Delivery, Failure> =>
  Tracing.sending(route.topic.name, undefined, (span) =>
    Effect.map(
      Effect.callback<Delivery, Failure>((resume) => start(route, message, span, resume)),
      (delivery) => {
        span.attribute("messaging.destination.partition.id", String(delivery.partition))
        span.attribute("messaging.kafka.offset", delivery.offset)
        return delivery
      }
    ))

const sendBy = (route: Route, message: Encoding.AnyMessage): Effect.Effect<Delivery, Failure> =>
  route.suppresses?.(message.value)
    ? Effect.succeed(Suppression.nowhere(route.topic.name))
    : route.traced
    ? sendTraced(route, message)
    : Effect.callback<Delivery, Failure>((resume) => start(route, message, undefined, resume))

/** Sends one message. After the first one of a context and topic, almost all of the cost is the callback's. */
export const send = (topic: AnyTopic, message: Encoding.AnyMessage): Effect.Effect<Delivery, Failure, any> =>
  Effect.callback<Delivery, Failure, any>((resume) => {
    // The waiting fiber is the current one: `getCurrent` saves the step that `withFiber` would add.
    const route = knownRoute(Fiber.getCurrent()!.context, topic)
    if (route === undefined) {
      resume(
        Effect.flatMap(
          makeRoute(topic),
          (route) => route === undefined ? Effect.succeed(Suppression.nowhere(topic.name)) : sendBy(route, message)
        )
      )
    } else if (route.traced || route.suppresses !== undefined) resume(sendBy(route, message))
    else start(route, message, undefined, resume)
  })

/** Hands many records to the client, waiting for space, and ends when each is acknowledged or has failed. */
const deliverAll = Effect.fnUntraced(function*(
  { client, metrics }: Route,
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
        metrics.failed(error)
        failure ??= error
      }
      // Counted on the way too, so that an interrupted batch is counted as far as it got.
      if (++settled === handed && uncounted > 0) {
        metrics.sent(uncounted)
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
  metrics.took(Number(clock.monotonicTimeNanosUnsafe() - began) / 1e9, failure)
  return failure === undefined ? deliveries : yield* failure
})

const sendBatch = Effect.fnUntraced(function*(
  route: Route,
  messages: ReadonlyArray<Encoding.AnyMessage>,
  span: Tracer.Span | undefined
): Effect.fn.Return<ReadonlyArray<Delivery>, Failure> {
  const raws: Array<RawMessage> = []
  for (const message of messages) {
    const raw = encodeOne(route, message, span)
    raws.push(Effect.isEffect(raw) ? yield* raw : raw)
  }
  return yield* deliverAll(route, raws)
})

const sendAllBy = (
  route: Route,
  messages: ReadonlyArray<Encoding.AnyMessage>
): Effect.Effect<ReadonlyArray<Delivery>, Failure> =>
  messages.length === 0
    ? Effect.succeed([])
    : route.traced
    ? Tracing.sending(route.topic.name, messages.length, (span) => sendBatch(route, messages, span))
    : sendBatch(route, messages, undefined)

/** Sends what is not suppressed; the deliveries are in the order of all messages. */
const sendRest = (
  route: Route,
  messages: ReadonlyArray<Encoding.AnyMessage>,
  suppresses: (value: unknown) => boolean
): Effect.Effect<ReadonlyArray<Delivery>, Failure> => {
  const suppressed = messages.map(({ value }) => suppresses(value))
  return Effect.map(sendAllBy(route, messages.filter((_, i) => !suppressed[i])), (deliveries) => {
    let next = 0
    return suppressed.map((yes) => yes ? Suppression.nowhere(route.topic.name) : deliveries[next++]!)
  })
}

/** Encodes all messages, sends them, and waits once. */
export const sendAll = (
  topic: AnyTopic,
  messages: ReadonlyArray<Encoding.AnyMessage>
): Effect.Effect<ReadonlyArray<Delivery>, Failure, any> =>
  Effect.flatMap(routeOf(topic), (route) =>
    route === undefined
      ? Effect.succeed(messages.map(() => Suppression.nowhere(topic.name)))
      : route.suppresses === undefined
      ? sendAllBy(route, messages)
      : sendRest(route, messages, route.suppresses))

const handOver = Effect.fnUntraced(function*(
  route: Route,
  message: Encoding.AnyMessage,
  span: Tracer.Span | undefined,
  onError: (error: KafkaError) => Effect.Effect<unknown, never, any>
): Effect.fn.Return<void, Failure, any> {
  const { client, metrics } = route
  const encoded = encodeOne(route, message, span)
  const raw = Effect.isEffect(encoded) ? yield* encoded : encoded
  const context = yield* Effect.context<any>()
  const done: DeliveryCallback = (error) => {
    if (error === undefined) return metrics.sent(1)
    metrics.failed(error)
    Effect.runForkWith(context)(onError(error))
  }
  while (!client.produce(raw, done)) yield* client.whenSpace
})

/** Hands one message to the client without waiting for its acknowledgement. */
export const offer = (
  topic: AnyTopic,
  message: Encoding.AnyMessage,
  { onError }: { readonly onError: (error: KafkaError) => Effect.Effect<unknown, never, any> }
): Effect.Effect<void, Failure, any> =>
  Effect.flatMap(routeOf(topic), (route) =>
    route === undefined || route.suppresses?.(message.value)
      ? Effect.void
      : route.traced
      ? Tracing.sending(topic.name, undefined, (span) => handOver(route, message, span, onError))
      : handOver(route, message, undefined, onError))
