/** Names of retry topics and dead letter topics. */
import * as Effect from "effect/Effect"
import { invalidSetting, type KafkaError } from "../../KafkaError.ts"
import { type Naming, type Source, standard, type Tier } from "../../RetryTopic.ts"
import { type AnySource, failureName, invalidName } from "../../Source.ts"
import { messageOf } from "../shared/causes.ts"
import { kindOf } from "../shared/utf8.ts"

/** The names of a topic's retry topics, in the order of the tiers, and of its dead letter topic. */
export interface Names {
  readonly retry: ReadonlyArray<string>
  readonly deadLetter: string
}

/** The parked topic of a dead letter topic: its name with `dlt` at the end replaced by, or followed by, `parked`. */
export const parkedOf = (deadLetter: string): string =>
  /[.-]dlt$/.test(deadLetter) ? deadLetter.replace(/dlt$/, "parked") : `${deadLetter}.parked`

const longest = 249

const problemOf = ({ group, topic }: Source, name: string, parkedBeside?: string): string | undefined => {
  const problem = invalidName(name)
  if (problem === undefined) return undefined
  if (name.length > longest && invalidName(name.slice(0, longest)) === undefined) {
    const [what, remedy] = parkedBeside === undefined
      ? ["topic name", "name it yourself"]
      : ["the topic of what is parked,", `give the dead letter topic "${parkedBeside}" a shorter name yourself`]
    return `${what} "${name}" has ${name.length} characters, Kafka allows ${longest}: shorten the group id `
      + `(${group.length}) or the name of the topic (${topic.length}) by ${name.length - longest}, or ${remedy}`
  }
  const culprit = name.includes(group) && invalidName(group.slice(0, longest) || "_") !== undefined
    ? `; the group id ${JSON.stringify(group)} does not fit into a topic name: change it, or name the topics yourself`
    : ""
  return problem + culprit
}

/** Functions of users may return anything. */
const nameOf = (name: unknown): string => {
  if (typeof name === "string") return name
  throw new TypeError(`it returned ${kindOf(name)}, not a name`)
}

/** The names for a source topic. Fails when Kafka would refuse one (also of the parked topic), or two are the same. */
export const names = (
  naming: Naming,
  source: Source,
  tiers: ReadonlyArray<Tier>
): Effect.Effect<Names, KafkaError> =>
  Effect.suspend(() => {
    let retry: ReadonlyArray<string>
    let deadLetter: string
    try {
      retry = tiers.map((tier) => nameOf(naming.retry(source, tier, tiers)))
      deadLetter = nameOf(naming.deadLetter(source))
    } catch (error) {
      const problem = `no names of retry topics for "${source.topic}": ${messageOf(error)}`
      return Effect.fail(invalidSetting("retries.naming", problem))
    }
    const taken = new Set([source.topic])
    const parked = parkedOf(deadLetter)
    // The parked topic, too: at the time of parking it would be too late to change a name.
    for (const name of [...retry, deadLetter, parked]) {
      const problem = problemOf(source, name, name === parked ? deadLetter : undefined)
      if (problem !== undefined) return Effect.fail(invalidSetting("onFailure", problem))
      if (taken.has(name)) {
        return Effect.fail(invalidSetting(
          "onFailure",
          `two topics of "${source.topic}" would have the name "${name}": each delay of the schedule, the dead `
            + "letters and the topic itself need a name of their own"
        ))
      }
      taken.add(name)
    }
    return Effect.succeed({ retry, deadLetter })
  })

const sourceOf = (group: string, name: string, suffix: number): string | undefined => {
  const topic = name.slice(group.length + 1, name.length - suffix)
  return name.startsWith(`${group}.`) && topic.length > 0 ? topic : undefined
}

/**
 * Source topic and tier of a retry topic with a standard name, also of a tier that the policy no longer has. Without
 * the group it would be ambiguous: groups and topics may contain dots.
 */
export const parse = (
  group: string,
  name: string
): { readonly topic: string; readonly tier: number } | undefined => {
  const parsed = standard.parse!(group, name)
  return parsed === undefined ? undefined : { topic: parsed.topic, tier: parsed.tier! }
}

const escaped = (text: string): string => text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&")

/** Parts of a regular expression: escapes and classes, where `^` and `$` are no anchors, and the anchors themselves. */
const part = /\\.|\[(?:\\.|[^\]\\])*\]|[\^$]/g
/** The same for the flag `v`, with which a class may contain classes. */
const nestedPart = /\\.|\[(?:\\.|\[(?:\\.|[^\]\\])*\]|[^[\]\\])*\]|[\^$]/g

/** Matches the retry topics with standard names of every topic that a pattern matches. */
export const retryPattern = (
  group: string,
  { failures, regex: { flags, source } }: Extract<AnySource["match"], { readonly _tag: "Pattern" }>
): RegExp => {
  const before = `${escaped(group)}\\.`
  const behind = "\\.retry\\.[1-9]\\d*"
  // An anchor means the beginning or the end of the source's name, which is in the middle of the retry topic's.
  const anchors: Record<string, string> = { "^": `(?<=^${before})`, "$": `(?=${behind}$)` }
  const inner = source.replace(flags.includes("v") ? nestedPart : part, (found) => anchors[found] ?? found)
  // A failure topic that is no source has no retry topics either.
  const none = failures === true ? "" : `(?!${failureName}${behind}$)`
  return new RegExp(`${before}${none}(?:${inner})${behind}`, flags.replace(/[gy]/g, ""))
}

/** The source topic of a dead letter topic with a standard name. */
export const parseDeadLetter = (group: string, name: string): string | undefined =>
  name.endsWith(".dlt") ? sourceOf(group, name, ".dlt".length) : undefined
