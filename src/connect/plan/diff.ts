/** What differs between the settings that a connector should have and those that it has. Pure. */
import * as Redacted from "effect/Redacted"
import { isMasked, isReference, looksSecret, plain, settingIn } from "../config/secrets.ts"
import type { ConnectorConfig, Definition } from "../ConnectModel.ts"
import { markerKey } from "../given.ts"
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

/** Settings that are there by themselves: the name, and what distributions add. */
export const isOwnOfConnect = (key: string): boolean =>
  key === "name" || key === markerKey || key.startsWith("__internal.")

type Setting = ConnectorConfig[string] | undefined

const isSecret = (key: string, value: Setting): boolean =>
  value !== undefined && (Redacted.isRedacted(value) || looksSecret(key, value))

/** Where one side is secret the other one may be an older secret; a reference is none, and says more. */
const shown = (value: Setting, secret: boolean): string | undefined =>
  value === undefined || typeof value === "string" && (!secret || value === "" || isReference(value))
    ? value
    : "<redacted>"

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
    const [to, from] = [settingIn(desired, key), settingIn(actual, key)]
    const secret = definition?.type === "PASSWORD" || isSecret(key, to) || isSecret(key, from)
    const change = (kind: Change["kind"]): ReadonlyArray<Change> => [
      { key, kind, from: shown(from, secret), to: shown(to, secret) }
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
