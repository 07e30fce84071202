/** What differs between the settings that a connector should have and those that it has. Pure. */
import * as Redacted from "effect/Redacted"
import { isMasked, looksSecret, plain } from "../config/secrets.ts"
import type { ConnectorConfig, Definition } from "../ConnectModel.ts"
import type { Change } from "../PlanModel.ts"
import { isSame } from "./normal.ts"

/** What is compared with. */
export interface Comparison {
  readonly definitions: ReadonlyMap<string, Definition>
  /** Whether a secret is the one that was applied last; `undefined` where that is not known. */
  readonly wasApplied: (key: string) => boolean | undefined
  /** Settings that are not ours to judge, such as those that a distribution adds. */
  readonly isIgnored: (key: string) => boolean
}

/** The setting in which we keep what tells secrets apart that are hidden on the far side. */
export const markerKey = "millrace.applied"

/** Settings that are there by themselves: the name, and what distributions add. */
const isOwnOfConnect = (key: string): boolean => key === "name" || key === markerKey || key.startsWith("__internal.")

const shown = (key: string, value: string | Redacted.Redacted | undefined, definition: Definition | undefined) =>
  value === undefined
    ? undefined
    : Redacted.isRedacted(value) || definition?.type === "PASSWORD" && plain(value) !== "" ||
        looksSecret(key, plain(value))
    ? "<redacted>"
    : plain(value)

/** The settings that differ, by name. */
export const diff = (
  desired: ConnectorConfig,
  actual: ConnectorConfig,
  { definitions, isIgnored, wasApplied }: Comparison
): ReadonlyArray<Change> => {
  const keys = [...new Set([...Object.keys(desired), ...Object.keys(actual)])].sort()
  return keys.flatMap((key): ReadonlyArray<Change> => {
    if (isOwnOfConnect(key) || isIgnored(key)) return []
    const definition = definitions.get(key)
    const byDefault = definition?.defaultValue
    const isDefault = (text: string) => byDefault !== undefined && isSame(text, byDefault, definition)
    const [to, from] = [desired[key], actual[key]]
    const change = (kind: Change["kind"]): ReadonlyArray<Change> => [
      { key, kind, from: shown(key, from, definition), to: shown(key, to, definition) }
    ]
    if (to === undefined) return from === undefined || isDefault(plain(from)) ? [] : change("removed")
    if (from === undefined) return isDefault(plain(to)) ? [] : change("added")
    const [wanted, had] = [plain(to), plain(from)]
    if (isMasked(had) && !isMasked(wanted)) {
      const known = wasApplied(key)
      return known === undefined ? change("unknown") : known ? [] : change("changed")
    }
    return isSame(wanted, had, definition) ? [] : change("changed")
  })
}
