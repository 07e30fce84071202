/**
 * Encodes messages. Encoders are prepared once per topic and context. What Kafka would refuse is refused here, with an
 * error that names the field.
 */
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Schema from "effect/Schema"
import type * as Codec from "../../Codec.ts"
import { Pending } from "../../Codec.ts"
import type { RawMessage } from "../../engine/KafkaEngine.ts"
import * as Headers from "../../Headers.ts"
import * as Errors from "../../KafkaError.ts"
import type { KafkaError } from "../../KafkaError.ts"
import type { Codecs } from "../../Source.ts"
import { messageOf } from "../shared/causes.ts"

/** A topic without its types. */
interface Topic {
  readonly name: string
  readonly codecs: Codecs
}

/** A message without its types. */
export interface AnyMessage {
  readonly key: any
  readonly value: any
  readonly headers?: Headers.Input | undefined
  readonly headerValues?: any
  readonly partition?: number | undefined
  readonly timestamp?: number | undefined
}

/** Returns the raw message, or a pending one when a codec has to wait. Throws what the codec throws. */
export type Encode = (message: AnyMessage) => RawMessage | Pending<RawMessage>

const invalid = (topic: string, problem: string): KafkaError =>
  Errors.make("produce", new Errors.InvalidRecord({ topic, problem }))

const checkHeaders = (topic: string, headers: Headers.Headers): void => {
  for (const header of headers) {
    if (!Array.isArray(header) || typeof header[0] !== "string") {
      throw invalid(topic, `header ${JSON.stringify(header)} is not a pair of a name and bytes`)
    }
    if (header[1] !== null && !(header[1] instanceof Uint8Array)) {
      throw invalid(topic, `the value of header "${header[0]}" is neither bytes nor null`)
    }
  }
}

const check = (message: RawMessage): RawMessage => {
  const { partition, timestamp, topic } = message
  if (partition !== undefined && !(Number.isSafeInteger(partition) && partition >= 0)) {
    throw invalid(topic, `partition ${partition} is not a whole number of at least 0`)
  }
  if (timestamp !== undefined && !(Number.isSafeInteger(timestamp) && timestamp >= 0)) {
    throw invalid(topic, `timestamp ${timestamp} is not a whole number of milliseconds`)
  }
  if (message.headers !== undefined) checkHeaders(topic, message.headers)
  return message
}

const settle = <A>(value: A | Pending<A>): Effect.Effect<A, unknown> =>
  value instanceof Pending ? value.effect : Effect.succeed(value)

const headerEncoder = (schema: Schema.Top): Effect.Effect<(value: unknown) => unknown, never, any> => {
  const encode = Schema.encodeUnknownEffect(schema)
  return Effect.map(Effect.context<any>(), (context) => (value) => {
    const result = encode(value)
    return Exit.isExit(result) && Exit.isSuccess(result)
      ? result.value
      : new Pending(Effect.provideContext(result, context))
  })
}

/** Prepares the codecs of a topic for producing. */
const prepare = Effect.fnUntraced(function*(
  topic: string,
  codecs: Codecs
): Effect.fn.Return<Encode, never, any> {
  const encodeKey: Codec.Encoder<any> = yield* codecs.key.encoder({ topic, part: "key" })
  const encodeValue: Codec.Encoder<any> = yield* codecs.value.encoder({ topic, part: "value" })
  const encodeHeaders = codecs.headers === undefined ? undefined : yield* headerEncoder(codecs.headers)

  const assemble = (
    message: AnyMessage,
    key: Uint8Array | null,
    value: Uint8Array | null,
    texts: { readonly [name: string]: string } | undefined
  ): RawMessage => {
    const own = message.headers === undefined ? undefined : Headers.fromInput(message.headers)
    const headers = texts === undefined ? own : [...Headers.fromInput(texts), ...own ?? Headers.empty]
    return check({ topic, partition: message.partition, timestamp: message.timestamp, key, value, headers })
  }

  return (message) => {
    const key = encodeKey(message.key)
    const value = encodeValue(message.value)
    const texts: any = encodeHeaders === undefined ? undefined : encodeHeaders(message.headerValues)
    return key instanceof Pending || value instanceof Pending || texts instanceof Pending
      ? new Pending(
        Effect.gen(function*() {
          return assemble(message, yield* settle(key), yield* settle(value), yield* settle(texts))
        })
      )
      : assemble(message, key, value, texts)
  }
})

/** One encoder per context, because a codec may take services from it; most fibers of a program share a context. */
const prepared = new WeakMap<Context.Context<never>, WeakMap<Topic, Encode>>()

/** The encoder of a topic for the current context. */
export const encoderOf = (topic: Topic): Effect.Effect<Encode, never, any> =>
  Effect.withFiber(({ context }) => {
    const before = prepared.get(context)?.get(topic)
    if (before !== undefined) return Effect.succeed(before)
    return Effect.map(prepare(topic.name, topic.codecs), (encode) => {
      const ofContext = prepared.get(context) ?? new WeakMap<Topic, Encode>()
      prepared.set(context, ofContext.set(topic, encode))
      return encode
    })
  })

/** What a codec threw or failed with, as an error of the producer. */
export const failure = (topic: string, cause: unknown): KafkaError | Schema.SchemaError =>
  Schema.isSchemaError(cause) || cause instanceof Errors.KafkaError
    ? cause
    : invalid(topic, messageOf(cause))
