/** Messages to raw ones: encoders are prepared once per topic, and everything Kafka would refuse is refused here. */
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Schema from "effect/Schema"
import * as Scope from "effect/Scope"
import * as Tracer from "effect/Tracer"
import type { RawMessage } from "../../engine/KafkaEngine.ts"
import * as Headers from "../../Headers.ts"
import { type AnyMessage, keyOf } from "../../Message.ts"
import type { Codecs } from "../../Source.ts"
import { isTooDeep } from "../shared/causes.ts"
import type { Codec, EncoderIn, Output, Site } from "../shared/codecModel.ts"
import { Encoded, Pending } from "../shared/codecModel.ts"
import * as OwnHeaders from "../shared/codecs/ownHeaders.ts"
import { headersProblem, messageProblem } from "./checking.ts"
import { type Failure, failureOf, invalid } from "./encodingFailure.ts"

/** A topic without its types. */
export interface Topic {
  readonly name: string
  readonly codecs: Codecs
  readonly keyOf?: ((value: any) => any) | undefined
}

type Services = Context.Context<never>

/** Returns the raw message, or a pending one when a codec has to wait. Throws, or fails with, {@link Failure}. */
export type Encode = (message: AnyMessage, services: Services) => RawMessage | Pending<RawMessage>

const settle = <A>(
  topic: string,
  part: string,
  value: A | Pending<A>
): Effect.Effect<A, Failure> =>
  value instanceof Pending
    ? Effect.catchDefect(
      Effect.mapError(value.effect, (cause) => failureOf(topic, part, cause)),
      // A value that is nested too deeply is as little a bug as one that does not fit.
      (defect) => isTooDeep(defect) ? Effect.fail(failureOf(topic, part, defect)) : Effect.die(defect)
    )
    : Effect.succeed(value)

type Texts = { readonly [name: string]: string | undefined }

const headerEncoder = (schema: Schema.Top): (value: unknown, services: Services) => Texts | Pending<Texts> => {
  const encode: (value: unknown) => Effect.Effect<any, unknown, any> = Schema.encodeUnknownEffect(schema)
  return (value, services) => {
    const result = encode(value)
    return Exit.isExit(result) && Exit.isSuccess(result)
      // The encoded side of a header Schema is an object of texts.
      ? result.value as Texts
      : new Pending<Texts>(Effect.provideContext(result, services as Context.Context<any>))
  }
}

const headersOf = (texts: Texts | undefined, given: Headers.Input | undefined): Headers.Headers | undefined => {
  const own = given === undefined ? undefined : Headers.fromInput(given)
  if (texts === undefined) return own
  const present = Object.fromEntries(Object.entries(texts).filter(([, text]) => text !== undefined))
  return [...Headers.fromInput(present as { [name: string]: string }), ...own ?? Headers.empty]
}

const sitesOf = ({ name }: Topic): readonly [key: Site, value: Site] => [
  { topic: name, part: "key" },
  { topic: name, part: "value" }
]

const checked = (headers: Headers.Headers): Headers.Headers => {
  const problem = headersProblem(headers)
  if (problem !== undefined) throw new Error(problem)
  return headers
}

/** Puts the encoder of a topic together. */
const assemble = (topic: Topic, encodeKey: EncoderIn<any>, encodeValue: EncoderIn<any>): Encode => {
  const { codecs, name } = topic
  const encodeHeaders = codecs.headers === undefined ? undefined : headerEncoder(codecs.headers)
  const [keySite, valueSite] = sitesOf(topic)
  const names = [...OwnHeaders.namesOf(codecs.key, keySite), ...OwnHeaders.namesOf(codecs.value, valueSite)]

  const finish = (message: AnyMessage, key: Output, value: Output, texts: Texts | undefined): RawMessage => {
    const { partition, timestamp } = message
    const given = headersOf(texts, message.headers)
    const headers = given === undefined ? undefined : checked(given)
    if (!(key instanceof Encoded || value instanceof Encoded)) {
      const kept = headers === undefined || names.length === 0 ? headers : OwnHeaders.merged(headers, names, [])
      return { topic: name, partition, timestamp, key, value, headers: kept }
    }
    const added = checked([...OwnHeaders.headersIn(key), ...OwnHeaders.headersIn(value)])
    return {
      topic: name,
      partition,
      timestamp,
      key: OwnHeaders.bytesIn(key),
      value: OwnHeaders.bytesIn(value),
      headers: OwnHeaders.merged(headers ?? Headers.empty, names, added)
    }
  }

  return (message, services) => {
    let part = "message"
    try {
      const problem = messageProblem(message, encodeHeaders !== undefined)
      if (problem !== undefined) throw invalid(name, problem)
      part = "key"
      const key = encodeKey(keyOf(topic, message), services)
      part = "value"
      const value = encodeValue(message.value, services)
      part = "headers"
      const texts = encodeHeaders === undefined ? undefined : encodeHeaders(message.headerValues, services)
      if (!(key instanceof Pending || value instanceof Pending || texts instanceof Pending)) {
        return finish(message, key, value, texts)
      }
      return new Pending(
        Effect.gen(function*() {
          const parts = [
            yield* settle(name, "key", key),
            yield* settle(name, "value", value),
            yield* settle(name, "headers", texts)
          ] as const
          return yield* Effect.try({
            try: () => finish(message, ...parts),
            catch: (cause) => failureOf(name, "headers", cause)
          })
        })
      )
    } catch (cause) {
      throw failureOf(name, part, cause)
    }
  }
}

