/**
 * Suppression: which records the current fiber does not send. `Producer.suppress` and `Producer.unsuppress` change it.
 * This module says what is suppressed, and changes it within streams.
 *
 * @stability unstable
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import { dual } from "effect/Function"
import * as Schema from "effect/Schema"
import { shown } from "./internal/shared/fields.ts"
import { invalidName } from "./Source.ts"
import type { Codecs } from "./Source.ts"
import type { AnyTopic } from "./Source.ts"

/**
 * What can be suppressed:
 *
 * - a topic, or the name of one: every record of it;
 * - a Schema: every record of the topics whose value codec is made of it (also within `Codec.nullable`, tombstones
 *   included), and, if it is a class, every record of any topic whose value is an instance of it.
 *
 * @stability unstable
 * @since 0.1.0
 * @category models
 */
export type Target = string | AnyTopic | Schema.Top

/**
 * What is suppressed: everything, or some topics and Schemas.
 *
 * @stability unstable
 * @since 0.1.0
 * @category models
 */
export interface Suppression {
  /** Whether every record is suppressed. */
  readonly everything: boolean
  /** The names of the topics whose records are suppressed. */
  readonly topics: ReadonlySet<string>
  /** The Schemas whose values are suppressed, see {@link Target}. */
  readonly schemas: ReadonlySet<Schema.Top>
}

/**
 * Suppresses nothing.
 *
 * @stability unstable
 * @since 0.1.0
 * @category constructors
 */
export const none: Suppression = { everything: false, topics: new Set(), schemas: new Set() }

/**
 * Suppresses everything.
 *
 * @stability unstable
 * @since 0.1.0
 * @category constructors
 */
export const all: Suppression = { ...none, everything: true }

/**
 * The suppression of the current fiber; `none` by default. Forked fibers inherit it; it ends with the effect that it
 * was provided to.
 *
 * @stability unstable
 * @since 0.1.0
 * @category references
 */
export const Current: Context.Reference<Suppression> = Context.Reference<Suppression>("millrace/Suppression", {
  defaultValue: () => none
})

/**
 * Adds targets to a suppression. Without targets, the result suppresses everything; added to a suppression of
 * everything, targets change nothing. Throws when a target is neither a topic, nor the name of one, nor a Schema.
 *
 * **When to use**: to suppress within a stream, which `Producer.suppress` does not take.
 *
 * @example
 * ```ts
 * import { Stream } from "effect"
 * import { Codec, Producer, Suppression, Topic } from "millrace"
 *
 * const Notes = Topic.make("notes", { key: Codec.none, value: Codec.string })
 *
 * export const quiet = Stream.make("a", "b").pipe(
 *   Stream.tap((value) => Producer.send(Notes, { key: null, value })),
 *   Stream.updateService(Suppression.Current, Suppression.add([Notes]))
 * )
 * ```
 *
 * @stability unstable
 * @since 0.1.0
 * @category combinators
 */
export const add: {
  (targets: ReadonlyArray<Target> | undefined): (self: Suppression) => Suppression
  (self: Suppression, targets: ReadonlyArray<Target> | undefined): Suppression
} = dual(2, (self: Suppression, targets: ReadonlyArray<Target> | undefined): Suppression => {
  if (targets !== undefined && !Array.isArray(targets)) {
    throw new Error(`targets to suppress are an array, and this is ${shown(targets)}; write e.g. [Notes] or ["notes"]`)
  }
  if (targets === undefined || self.everything) return all
  const topics = new Set(self.topics)
  const schemas = new Set(self.schemas)
  for (const target of targets) {
    if (Schema.isSchema(target)) {
      schemas.add(target)
      continue
    }
    const name = typeof target === "string" ? target : target?.name
    if (typeof name !== "string") throw new Error("only topics, names of topics and Schemas can be suppressed")
    const problem = invalidName(name)
    if (problem !== undefined) throw new Error(`cannot suppress: ${problem}`)
    topics.add(name)
  }
  return { everything: false, topics, schemas }
})

/** The part of a topic that decides. @internal */
export interface Asked {
  readonly name: string
  readonly codecs: Codecs
}

/** Which values of a topic are suppressed: all, none, or those for which it returns true. @internal */
export type Verdict = "all" | "none" | ((value: unknown) => boolean)

/** The members of a union, without null: a tombstone of a suppressed Schema is suppressed, too. */
const membersOf = (schema: Schema.Top): ReadonlyArray<Schema.Top> =>
  "members" in schema && Array.isArray(schema.members)
    ? schema.members.filter((member: Schema.Top) => member.ast._tag !== "Null")
    : []

const covers = (schemas: ReadonlySet<Schema.Top>, schema: Schema.Top): boolean => {
  if (schemas.has(schema)) return true
  const members = membersOf(schema)
  return members.length > 0 && members.every((member) => covers(schemas, member))
}

type Class = abstract new(...args: ReadonlyArray<never>) => unknown

const isClass = (schema: unknown): schema is Class =>
  typeof schema === "function" && typeof schema.prototype === "object"

/** What a suppression means for one topic. @internal */
export const decide = ({ everything, schemas, topics }: Suppression, topic: Asked): Verdict => {
  if (everything || topics.has(topic.name)) return "all"
  if (schemas.size === 0) return "none"
  const { schema } = topic.codecs.value
  if (schema !== undefined && covers(schemas, schema)) return "all"
  const classes = Array.from<unknown>(schemas).filter(isClass)
  return classes.length === 0 ? "none" : (value) => classes.some((one) => value instanceof one)
}

/**
 * Whether the current fiber suppresses every record of a topic; without a topic, whether it suppresses everything.
 *
 * **When to use**: when something other than a send depends on the suppression, such as a flag in a row that change
 * data capture reads.
 *
 * @example
 * ```ts
 * import { Effect } from "effect"
 * import { Codec, Suppression, Topic } from "millrace"
 *
 * const Notes = Topic.make("notes", { key: Codec.none, value: Codec.string })
 *
 * export const program = Effect.gen(function*() {
 *   if (yield* Suppression.isActive(Notes)) yield* Effect.log("no note leaves this program")
 * })
 * ```
 *
 * @stability unstable
 * @since 0.1.0
 * @category getters
 */
export const isActive = (topic?: AnyTopic): Effect.Effect<boolean> =>
  Effect.map(
    Effect.service(Current),
    (current) => topic === undefined ? current.everything : decide(current, topic) === "all"
  )
