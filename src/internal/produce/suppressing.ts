/** Whether a record may leave: asked by the public functions of the producer alone, before anything is encoded. */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type * as Schema from "effect/Schema"
import type { Delivery } from "../../engine/KafkaEngine.ts"
import type { Suppression } from "../../Suppression.ts"
import type { Switches } from "../../Switches.ts"
import { Current as CurrentSwitches } from "../../Switches.ts"
import type { Codecs } from "../../Topic.ts"

/** Suppresses nothing; public as `Suppression.none`. */
export const none: Suppression = { everything: false, topics: new Set(), schemas: new Set() }

/** The suppression of the current fiber; public as `Suppression.Current`. */
export const CurrentSuppression = Context.Reference<Suppression>("millrace/Suppression", { defaultValue: () => none })

/** What is known of a topic that is asked about. */
interface Asked {
  readonly name: string
  readonly codecs: Codecs
}

/** Which values of a topic are suppressed: all, none, or those that it says. */
export type Verdict = "all" | "none" | ((value: unknown) => boolean)

/** What a suppressed send answers: the record is nowhere. */
export const nowhere = (topic: string): Delivery => ({ topic, partition: -1, offset: -1, timestamp: -1 })

/** The members of a union; of `NullOr` only what is not null, because a tombstone belongs to what it deletes. */
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

/** What a suppression means for one topic. */
export const decide = ({ everything, schemas, topics }: Suppression, topic: Asked): Verdict => {
  if (everything || topics.has(topic.name)) return "all"
  if (schemas.size === 0) return "none"
  const { schema } = topic.codecs.value
  if (schema !== undefined && covers(schemas, schema)) return "all"
  const classes = Array.from<unknown>(schemas).filter(isClass)
  return classes.length === 0 ? "none" : (value) => classes.some((one) => value instanceof one)
}

const told = new WeakSet<Switches>()

/** What the current fiber's switches and suppression mean for a topic. */
export const verdictOf = Effect.fnUntraced(function*(topic: Asked): Effect.fn.Return<Verdict> {
  const switches = yield* CurrentSwitches
  if (switches.produce) return decide(yield* CurrentSuppression, topic)
  if (!told.has(switches)) {
    told.add(switches)
    yield* Effect.logWarning("producing is switched off: nothing is sent")
  }
  return "all"
})
