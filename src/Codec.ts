/**
 * How a key or a value becomes bytes and back.
 *
 * A codec is built once per topic and part (so schemas are compiled, and services looked up, once) and then called per
 * record. It returns at once, or a {@link Pending} effect when it must wait, as a registry codec does for a schema that
 * it has not seen.
 *
 * @stability unstable
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import { dual } from "effect/Function"
import * as Predicate from "effect/Predicate"
import type * as Schema from "effect/Schema"
import type { RawHeader } from "./engine/KafkaEngine.ts"
import type { Codec, Decoder, Encoded, Encoder, Pending, Site } from "./internal/shared/codecModel.ts"
import {
  checkOutput,
  fromContextual,
  fromParts,
  mapReady,
  mapResult,
  ofSchema,
  present,
  TypeId,
  unexpectedNull
} from "./internal/shared/codecModel.ts"
import { parseJson, printJson } from "./internal/shared/codecs/jsonBytes.ts"
import { withJsonForm } from "./internal/shared/codecs/jsonForm.ts"
import { codecIn, codecOptionsIn, functionsIn, schemaIn } from "./internal/shared/handedIn/codecArguments.ts"
import { decodeText, encodeText, kindOf } from "./internal/shared/utf8.ts"

export {
  /**
   * Bytes that go with headers.
   *
   * @stability unstable
   * @since 0.1.0
   * @category models
   */
  Encoded,
  /**
   * A result that is not there yet.
   *
   * @stability unstable
   * @since 0.1.0
   * @category models
   */
  Pending,
  /**
   * @stability unstable
   * @since 0.1.0
   * @category type IDs
   */
  TypeId
} from "./internal/shared/codecModel.ts"
export type {
  /**
   * A codec of `A`; `RD` are the services that decoding needs, `RE` those of encoding.
   *
   * @stability unstable
   * @since 0.1.0
   * @category models
   */
  Codec,
  /**
   * Bytes to value, for one site.
   *
   * @stability unstable
   * @since 0.1.0
   * @category models
   */
  Decoder,
  /**
   * Value to bytes, for one site.
   *
   * @stability unstable
   * @since 0.1.0
   * @category models
   */
  Encoder,
  /**
   * What an encoder returns when it does not have to wait.
   *
   * @stability unstable
   * @since 0.1.0
   * @category models
   */
  Output,
  /**
   * A schema, and the subject that a codec registers it under.
   *
   * @stability unstable
   * @since 0.1.0
   * @category models
   */
  Registration,
  /**
   * Where a codec is used.
   *
   * @stability unstable
   * @since 0.1.0
   * @category models
   */
  Site
} from "./internal/shared/codecModel.ts"

/**
 * Any codec, for code that does not care about the types.
 *
 * @stability unstable
 * @since 0.1.0
 * @category models
 */
export type Any = Codec<any, any, any>

/**
 * Whether a value is a codec, also one of another copy of this package.
 *
 * @example
 * ```ts
 * import { Codec } from "millrace"
 *
 * export const yes: boolean = Codec.isCodec(Codec.string)
 * ```
 *
 * @stability unstable
 * @since 0.1.0
 * @category guards
 */
export const isCodec = (value: unknown): value is Any => Predicate.hasProperty(value, TypeId)

