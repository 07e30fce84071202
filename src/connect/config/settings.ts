/** What callers without types hand in as settings of Connect, of plans and of watches. Pure. */
import * as Duration from "effect/Duration"
import * as Predicate from "effect/Predicate"
import type { Kind, KindsOf, Problem } from "../../internal/shared/fields.ts"
import { flag, oneOf, requireFields, shown, texts } from "../../internal/shared/fields.ts"
import { serviceProblem, shared } from "../../internal/shared/handedIn/serviceSettings.ts"
import * as Kinds from "../../internal/shared/handedIn/settingKinds.ts"
import type { Options } from "../ConnectModel.ts"
import { isConnector } from "../Connector.ts"
import { isName } from "../given.ts"
import type { Plan, Settings, SettleOptions } from "../PlanModel.ts"
import type { WatchOptions } from "../WatchModel.ts"

const connect: KindsOf<Options> = shared

/** The first setting that is unknown or of a wrong type, without showing a secret. */
export const optionsProblem = (options: Options): Problem | undefined => serviceProblem(options, { ...connect })

const prefix: Kind = {
  words: "the beginning of names, without slashes, control characters and a space before it",
  is: (value) => typeof value === "string" && (value === "" || isName(`${value}x`))
}

/** Of plans. */
export const planning: KindsOf<Settings> = {
  prefix,
  prune: flag,
  ignore: texts,
  remember: flag,
  sendUnknown: flag
}

/** How often something is looked at: not at once again. */
const period: Kind = {
  words: "a duration of at least 1 millisecond; write e.g. \"10 seconds\"",
  is: (value) => Kinds.duration.is(value) && Duration.toMillis(Duration.fromInputUnsafe(value as Duration.Input)) >= 1
}

const restart: Kind = {
  words: "a Schedule, or \"never\"",
  is: (value) => value === "never" || Kinds.schedule.is(value)
}

const watching: KindsOf<WatchOptions> = {
  prefix,
  every: period,
  restart,
  forgetAfter: Kinds.duration
}

const settling: KindsOf<SettleOptions> = {
  state: oneOf("running", "paused", "stopped"),
  steadyFor: Kinds.duration,
  connector: { words: "a connector; make it with Connector.make", is: isConnector }
}

/** What is no connector: a copy by `{ ...connector }` has lost what makes it one. */
export const connectorProblem = (connectors: unknown): string | undefined => {
  if (!Array.isArray(connectors)) return `connectors: ${shown(connectors)} is not an array of connectors`
  const at = connectors.findIndex((each) => !isConnector(each))
  return at < 0 ? undefined : `connectors[${at}]: ${shown(connectors[at])} is no connector; make it with Connector.make`
}

/** Throws for what is no list of connectors. */
export const checkConnectors = (where: string, connectors: unknown): void => {
  const problem = connectorProblem(connectors)
  if (problem !== undefined) throw new Error(`${where}: ${problem}`)
}

/** Throws for what is no plan. */
export const checkPlan = (where: string, plan: Plan): void => {
  if (Predicate.hasProperty(plan, "entries") && Array.isArray(plan.entries)) return
  throw new Error(`${where}: ${shown(plan)} is no plan; make it with Connectors.plan`)
}

/** Throws for what is no text of a plan. */
export const checkSaved = (given: unknown): void => {
  if (typeof given === "string") return
  throw new Error(`Connectors.restore: ${shown(given)} is not the text of a saved plan`)
}

/** Throws for options of publishing that are none. */
export const checkPublishing = (options: object): void =>
  requireFields("Connectors.publish", "options", options, { ignoreFailures: flag })

/** Throws for options of a wait that are none. */
export const checkSettling = (name: unknown, within: unknown, options: SettleOptions): void => {
  if (!isName(name)) throw new Error(`Connectors.settled: ${shown(name)} is no name of a connector`)
  requireFields("Connectors.settled", "within", { within }, { within: Kinds.duration })
  requireFields("Connectors.settled", "options", options, { ...settling })
}

/** Throws for settings of a plan that are none. */
export const checkPlanning = (settings: Settings): void =>
  requireFields("Connectors.plan", "settings", settings, { ...planning })

/** Throws for settings of a watch that are none. */
export const checkWatching = (options: WatchOptions): void =>
  requireFields("Connectors.watch", "options", options, { ...watching })

/** Throws for settings of the layer that are none. */
export const checkLayer = (options: object): void =>
  requireFields("Connectors.layer", "options", options, { ...planning, ...watching, publish: flag })
