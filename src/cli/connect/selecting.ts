/** The connectors of a config, by the names that were given on the command line. */
import * as Argument from "effect/cli/Argument"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import type * as Layer from "effect/Layer"
import type { Connector } from "../../connect/Connector.ts"
import type * as KafkaConnect from "../../connect/KafkaConnect.ts"
import type { Settings } from "../../connect/PlanModel.ts"
import { unknown } from "../../internal/shared/suggestions.ts"
import type { Config } from "../Config.ts"
import { UsageError } from "../exit.ts"
import { config } from "../root.ts"
import { plain } from "../values.ts"

/** `[name…]`. */
export const names = Argument.String("name").pipe(
  Argument.withDescription("Only these connectors of the config, without the prefix or with it"),
  Argument.variadic()
)

/** Connect, and the connectors that are meant. */
export interface Selected {
  readonly config: Config
  readonly connect: Layer.Layer<KafkaConnect.Service, unknown>
  readonly connectors: ReadonlyArray<Connector>
  readonly prefix: string
}

/** The name of a connector as Connect knows it. */
export const fullName = ({ prefix }: Selected, { name }: Connector): string => prefix + name

/** Those that are named, or all. */
export const select = Effect.fnUntraced(function*(wanted: ReadonlyArray<string>) {
  const loaded = yield* config
  const { connect, connectors, connectorSettings: { prefix = "" } } = loaded
  if (connect === undefined) {
    return yield* new UsageError({
      problem: "the config module has no Kafka Connect; add `connect: KafkaConnect.layer({ url: \"…\" })` to "
        + "defineConfig in the config module"
    })
  }
  const isMeant = (name: string) => (each: Connector) => each.name === name || prefix + each.name === name
  const missing = wanted.find((name) => !connectors.some(isMeant(name)))
  if (missing !== undefined) {
    return yield* new UsageError({ problem: unknown("connector", missing, connectors.map(({ name }) => name)) })
  }
  const selected: Selected = {
    config: loaded,
    connect,
    connectors: wanted.length === 0
      ? connectors
      : connectors.filter((each) => wanted.some((name) => isMeant(name)(each))),
    prefix
  }
  return selected
})

/**
 * How the command compares: connectors that are not declared are deleted by `--prune` alone. That is about the whole
 * config: with names the other declared connectors would count as undeclared.
 */
export const settingsOf = (
  { config: { connectorSettings } }: Selected,
  wanted: ReadonlyArray<string>,
  prune: boolean
): Effect.Effect<Settings, UsageError> => {
  if (!prune) return Effect.succeed({ ...connectorSettings, prune: false })
  if ((connectorSettings.prefix ?? "") === "") {
    return Effect.fail(
      new UsageError({
        problem: "--prune needs a prefix in connectorSettings of the config module: without one it would delete all "
          + "connectors of the cluster that are not in the config"
      })
    )
  }
  return wanted.length === 0
    ? Effect.succeed({ ...connectorSettings, prune: true })
    : Effect.fail(new UsageError({ problem: "--prune is about all connectors of the config; leave out the names" }))
}

/** Says of the connectors that are marked for removal what is done with them. */
export const sayRemoved = (selected: Selected, words: string) =>
  Effect.forEach(
    selected.connectors.filter(({ _tag }) => _tag === "Removed"),
    (each) => Console.error(plain(`${fullName(selected, each)}: marked for removal, ${words}`)),
    { discard: true }
  )

/** The connectors that should run. */
export const declared = (selected: Selected): ReadonlyArray<string> =>
  selected.connectors.filter(({ _tag }) => _tag === "Declared").map((each) => fullName(selected, each))
