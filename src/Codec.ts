/**
 * How a key or a value becomes bytes and back.
 *
 * A codec is built once per topic and part (so schemas are compiled, and services looked up, once) and then called per
 * record. It answers at once, or with a {@link Pending} effect when it must wait, as a registry codec does for a schema
 * it has not seen.
 *
 * @stability unstable
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type { Pipeable } from "effect/Pipeable"
import { pipeArguments } from "effect/Pipeable"
import * as Schema from "effect/Schema"
import type * as Types from "effect/Types"
import type { RawHeader } from "./engine/KafkaEngine.ts"

/**
 * @stability unstable
 * @since 0.1.0
 * @category type IDs
 */
export const TypeId = "~millrace/Codec"

/**
 * @stability unstable
 * @since 0.1.0
 * @category type IDs
 */
export type TypeId = typeof TypeId

/**
 * Where a codec is used: the actual topic (also for patterns), and which part of its records.
 *
 * @stability unstable
 * @since 0.1.0
 * @category models
 */
export interface Site {
  readonly topic: string
  readonly part: "key" | "value"
}

/**
 * A result that is not there yet. Answered by a decoder or encoder that has to wait.
 *
 * @stability unstable
 * @since 0.1.0
 * @category models
 */
export class Pending<out A> {
  readonly effect: Effect.Effect<A, unknown>
  constructor(effect: Effect.Effect<A, unknown>) {
    this.effect = effect
  }
}

/**
 * Bytes to value, for one site. Throws, or fails the pending effect, when the bytes are no such value. `headers` are
 * the record's, for codecs that keep a schema id there.
 *
 * @stability unstable
 * @since 0.1.0
 * @category models
 */
export type Decoder<out A> = (bytes: Uint8Array | null, headers: ReadonlyArray<RawHeader>) => A | Pending<A>

/**
 * Value to bytes, for one site. Throws, or fails the pending effect, when the value cannot be encoded.
 *
 * @stability unstable
 * @since 0.1.0
 * @category models
 */
export type Encoder<in A> = (value: A) => Uint8Array | null | Pending<Uint8Array | null>

/**
 * A codec of `A`; `RD` are the services that decoding needs, `RE` those of encoding.
 *
 * @stability unstable
 * @since 0.1.0
 * @category models
 */
export interface Codec<in out A, out RD = never, out RE = never> extends Pipeable {
  readonly [TypeId]: {
    readonly _A: Types.Invariant<A>
    readonly _RD: Types.Covariant<RD>
    readonly _RE: Types.Covariant<RE>
  }
  readonly decoder: (site: Site) => Effect.Effect<Decoder<A>, never, RD>
  readonly encoder: (site: Site) => Effect.Effect<Encoder<A>, never, RE>
  /** The Schema that it was made of, if it was made of one: `Producer.suppress` knows records by it. */
  readonly schema?: Schema.Top | undefined
}

const variance = {
  _A: (a: never) => a,
  _RD: (r: never) => r,
  _RE: (r: never) => r
}

const fromParts = <A, RD, RE>(
  decoder: (site: Site) => Effect.Effect<Decoder<A>, never, RD>,
  encoder: (site: Site) => Effect.Effect<Encoder<A>, never, RE>,
  schema?: Schema.Top
): Codec<A, RD, RE> => ({
  // The variance marker exists for the type checker alone.
  [TypeId]: variance as any,
  decoder,
  encoder,
  schema,
  pipe() {
    return pipeArguments(this, arguments)
  }
})

/** What is wrong with a null under a codec that does not admit it, in the words of the part. */
const unexpectedNull = (site: Site): Error =>
  new Error(
    site.part === "key"
      ? "key missing: the record has no key; use Codec.nullable for the key if that is allowed"
      : "unexpected tombstone: the value is null; use Codec.nullable for the value if that is allowed"
  )

/**
 * Makes a codec from its two directions. Null is kept away from both: a null key or value is an error unless the codec
 * is wrapped in {@link nullable}.
 *
 * **When to use**: for formats that Millrace does not know. `decoder` and `encoder` run once per topic and part and may
 * use services; the functions they answer run per record. `schema` is for codecs that are made of one.
 *
 * @example
 * ```ts
 * import { Effect } from "effect"
 * import { Codec } from "millrace"
 *
 * export const float64: Codec.Codec<number> = Codec.make({
 *   decoder: () => Effect.succeed((bytes) => Buffer.from(bytes).readDoubleBE(0)),
 *   encoder: () =>
 *     Effect.succeed((value) => {
 *       const bytes = Buffer.alloc(8)
 *       bytes.writeDoubleBE(value)
 *       return bytes
 *     })
 * })
 * ```
 *
 * @stability unstable
 * @since 0.1.0
 * @category constructors
 */
