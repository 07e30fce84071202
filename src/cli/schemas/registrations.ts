/** The schemas that the topics of a config register. */
import * as Argument from "effect/cli/Argument"
import * as Effect from "effect/Effect"
import type * as Codec from "../../Codec.ts"
import { messageOf } from "../../internal/shared/causes.ts"
import { unknown } from "../../internal/shared/suggestions.ts"
import * as Topic from "../../Topic.ts"
import type { Config } from "../Config.ts"
import { UsageError } from "../exit.ts"

/** What a topic's key or value registers. */
export interface Target extends Codec.Registration, Codec.Site {}

/** `[topic…]`. */
export const topics = Argument.String("topic").pipe(
  Argument.withDescription("Only the schemas of these topics of the config"),
  Argument.variadic()
)

const sourcesOf = ({ consumers, topics }: Config) => [
  ...topics,
  ...consumers.flatMap(({ handlers }) => handlers.map(({ source }) => source))
]

const targetsAt = (topic: string, source: ReturnType<typeof sourcesOf>[number]): ReadonlyArray<Target> =>
  (["key", "value"] as const).flatMap((part) => {
    const { registration } = source.codecs[part]
    return registration === undefined ? [] : [{ topic, part, ...registration({ topic, part }) }]
  })

/**
 * The schemas of the config's topics, or of those that are named, which patterns may match. Two readers of a topic with
 * different schemas are two targets of one subject.
 */
export const targetsOf = Effect.fnUntraced(function*(config: Config, wanted: ReadonlyArray<string>) {
  const targets = yield* anyTargetsOf(config, wanted)
  if (targets.length > 0) return targets
  return yield* new UsageError({
    problem: `no codec of ${
      wanted.length === 0 ? "the config's topics" : wanted.map((name) => `topic "${name}"`).join(", ")
    } is of a Schema Registry`
  })
})

/** {@link targetsOf}, and none where no codec is of a Schema Registry. */
export const anyTargetsOf = Effect.fnUntraced(function*(config: Config, wanted: ReadonlyArray<string>) {
  const sources = sourcesOf(config)
  const names = [...new Set(sources.flatMap(({ match }) => match._tag === "Name" ? [match.name] : []))].sort()
  const missing = wanted.find((name) => !sources.some((source) => Topic.matches(source, name)))
  if (missing !== undefined) return yield* new UsageError({ problem: unknown("topic", missing, names) })
  const targets = new Map<string, Target>()
  for (const name of wanted.length === 0 ? names : wanted) {
    for (const source of sources.filter((each) => Topic.matches(each, name))) {
      const found = yield* Effect.try({
        try: () => targetsAt(name, source),
        catch: (cause) => new UsageError({ problem: `topic "${name}": ${messageOf(cause)}`, cause })
      })
      for (const target of found) targets.set(JSON.stringify([target.topic, target.subject, target.schema]), target)
    }
  }
  return [...targets.values()]
})
