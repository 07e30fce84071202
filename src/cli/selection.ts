/** Consumers of the config, by the names that were given on the command line. */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { unknown } from "../internal/shared/suggestions.ts"
import type { Config } from "./Config.ts"
import { failAll, isShutOut, naming, UsageError } from "./exit.ts"

/** A consumer without its types. */
export type AnyConsumer = Config["consumers"][number]

/** A consumer and how it is called: by its group, with a number where several are of one group. */
export interface Named {
  readonly name: string
  readonly consumer: AnyConsumer
}

/** The consumers with their names: `billing`, or `billing#1` and `billing#2`. */
export const named = ({ consumers }: Config): ReadonlyArray<Named> => {
  const groups = consumers.map(({ group }) => group)
  return consumers.map((consumer, i) => {
    const { group } = consumer
    const isAlone = groups.indexOf(group) === groups.lastIndexOf(group)
    const before = groups.slice(0, i).filter((other) => other === group).length
    return { name: isAlone ? group : `${group}#${before + 1}`, consumer }
  })
}

const answersTo = (name: string) => (one: Named): boolean => one.name === name || one.consumer.group === name

/** The named consumers, or all. The name of a group means all of its consumers. */
export const select = Effect.fnUntraced(function*(config: Config, names: ReadonlyArray<string>) {
  const all = named(config)
  const missing = names.find((name) => !all.some(answersTo(name)))
  if (missing !== undefined) {
    return yield* new UsageError({ problem: unknown("consumer", missing, all.map(({ name }) => name)) })
  }
  const selected = names.length === 0 ? all : all.filter((one) => names.some((name) => answersTo(name)(one)))
  if (selected.length === 0) return yield* new UsageError({ problem: "the config module has no consumers" })
  return selected
})

/** The named consumer, or the only one. */
export const selectOne = Effect.fnUntraced(function*(config: Config, name: string | undefined) {
  const selected = yield* select(config, name === undefined ? [] : [name])
  const [first, ...more] = selected
  if (more.length === 0) return first!.consumer
  return yield* new UsageError({
    problem: `name one of the consumers: ${selected.map(({ name }) => name).join(", ")}`
  })
})

/** Whether a look at any other consumer would fail for the same reason, after as long. */
const isOfAll = (exit: Exit.Exit<unknown, unknown>): boolean =>
  Exit.isFailure(exit) && exit.cause.reasons.some((reason) => Cause.isFailReason(reason) && isShutOut(reason.error))

/**
 * What a look at each consumer finds, without what two consumers of one group both find, and the failures of those that
 * cannot be looked at, which do not hide the others. Where no broker lets anybody look, it ends.
 */
export const ofEach = Effect.fnUntraced(function*<A extends { readonly topic: string }, E, R>(
  consumers: ReadonlyArray<Named>,
  look: (consumer: AnyConsumer) => Effect.Effect<ReadonlyArray<A>, E, R>
) {
  const exits: Array<Exit.Exit<unknown, unknown>> = []
  const found = new Map<string, A>()
  for (const { consumer, name } of consumers) {
    const exit = yield* Effect.exit(look(consumer))
    if (isOfAll(exit)) {
      exits.push(exit)
      break
    }
    exits.push(yield* Effect.exit(naming(name)(exit)))
    if (Exit.isSuccess(exit)) {
      for (const one of exit.value) found.set(JSON.stringify([consumer.group, one.topic]), one)
    }
  }
  return { found: [...found.values()], failed: failAll(exits) }
})