export const make = <A, RD = never, RE = never>(options: {
  readonly decoder: (
    site: Site
  ) => Effect.Effect<(bytes: Uint8Array, headers: ReadonlyArray<RawHeader>) => A | Pending<A>, never, RD>
  readonly encoder: (site: Site) => Effect.Effect<(value: A) => Uint8Array | Pending<Uint8Array>, never, RE>
  readonly schema?: Schema.Top | undefined
}): Codec<A, RD, RE> =>
  fromParts<A, RD, RE>(
    (site) =>
      Effect.map(options.decoder(site), (decode) => (bytes, headers) => {
        if (bytes === null) throw unexpectedNull(site)
        return decode(bytes, headers)
      }),
    options.encoder,
    options.schema
  )

/**
 * Admits null: a record without a key, or a tombstone.
 *
 * @example
 * ```ts
 * import { Schema } from "effect"
 * import { Codec, Topic } from "millrace"
 *
 * const User = Schema.Struct({ name: Schema.String })
 * export const Users = Topic.make("users", { key: Codec.string, value: Codec.nullable(Codec.json(User)) })
 * ```
 *
 * @stability unstable
 * @since 0.1.0
 * @category combinators
 */
export const nullable = <A, RD, RE>(codec: Codec<A, RD, RE>): Codec<A | null, RD, RE> =>
  fromParts<A | null, RD, RE>(
    (site) =>
      Effect.map(
        codec.decoder(site),
        (decode): Decoder<A | null> => (bytes, headers) => bytes === null ? null : decode(bytes, headers)
      ),
    (site) => Effect.map(codec.encoder(site), (encode) => (value) => value === null ? null : encode(value)),
    codec.schema
  )

/**
 * Bytes as they are, without a copy.
 *
 * @stability unstable
 * @since 0.1.0
 * @category codecs
 */
export const bytes: Codec<Uint8Array> = make({
  decoder: () => Effect.succeed((raw: Uint8Array) => raw),
  encoder: () => Effect.succeed((value: Uint8Array) => value)
})

const textEncoder = new TextEncoder()
const textDecoder = new TextDecoder("utf-8", { fatal: true })

/** `Buffer.toString` is several times faster than a `TextDecoder`, which is only needed to tell whether it is UTF-8. */
const decodeText = (raw: Uint8Array): string => {
  // Without an argument it does not have to find out which encoding is meant.
  const text = (raw instanceof Buffer ? raw : Buffer.from(raw.buffer, raw.byteOffset, raw.byteLength)).toString()
  return text.includes("\uFFFD") ? textDecoder.decode(raw) : text
}

/**
 * UTF-8 text. Bytes that are no UTF-8 are refused, not replaced.
 *
 * @stability unstable
 * @since 0.1.0
 * @category codecs
 */
export const string: Codec<string> = make({
  decoder: () => Effect.succeed(decodeText),
  encoder: () => Effect.succeed((value: string) => textEncoder.encode(value))
})

/**
 * For a key, or a value, that is not used: always null. Bytes that are there are not read.
 *
 * @stability unstable
 * @since 0.1.0
 * @category codecs
 */
export const none: Codec<null> = fromParts(
  () => Effect.succeed(() => null),
  () => Effect.succeed(() => null)
)

/**
 * JSON text of a Schema's encoded side, as UTF-8. The Schema may need services; they become the topic's.
 *
 * @example
 * ```ts
 * import { Schema } from "effect"
 * import { Codec, Topic } from "millrace"
 *
 * class Order extends Schema.Class<Order>("Order")({ id: Schema.String, total: Schema.Finite }) {}
 * export const Orders = Topic.make("orders", { key: Codec.string, value: Codec.json(Order) })
 * ```
 *
 * @stability unstable
 * @since 0.1.0
 * @category codecs
 */
export const json = <S extends Schema.Top>(
  schema: S
): Codec<S["Type"], S["DecodingServices"], S["EncodingServices"]> => {
  const codec = Schema.toCodecJson(schema)
  const decode = Schema.decodeUnknownEffect(codec)
  const encode = Schema.encodeUnknownEffect(codec)
  return make<S["Type"], S["DecodingServices"], S["EncodingServices"]>({
    schema,
    decoder: () =>
      Effect.map(Effect.context<S["DecodingServices"]>(), (context) => (raw: Uint8Array) => {
        const result = decode(JSON.parse(decodeText(raw)))
        // A schema without effects answers with a finished Exit: no fiber is needed then.
        if (Exit.isExit(result) && Exit.isSuccess(result)) return result.value
        return new Pending(Effect.provideContext(result, context))
      }),
    encoder: () =>
      Effect.map(Effect.context<S["EncodingServices"]>(), (context) => (value: S["Type"]) => {
        const toBytes = (encoded: unknown) => textEncoder.encode(JSON.stringify(encoded))
        const result = encode(value)
        if (Exit.isExit(result) && Exit.isSuccess(result)) return toBytes(result.value)
        return new Pending(Effect.map(Effect.provideContext(result, context), toBytes))
      })
  })
}
