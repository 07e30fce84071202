/** Consumers of the config, by the names that were given on the command line. */
import * as Effect from "effect/Effect"
import { unknown } from "../internal/shared/suggestions.ts"
import type { Config } from "./Config.ts"
import { UsageError } from "./exit.ts"

/** A consumer without its types. */
export type AnyConsumer = Config["consumers"][number]

/** The named consumers, or all. */
export const select = Effect.fnUntraced(function*(config: Config, names: ReadonlyArray<string>) {
  const groups = config.consumers.map(({ group }) => group)
  const missing = names.find((name) => !groups.includes(name))
  if (missing !== undefined) return yield* new UsageError({ problem: unknown("consumer", missing, groups) })
  const selected = names.length === 0 ? config.consumers : config.consumers.filter(({ group }) => names.includes(group))
  if (selected.length === 0) return yield* new UsageError({ problem: "the config module has no consumers" })
  return selected
})

/** The named consumer, or the only one. */
export const selectOne = Effect.fnUntraced(function*(config: Config, name: string | undefined) {
  const [first, ...more] = yield* select(config, name === undefined ? [] : [name])
  if (more.length === 0) return first!
  const groups = config.consumers.map(({ group }) => group)
  return yield* new UsageError({ problem: `name one of the consumers: ${groups.join(", ")}` })
})