/**
 * Makes a codec from a decoder and an encoder. Neither sees null: a null key or value is an error unless the codec is
 * wrapped in {@link nullable}.
 *
 * **When to use**: for formats that Millrace does not know. `decoder` and `encoder` run once per topic and part and may
 * use services; the functions that they return run per record. `schema` is for codecs that are made of one.
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
  /**
   * Bytes to value. What it returns throws, or returns a pending effect that fails, for bytes that are no such value.
   */
  readonly decoder: (
    site: Site
  ) => Effect.Effect<(bytes: Uint8Array, headers: ReadonlyArray<RawHeader>) => A | Pending<A>, never, RD>
  /** Value to bytes, also with headers. It is prepared once for each set of services; without any, for every send. */
  readonly encoder: (
    site: Site
  ) => Effect.Effect<(value: A) => Uint8Array | Encoded | Pending<Uint8Array | Encoded>, never, RE>
  /** The Schema that it is made of: `Producer.suppress` knows its records by it. */
  readonly schema?: Schema.Top | undefined
  /**
   * The headers that are the codec's, whether it writes them or not (default none). A message's own headers of these
   * names are left out: they may have come from another record, and say how that one's bytes are read.
   */
  readonly headerNames?: ((site: Site) => ReadonlyArray<string>) | undefined
}): Codec<A, RD, RE> => {
  const { decoder, encoder, headerNames, schema } = codecOptionsIn(options)
  return fromParts<A, RD, RE>(
    (site) => mapReady(decoder(site), (decode) => present(site, decode)),
    (site) =>
      mapReady(encoder(site), (encode): Encoder<A> => (value) => {
        if (value === null) throw unexpectedNull(site)
        return mapResult(encode(value), checkOutput)
      }),
    { schema, headerNames }
  )
}

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
export const nullable = <A, RD, RE>(codec: Codec<A, RD, RE>): Codec<A | null, RD, RE> => {
  const { encoderIn } = codecIn("Codec.nullable", codec)
  return fromParts<A | null, RD, RE>(
    (site) =>
      mapReady(
        codec.decoder(site),
        (decode): Decoder<A | null> => (bytes, headers) => bytes === null ? null : decode(bytes, headers)
      ),
    (site) =>
      mapReady(codec.encoder(site), (encode): Encoder<A | null> => (value) => value === null ? null : encode(value)),
    {
      schema: codec.schema,
      headerNames: codec.headerNames,
      registration: codec.registration,
      encoderIn: encoderIn && ((site) => {
        const encode = encoderIn(site)
        return (value, services) => value === null ? null : encode(value, services)
      })
    }
  )
}

interface Directions<A, B> {
  readonly decode: (value: A) => B
  readonly encode: (value: B) => A
}

/**
 * A codec of other values: `decode` converts what this codec reads, `encode` converts back to what it writes. Both may
 * throw. The result has no Schema any more, so `Producer.suppress` recognizes its records only by their topic.
 *
 * **When to use**: to wrap and unwrap, or to rename. {@link text} and {@link json} take Schemas with transformations,
 * whose errors name the path.
 *
 * @example
 * ```ts
 * import { Codec } from "millrace"
 *
 * export const lowerCase = Codec.string.pipe(
 *   Codec.map({ decode: (text) => text.toLowerCase(), encode: (text: string) => text.toLowerCase() })
 * )
 * ```
 *
 * @stability unstable
 * @since 0.1.0
 * @category combinators
 */
export const map: {
  <A, B>(options: Directions<A, B>): <RD, RE>(self: Codec<A, RD, RE>) => Codec<B, RD, RE>
  <A, RD, RE, B>(self: Codec<A, RD, RE>, options: Directions<A, B>): Codec<B, RD, RE>
} = dual(2, <A, RD, RE, B>(self: Codec<A, RD, RE>, options: Directions<A, B>): Codec<B, RD, RE> => {
  functionsIn("Codec.map", options, ["decode", "encode"])
  const { encoderIn } = codecIn("Codec.map", self)
  return fromParts<B, RD, RE>(
    (site) =>
      mapReady(
        self.decoder(site),
        (decode): Decoder<B> => (bytes, headers) => mapResult(decode(bytes, headers), options.decode)
      ),
    (site) => mapReady(self.encoder(site), (encode): Encoder<B> => (value) => encode(options.encode(value))),
    {
      headerNames: self.headerNames,
      registration: self.registration,
      encoderIn: encoderIn && ((site) => {
        const encode = encoderIn(site)
        return (value, services) => encode(options.encode(value), services)
      })
    }
  )
})

/**
 * Bytes as they are, without a copy. Anything but a `Uint8Array` (which a `Buffer` is) is refused.
 *
 * @example
 * ```ts
 * import { Codec, Topic } from "millrace"
 *
 * export const Pictures = Topic.make("pictures", { key: Codec.string, value: Codec.bytes })
 * ```
 *
 * @stability unstable
 * @since 0.1.0
 * @category codecs
 */
