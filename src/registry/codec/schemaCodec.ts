/** A codec of a Schema over the bytes of its encoded side. */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Schema from "effect/Schema"
import * as Scope from "effect/Scope"
import * as Codec from "../../Codec.ts"
import type { RawHeader } from "../../engine/Model.ts"
import { headerNames } from "../format/wireFormat.ts"

/** A result that may not be there yet. */
export type Result<A> = A | Codec.Pending<A>

/** Reads and writes encoded values, for one site. */
export interface Bytes {
  readonly read: (bytes: Uint8Array, headers: ReadonlyArray<RawHeader>) => Result<unknown>
  readonly write: (encoded: unknown) => Result<Uint8Array | Codec.Encoded>
}

/** Goes on with a result when it is there: at once where it is. */
export const goOn = <A, B>(result: Result<A>, next: (value: A) => Result<B>): Result<B> =>
  result instanceof Codec.Pending
    ? new Codec.Pending(Effect.flatMap(result.effect, (value) =>
      Effect.suspend(() => {
        try {
          const following = next(value)
          return following instanceof Codec.Pending ? following.effect : Effect.succeed(following)
        } catch (error) {
          return Effect.fail(error)
        }
      })))
    : next(result)

/** A Schema without effects returns a finished Exit: no fiber is needed then. */
const resultOf = <A, R>(effect: Effect.Effect<A, unknown, R>, services: Context.Context<R>): Result<A> =>
  Exit.isExit(effect) && Exit.isSuccess(effect)
    ? effect.value as A
    : new Codec.Pending(Effect.provideContext(effect, services))

/** A codec of `schema` over `bytes`. */
export const schemaCodec = <S extends Schema.Top, R>(
  schema: S,
  { encoded, registration }: {
    /** The Schema that is run: it goes as far as the format needs. */
    readonly encoded: Schema.Top
    /** What it registers, said without a registry. */
    readonly registration: (site: Codec.Site) => Codec.Registration
  },
  bytes: (site: Codec.Site) => Effect.Effect<Bytes, never, R>
): Codec.Codec<S["Type"], S["DecodingServices"] | R, S["EncodingServices"] | R> => {
  const decode = Schema.decodeUnknownEffect(encoded as S)
  const encode = Schema.encodeUnknownEffect(encoded as S)
  const codec = Codec.make<S["Type"], S["DecodingServices"] | R, S["EncodingServices"] | R>({
    schema,
    headerNames: ({ part }) => [headerNames[part]],
    decoder: Effect.fnUntraced(function*(site) {
      const { read } = yield* bytes(site)
      // A scope that decoding needs is that of the record, and not of what prepares the decoder.
      const services = Context.omit(Scope.Scope)(yield* Effect.context<S["DecodingServices"]>()) as Context.Context<
        S["DecodingServices"]
      >
      const decoded = (encoded: unknown) => resultOf(decode(encoded), services)
      return (raw: Uint8Array, headers: ReadonlyArray<RawHeader>) => goOn(read(raw, headers), decoded)
    }),
    encoder: Effect.fnUntraced(function*(site) {
      const { write } = yield* bytes(site)
      const services = yield* Effect.context<S["EncodingServices"]>()
      return (value: S["Type"]) => goOn(resultOf(encode(value), services), write)
    })
  })
  return Object.assign(codec, { registration })
}
