/** What a codec is, and how one is put together. */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type { Pipeable } from "effect/Pipeable"
import * as Schema from "effect/Schema"
import * as Scope from "effect/Scope"
import type * as Types from "effect/Types"
import type { RawHeader } from "../../engine/KafkaEngine.ts"
import { Proto } from "./proto.ts"
import { kindOf } from "./utf8.ts"

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
 * Where a codec is used.
 *
 * @stability unstable
 * @since 0.1.0
 * @category models
 */
export interface Site {
  /** The actual topic, also where the source is a pattern. */
  readonly topic: string
  /** Which part of the topic's records. */
  readonly part: "key" | "value"
}

/**
 * A result that is not there yet. A decoder or encoder that has to wait returns it.
 *
 * @example
 * ```ts
 * import { Effect } from "effect"
 * import { Codec } from "millrace"
 *
 * declare const fetchText: (bytes: Uint8Array) => Effect.Effect<string, Error>
 *
 * export const decoder: Codec.Decoder<string> = (bytes) =>
 *   bytes === null ? "" : new Codec.Pending(fetchText(bytes))
 * ```
 *
 * @stability unstable
 * @since 0.1.0
 * @category models
 */
export class Pending<out A> {
  /** What waits for the result. It fails when the bytes, or the value, are no such value. */
  readonly effect: Effect.Effect<A, unknown>
  constructor(effect: Effect.Effect<A, unknown>) {
    this.effect = effect
  }
}

/**
 * Bytes that go with headers. An encoder returns it where a part of what it writes is in the record's headers, as the
 * id of a registry's schema may be. Of a name that is here, the record has no other header: those that the message has
 * are left out.
 *
 * @example
 * ```ts
 * import { Effect } from "effect"
 * import { Codec } from "millrace"
 *
 * export const versioned: Codec.Codec<Uint8Array> = Codec.make({
 *   decoder: () => Effect.succeed((bytes) => bytes),
 *   encoder: () => Effect.succeed((bytes) => new Codec.Encoded(bytes, [["version", new Uint8Array([2])]])),
 *   headerNames: () => ["version"]
 * })
 * ```
 *
 * @stability unstable
 * @since 0.1.0
 * @category models
 */
export class Encoded {
  /** The key or value. */
  readonly bytes: Uint8Array
  /** What goes into the record's headers. */
  readonly headers: ReadonlyArray<RawHeader>
  constructor(bytes: Uint8Array, headers: ReadonlyArray<RawHeader>) {
    this.bytes = bytes
    this.headers = headers
  }
}

/**
 * What an encoder returns when it does not have to wait: bytes, null for none, or bytes with headers.
 *
 * @stability unstable
 * @since 0.1.0
 * @category models
 */
export type Output = Uint8Array | Encoded | null

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
export type Encoder<in A> = (value: A) => Output | Pending<Output>

/**
 * A schema, and the subject that a codec registers it under.
 *
 * @stability unstable
 * @since 0.1.0
 * @category models
 */
export interface Registration {
  /** The subject, with its context if it has one. */
  readonly subject: string
  /** The schema as text, with what the text refers to. */
  readonly schema: {
    readonly type: "AVRO" | "JSON" | "PROTOBUF"
    readonly text: string
    readonly references?:
      | ReadonlyArray<{ readonly name: string; readonly subject: string; readonly version: number }>
      | undefined
  }
  /** Whether the registry may compare schemas in a normal form. */
  readonly normalize: boolean
}

/**
 * A codec of `A`; `RD` are the services that decoding needs, `RE` those of encoding.
 *
 * @stability unstable
 * @since 0.1.0
 * @category models
 */
export interface Codec<in out A, out RD = never, out RE = never> extends Pipeable {
  /** For the type checker alone. */
  readonly [TypeId]: {
    readonly _A: Types.Invariant<A>
    readonly _RD: Types.Covariant<RD>
    readonly _RE: Types.Covariant<RE>
  }
  /** Prepares decoding for one topic and part. Runs once, what it returns runs per record. */
  readonly decoder: (site: Site) => Effect.Effect<Decoder<A>, never, RD>
  /** Prepares encoding for one topic and part. Runs once, what it returns runs per message. */
  readonly encoder: (site: Site) => Effect.Effect<Encoder<A>, never, RE>
  /** The Schema that it was made of, if it was made of one: `Producer.suppress` knows records by it. */
  readonly schema?: Schema.Top | undefined
  /**
   * The headers that are the codec's at a site, whether it writes them or not: a message's own headers of these names
   * are left out, because they say how other bytes are to be read.
   */
  readonly headerNames?: ((site: Site) => ReadonlyArray<string>) | undefined
  /**
   * The encoder of a codec that prepares nothing: it takes the services with each message, so that one encoder serves
   * every context.
   *
   * @internal
   */
  readonly encoderIn?: ((site: Site) => EncoderIn<A>) | undefined
  /**
   * What a codec of a Schema Registry registers at a site, said without the registry: the `schemas` commands work with
   * it.
   */
  readonly registration?: ((site: Site) => Registration) | undefined
}

/** An encoder that is given its services with the value. */
export type EncoderIn<in A> = (value: A, services: Context.Context<never>) => Output | Pending<Output>

const variance = {
  _A: (a: never) => a,
  _RD: (r: never) => r,
  _RE: (r: never) => r
}

