/**
 * A handler for each tag of a topic of tagged values.
 *
 * @stability unstable
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import type * as Handler from "./Handler.ts"
import { handle } from "./Handler.ts"
import { func, requireFields } from "./internal/shared/fields.ts"
import { tagsOf } from "./internal/shared/handedIn/tags.ts"
import type * as Record from "./Record.ts"
import { type AnySource, type DecodingServices, isSource, type Source, type Value } from "./Source.ts"

type Tagged = { readonly _tag: string }

type Run<R> = (record: R) => Effect.Effect<unknown, any, any>

type TagOf<V> = V extends Tagged ? V["_tag"] : never

/** What has no tag, such as the null of a tombstone. */
type Untagged<V> = V extends Tagged ? never : V

/**
 * The record of a source whose value has this tag.
 *
 * @stability unstable
 * @since 0.1.0
 * @category models
 */
export type OfTag<S, T extends string> = S extends Source<infer K, infer V, infer _RD, infer H>
  ? Record.Record<K, Extract<V, { readonly _tag: T }>, H>
  : never

/**
 * A handler for each tag. `_` handles records of all other tags, and those without a tag.
 *
 * @stability unstable
 * @since 0.1.0
 * @category models
 */
export type Cases<S> =
  & { readonly [T in TagOf<Value<S>>]?: Run<OfTag<S, T>> }
  & { readonly _?: Run<Record.Of<S>> }

/**
 * The cases that are there for certain: one that is optional may be missing. While the compiler infers parameters, `C`
 * is all that is possible, and nothing is to be refused yet.
 */
type Certain<S, C> = Cases<S> extends C ? keyof C
  : { [T in keyof C]-?: {} extends Pick<C, T> ? never : undefined extends C[T] ? never : T }[keyof C]

/** The tags that have no case, unless there is `_`. */
type Missing<S, C> = "_" extends Certain<S, C> ? unknown
  :
    & { readonly [T in Exclude<TagOf<Value<S>>, Certain<S, C>>]: Run<OfTag<S, T>> }
    & ([Untagged<Value<S>>] extends [never] ? unknown : { readonly _: Run<Record.Of<S>> })

type Unknown<S, C> = { readonly [T in Exclude<keyof C, TagOf<Value<S>> | "_">]: never }

/**
 * The errors of cases.
 *
 * @stability unstable
 * @since 0.1.0
 * @category models
 */
export type Error<C> = {
  [T in keyof C]-?: NonNullable<C[T]> extends (...args: any) => Effect.Effect<infer _A, infer E, infer _R> ? E : never
}[keyof C]

/**
 * The services of cases.
 *
 * @stability unstable
 * @since 0.1.0
 * @category models
 */
export type Services<C> = {
  [T in keyof C]-?: NonNullable<C[T]> extends (...args: any) => Effect.Effect<infer _A, infer _E, infer R> ? R : never
}[keyof C]

/**
 * Handles a record by doing nothing. Use it as `_` of {@link handleTags} for records that do not matter.
 *
 * @example
 * ```ts
 * import { Codec, Topic } from "millrace"
 *
 * const Notes = Topic.make("notes", { key: Codec.none, value: Codec.string })
 *
 * export const drain = Topic.handle(Notes, Topic.skip)
 * ```
 *
 * @stability unstable
 * @since 0.1.0
 * @category constructors
 */
export const skip = (_record: unknown): Effect.Effect<void> => Effect.void

/**
 * Handles a source of tagged values with a function for each tag, record by record as {@link handle} does. The compiler
 * wants all tags, or `_` for the others; `_` also gets values without a tag, such as a tombstone.
 *
 * **When to use**: for topics that carry several kinds of events. A tag that is new in the Schema is a compile error
 * where nothing handles it.
 *
 * @example
 * ```ts
 * import { Effect, Schema } from "effect"
 * import { Codec, Topic } from "millrace"
 *
 * const Event = Schema.Union([
 *   Schema.TaggedStruct("OrderPlaced", { id: Schema.String }),
 *   Schema.TaggedStruct("OrderPaid", { id: Schema.String, amount: Schema.Finite }),
 *   Schema.TaggedStruct("OrderViewed", { id: Schema.String })
 * ])
 * const Events = Topic.make("events", { key: Codec.string, value: Codec.json(Event) })
 *
 * export const handler = Topic.handleTags(Events, {
 *   OrderPlaced: ({ value }) => Effect.log(`placed ${value.id}`),
 *   OrderPaid: ({ value }) => Effect.log(`paid ${value.amount}`),
 *   _: Topic.skip
 * })
 * ```
 *
 * @stability unstable
 * @since 0.1.0
 * @category constructors
 */
export const handleTags = <S extends AnySource, const C extends Cases<S> & Unknown<S, C>, RX = never>(
  source: S,
  cases: C & Missing<S, C>,
  options?: Handler.Options<Error<C>, RX>
): Handler.Handler<Error<C>, Services<C> | DecodingServices<S> | RX> => {
  requireCases(source, cases)
  const runs = new Map(Object.entries(cases as { readonly [tag: string]: Run<any> }))
  const other = runs.get("_") ?? missing
  const run = (record: Record.Record<any, any, any>): Effect.Effect<unknown, any, any> =>
    (runs.get(record.value?._tag) ?? other)(record)
  return handle(source as AnySource, run, options as Handler.Options<any, RX>)
}

/** The compiler leaves none out; a program in JavaScript may. */
const missing = ({ topic, value }: Record.Record<any, any, any>): Effect.Effect<never> =>
  Effect.die(
    new globalThis.Error(`topic "${topic}": no case handles the tag ${JSON.stringify(value?._tag)}; add it, or _`)
  )

/** Throws for cases that the compiler would refuse, as far as the topic's Schema says which tags there are. */
const requireCases = (source: AnySource, cases: unknown): void => {
  if (!isSource(source)) return
  const where = `the handler of ${String(source)}`
  const schema = source.codecs.value.schema
  const tags = schema === undefined ? undefined : tagsOf(schema)
  const given = Object.entries(Object(cases) as { readonly [tag: string]: unknown })
  const names = given.flatMap(([tag, run]) => run === undefined ? [] : [tag])
  requireFields(where, "cases", cases, Object.fromEntries([...tags ?? names, "_"].map((tag) => [tag, func])))
  const left = names.includes("_") ? undefined : tags?.find((tag) => !names.includes(tag))
  if (left !== undefined) throw new globalThis.Error(`${where}: no case for the tag "${left}"; add it, or _`)
}
