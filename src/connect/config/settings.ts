/** What callers without types hand in as settings of Connect, of plans and of watches. Pure. */
import type { Kind, KindsOf, Problem } from "../../internal/shared/fields.ts"
import { flag, requireFields, text, texts } from "../../internal/shared/fields.ts"
import { serviceProblem, shared } from "../../internal/shared/handedIn/serviceSettings.ts"
import * as Kinds from "../../internal/shared/handedIn/settingKinds.ts"
import type { Options } from "../ConnectModel.ts"
import type { Settings } from "../PlanModel.ts"
import type { WatchOptions } from "../WatchModel.ts"

const connect: KindsOf<Options> = shared

/** The first setting that is unknown or of a wrong type, without showing a secret. */
export const optionsProblem = (options: Options): Problem | undefined => serviceProblem(options, { ...connect })

/** Of plans. */
export const planning: KindsOf<Settings> = {
  prefix: text,
  prune: flag,
  ignore: texts,
  remember: flag,
  sendUnknown: flag
}

const restart: Kind = {
  words: "a Schedule, or \"never\"",
  is: (value) => value === "never" || Kinds.schedule.is(value)
}

const watching: KindsOf<WatchOptions> = {
  prefix: text,
  every: Kinds.duration,
  restart,
  forgetAfter: Kinds.duration
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