/** What a codec may have besides its two directions. Declared whole: types that are published leave `encoderIn` out. */
interface Parts<in A> {
  readonly schema?: Schema.Top | undefined
  readonly headerNames?: ((site: Site) => ReadonlyArray<string>) | undefined
  readonly registration?: ((site: Site) => Registration) | undefined
  readonly encoderIn?: ((site: Site) => EncoderIn<A>) | undefined
}

export const fromParts = <A, RD, RE>(
  decoder: (site: Site) => Effect.Effect<Decoder<A>, never, RD>,
  encoder: (site: Site) => Effect.Effect<Encoder<A>, never, RE>,
  parts: Parts<A>
): Codec<A, RD, RE> =>
  // The marker is its own, so that a copy with another decoder is still a codec.
  Object.assign(Object.create(CodecProto), { [TypeId]: variance, decoder, encoder, ...parts })

/** A codec whose encoder is {@link EncoderIn}. */
export const fromContextual = <A, RD, RE>(
  decoder: (site: Site) => Effect.Effect<Decoder<A>, never, RD>,
  encoderIn: (site: Site) => EncoderIn<A>,
  schema?: Schema.Top
): Codec<A, RD, RE> =>
  fromParts<A, RD, RE>(
    decoder,
    (site) =>
      Effect.map(Effect.context<RE>(), (services): Encoder<A> => {
        const encode = encoderIn(site)
        return (value) => encode(value, services as Context.Context<never>)
      }),
    { schema, encoderIn }
  )

const CodecProto = {
  ...Proto,
  toJSON: () => ({ _id: "Codec" })
}

/** What is wrong with a null under a codec that does not admit it, in the words of the part. */
export const unexpectedNull = (site: Site): Error =>
  new Error(
    site.part === "key"
      ? "key missing: the record has no key; use Codec.nullable for the key if that is allowed"
      : "unexpected tombstone: the value is null; use Codec.nullable for the value if that is allowed"
  )

/** What is there at once stays so: it was made without services, and serves every context. */
export const mapReady = <A, B, R>(
  prepared: Effect.Effect<A, never, R>,
  f: (value: A) => B
): Effect.Effect<B, never, R> =>
  Exit.isExit(prepared) && Exit.isSuccess(prepared) ? Effect.succeed(f(prepared.value as A)) : Effect.map(prepared, f)

/** For programs in JavaScript. Without a handler the promise's rejection would end the process. */
const refusePromise = (value: Promise<unknown>): never => {
  value.then(undefined, () => {})
  throw new Error("the decoder returned a Promise, not a value; for what has to wait it returns a Codec.Pending")
}

/** Keeps null away from a decoder, and promises from handlers. */
export const present = <A>(
  site: Site,
  decode: (bytes: Uint8Array, headers: ReadonlyArray<RawHeader>) => A | Pending<A>
): Decoder<A> =>
(bytes, headers) => {
  if (bytes === null) throw unexpectedNull(site)
  const value = decode(bytes, headers)
  return value instanceof Promise ? refusePromise(value) : value
}

/** A function that may throw, as one that fails. */
export const attempt = <A, B>(f: (value: A) => B) => (value: A): Effect.Effect<B, unknown> =>
  Effect.suspend(() => {
    try {
      return Effect.succeed(f(value))
    } catch (error) {
      return Effect.fail(error)
    }
  })

export const mapResult = <A, B>(result: A | Pending<A>, f: (value: A) => B): B | Pending<B> =>
  result instanceof Pending ? new Pending(Effect.flatMap(result.effect, attempt(f))) : f(result)

/** The services of the fiber that prepares a decoder, but no scope: what decoding a record acquires ends with that. */
export const servicesOfDecoder = <R>(): Effect.Effect<Context.Context<R>, never, R> =>
  // A scope that is needed is the decoding fiber's.
  Effect.map(Effect.context<R>(), (context) => Context.omit(Scope.Scope)(context) as Context.Context<R>)

/** Both directions of a Schema, between its encoded side and bytes. */
export const ofSchema = <S extends Schema.Top>(
  codec: Schema.Top,
  schema: S,
  parse: (raw: Uint8Array) => unknown,
  print: (encoded: any) => Uint8Array
): Codec<S["Type"], S["DecodingServices"], S["EncodingServices"]> => {
  const decode = Schema.decodeUnknownEffect(codec as S)
  const encode = Schema.encodeUnknownEffect(codec as S)
  return fromContextual<S["Type"], S["DecodingServices"], S["EncodingServices"]>(
    (site) =>
      Effect.map(servicesOfDecoder<S["DecodingServices"]>(), (context) =>
        present(site, (raw: Uint8Array) => {
          const result = decode(parse(raw))
          // A schema without effects returns a finished Exit: no fiber is needed then.
          if (Exit.isExit(result) && Exit.isSuccess(result)) return result.value
          return new Pending(Effect.provideContext(result, context))
        })),
    // A null is not kept away: some Schemas have an encoded side for it.
    () => (value, services) => {
      const result = encode(value)
      if (Exit.isExit(result) && Exit.isSuccess(result)) return print(result.value)
      // The services are those of a fiber that the type of the send asks for them.
      const context = services as Context.Context<S["EncodingServices"]>
      return new Pending(Effect.flatMap(Effect.provideContext(result, context), attempt(print)))
    },
    schema
  )
}

/** Refuses what is not bytes, with headers or without. */
export const checkOutput = <A extends Uint8Array | Encoded>(value: A): A => {
  if (value instanceof Uint8Array || value instanceof Encoded && value.bytes instanceof Uint8Array) return value
  throw new Error(`bytes (a Uint8Array) are needed, and this is ${kindOf(value)}`)
}