export const bytes: Codec<Uint8Array> = make({
  decoder: () => Effect.succeed((raw: Uint8Array) => raw),
  encoder: () => Effect.succeed((value: Uint8Array) => value)
})

/**
 * UTF-8 text. Nothing is replaced in either direction: bytes that are no UTF-8 are refused, and so are texts that UTF-8
 * cannot express (with half of a surrogate pair), because two keys would become one. A byte order mark is part of the
 * text.
 *
 * @example
 * ```ts
 * import { Codec, Topic } from "millrace"
 *
 * export const Notes = Topic.make("notes", { key: Codec.string, value: Codec.string })
 * ```
 *
 * @stability unstable
 * @since 0.1.0
 * @category codecs
 */
export const string: Codec<string> = make({
  decoder: () => Effect.succeed((raw: Uint8Array) => decodeText(raw)),
  encoder: () => Effect.succeed(encodeText)
})

/**
 * For a key, or a value, that is not used: always null. Bytes that are there are not read; anything but null (or
 * nothing) that is to be sent is refused.
 *
 * @example
 * ```ts
 * import { Codec, Producer, Topic } from "millrace"
 *
 * const Notes = Topic.make("notes", { key: Codec.none, value: Codec.string })
 *
 * export const program = Producer.send(Notes, { key: null, value: "hello" })
 * ```
 *
 * @stability unstable
 * @since 0.1.0
 * @category codecs
 */
export const none: Codec<null> = fromContextual<null, never, never>(
  () => Effect.succeed(() => null),
  () => (value) => {
    if (value === null || value === undefined) return null
    throw new Error(`there is none here (Codec.none), and this is ${kindOf(value)}`)
  }
)

/**
 * UTF-8 text of a Schema whose encoded side is a text: branded texts, identifiers, numbers and dates as text. As strict
 * as {@link string}.
 *
 * **When to use**: for keys that are more than a `string` to the program, and for values that are no JSON.
 *
 * @example
 * ```ts
 * import { Schema } from "effect"
 * import { Codec, Topic } from "millrace"
 *
 * const OrderId = Schema.String.pipe(Schema.brand("OrderId"))
 *
 * export const Totals = Topic.make("totals", {
 *   key: Codec.text(OrderId),
 *   value: Codec.text(Schema.FiniteFromString)
 * })
 * ```
 *
 * @stability unstable
 * @since 0.1.0
 * @category codecs
 */
export const text = <S extends Schema.Codec<unknown, string, unknown, unknown>>(
  schema: S
): Codec<S["Type"], S["DecodingServices"], S["EncodingServices"]> =>
  ofSchema(schemaIn("Codec.text", schema), schema, decodeText, encodeText)

/**
 * JSON text of a Schema's encoded side, as UTF-8. The Schema may need services; they become the topic's. A byte order
 * mark before the JSON is passed over when reading, and never written.
 *
 * What has no place in JSON is written as the same Schema reads it back: a `Date` as its ISO text, a class as an object
 * of its fields, a `bigint` as its digits, an `Option` as `{"_tag":"Some","value":…}`, a `Uint8Array` as Base64. A
 * class without a JSON form (`toCodecJson`) throws here, with its path. For topics that other programs read, choose the
 * encoded side as they expect it: `Schema.DateFromString`, `Schema.OptionFromOptionalKey` (its key is left out), ….
 *
 * @example
 * ```ts
 * import { Schema } from "effect"
 * import { Codec, Topic } from "millrace"
 *
 * class Order extends Schema.Class<Order>("Order")({
 *   id: Schema.String,
 *   total: Schema.Finite,
 *   coupon: Schema.OptionFromOptionalKey(Schema.String)
 * }) {}
 * export const Orders = Topic.make("orders", { key: Codec.string, value: Codec.json(Order) })
 * ```
 *
 * @stability unstable
 * @since 0.1.0
 * @category codecs
 */
export const json = <S extends Schema.Top>(
  schema: S
): Codec<S["Type"], S["DecodingServices"], S["EncodingServices"]> =>
  ofSchema(withJsonForm(schemaIn("Codec.json", schema)), schema, parseJson, printJson)