/** The encoder of a codec that needs nothing but what it is given with each value. */
const readyEncoder = (codec: Codec<any, any, any>, site: Site): EncoderIn<any> | undefined => {
  if (codec.encoderIn !== undefined) return codec.encoderIn(site)
  const prepared: unknown = codec.encoder(site)
  return Exit.isExit(prepared) && Exit.isSuccess(prepared) ? prepared.value as EncoderIn<any> : undefined
}

/** Undefined where a codec prepares its encoder with services. */
const readyEncode = (topic: Topic): Encode | undefined => {
  const [keySite, valueSite] = sitesOf(topic)
  const key = readyEncoder(topic.codecs.key, keySite)
  const value = readyEncoder(topic.codecs.value, valueSite)
  return key === undefined || value === undefined ? undefined : assemble(topic, key, value)
}

const ready = new WeakMap<Topic, Encode | null>()

/** An encoder that was prepared with the services of a context. */
interface Prepared {
  readonly context: Services
  readonly encode: Encode
}

const prepared = new WeakMap<Topic, Array<Prepared>>()

/** Contexts of one topic that are remembered: programs have a few sets of services, and many contexts. */
const mostPrepared = 4

/** What changes from call to call and is nothing to a codec: span, scope, and what Effect and this package note. */
const isPassing = (key: string): boolean =>
  key === Tracer.ParentSpanKey || key === Scope.Scope.key || key.startsWith("effect/References/")
  || key.startsWith("millrace/internal/")

const hasAllOf = (self: Services, that: Services): boolean => {
  for (const [key, value] of that.mapUnsafe) {
    if (!isPassing(key) && self.mapUnsafe.get(key) !== value) return false
  }
  return true
}

const sameServices = (self: Services, that: Services): boolean =>
  self === that || (hasAllOf(self, that) && hasAllOf(that, self))

const prepare = (topic: Topic, context: Services): Encode | Effect.Effect<Encode, never, any> => {
  const known = prepared.get(topic) ?? []
  const before = known.find((one) => sameServices(one.context, context))
  if (before !== undefined) return before.encode
  const [keySite, valueSite] = sitesOf(topic)
  return Effect.map(
    Effect.all([topic.codecs.key.encoder(keySite), topic.codecs.value.encoder(valueSite)]),
    ([key, value]) => {
      const encode = assemble(topic, key, value)
      prepared.set(topic, [{ context, encode }, ...known].slice(0, mostPrepared))
      return encode
    }
  )
}

/** The encoder of a topic for a context, or the effect that prepares it. */
export const encoderOf = (topic: Topic, context: Services): Encode | Effect.Effect<Encode, never, any> => {
  let encode = ready.get(topic)
  if (encode === undefined) ready.set(topic, encode = readyEncode(topic) ?? null)
  return encode ?? prepare(topic, context)
}

/** The encoder of a topic for the current context, which it keeps. */
export const currentEncoder = (
  topic: Topic
): Effect.Effect<(message: AnyMessage) => RawMessage | Pending<RawMessage>, never, any> =>
  Effect.withFiber(({ context }) => {
    const encode = encoderOf(topic, context)
    const bind = (encode: Encode) => (message: AnyMessage) => encode(message, context)
    return Effect.isEffect(encode) ? Effect.map(encode, bind) : Effect.succeed(bind(encode))
  })
