/** What callers without types hand in as settings of a registry. Pure. */
import type { KindsOf, Problem } from "../../internal/shared/fields.ts"
import { serviceProblem, shared } from "../../internal/shared/handedIn/serviceSettings.ts"
import * as Settings from "../../internal/shared/handedIn/settingKinds.ts"
import type { Options } from "../RegistryModel.ts"

const kinds: KindsOf<Options> = { ...shared, latestTtl: Settings.anyDuration, missingTtl: Settings.anyDuration }

/** The first setting that is unknown or of a wrong type, without showing a secret. */
export const optionsProblem = (options: Options): Problem | undefined => serviceProblem(options, { ...kinds })
