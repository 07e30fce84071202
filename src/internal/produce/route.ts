/** What a send needs to know about its topic, for the context that it runs in. */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Predicate from "effect/Predicate"
import type { ProducerClient } from "../../engine/KafkaEngine.ts"
import * as KafkaEngine from "../../engine/KafkaEngine.ts"
import { invalidSetting, type KafkaError } from "../../KafkaError.ts"
import { TopicTypeId } from "../../Source.ts"
import * as Encoding from "../codec/encoding.ts"
import { shown } from "../shared/fields.ts"
import * as Metrics from "../telemetry/producerMetrics.ts"
import * as Suppression from "./suppressing.ts"
import { CurrentTransaction } from "./transactions.ts"

/** Whether sends are traced; public as `Producer.Tracing`. */
export const CurrentTracing = Context.Reference<"off" | "record">("millrace/Producer/Tracing", {
  defaultValue: () => "off"
})

/** The context of the fiber that sends. */
export type Services = Context.Context<never>

/** All that a send needs to know about its topic. Contexts with the same services share it. */
export interface Route {
  readonly topic: Encoding.Topic
  readonly client: ProducerClient
  readonly encode: Encoding.Encode
  readonly metrics: Metrics.ProducerMetrics
  readonly traced: boolean
  /** Says of a value whether it is suppressed; `undefined` when none is. */
  readonly suppresses: ((value: unknown) => boolean) | undefined
}

/** The shared clients of the engines that were used for a send. */
const producers = new WeakMap<KafkaEngine.Service["Service"], ProducerClient>()

/** The client that a context sends with: its transaction's, or the shared one of its engine. */
const clientIn = (context: Services): ProducerClient | undefined => {
  const transaction = Context.get(context, CurrentTransaction)
  if (transaction !== undefined) return transaction.client
  const engine = Context.getOrUndefined(context, KafkaEngine.Service)
  return engine === undefined ? undefined : producers.get(engine)
}

/** The client that the current fiber sends with; it is made on first use. */
export const currentClient: Effect.Effect<ProducerClient, KafkaError, KafkaEngine.Service> = Effect.withFiber(
  ({ context }) => {
    const known = clientIn(context)
    if (known !== undefined) return Effect.succeed(known)
    return Effect.flatMap(KafkaEngine.Service, (engine) =>
      Effect.map(engine.producer, (client) => {
        producers.set(engine, client)
        return client
      }))
  }
)

const metrics = new WeakMap<Encoding.Topic, Metrics.ProducerMetrics>()

const metricsOf = (topic: Encoding.Topic): Metrics.ProducerMetrics => {
  let known = metrics.get(topic)
  if (known === undefined) metrics.set(topic, known = Metrics.make(topic.name))
  return known
}

/** The last route of each topic and client, which is nearly always the right one. */
const routes = new WeakMap<ProducerClient, WeakMap<Encoding.Topic, Route>>()

/** Makes a route, for which the caller may have to wait: for its client and its encoder. */
const makeRoute = (
  context: Services,
  topic: Encoding.Topic,
  suppresses: Route["suppresses"],
  client: ProducerClient,
  encode: Encoding.Encode
): Route => {
  const traced = Context.get(context, CurrentTracing) === "record"
  const ofClient = routes.get(client)
  const known = ofClient?.get(topic)
  if (known?.encode === encode && known.traced === traced && known.suppresses === suppresses) return known
  const route: Route = { topic, client, encode, metrics: metricsOf(topic), traced, suppresses }
  if (ofClient === undefined) routes.set(client, new WeakMap([[topic, route]]))
  else ofClient.set(topic, route)
  return route
}

/** The last route only, for programs that send one record after the other: more would keep contexts alive. */
const last: { context: Services | undefined; topic: Encoding.Topic | undefined; route: Route | undefined } = {
  context: undefined,
  topic: undefined,
  route: undefined
}

/** The error for what is no topic. */
export const noTopic = (given: unknown): KafkaError =>
  invalidSetting("topic", `${shown(given)} is no topic that can be sent to; make one with Topic.make`)

/**
 * The route of a topic in a context, and `undefined` when the whole topic is suppressed: then neither an encoder nor a
 * client is made. Each span makes a new context, so only the last route is kept by context.
 */
export const routeIn = (
  context: Services,
  topic: Encoding.Topic
): Route | undefined | Effect.Effect<Route | undefined, KafkaError, any> => {
  if (last.context === context && last.topic === topic) return last.route
  if (!Predicate.hasProperty(topic, TopicTypeId)) return Effect.fail(noTopic(topic))
  const verdict = Suppression.verdictIn(context, topic)
  if (verdict === "all") return undefined
  if (verdict === "off") return Effect.as(Suppression.warnIfOff, undefined)
  const suppresses = verdict === "none" ? undefined : verdict
  const client = clientIn(context)
  const encode = Encoding.encoderOf(topic, context)
  if (client !== undefined && !Effect.isEffect(encode)) {
    last.route = makeRoute(context, topic, suppresses, client, encode)
    last.context = context
    last.topic = topic
    return last.route
  }
  return Effect.gen(function*() {
    const prepared = Effect.isEffect(encode) ? yield* encode : encode
    return makeRoute(context, topic, suppresses, yield* currentClient, prepared)
  })
}
