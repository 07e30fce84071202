/**
 * What was applied last, of secrets that the far side hides: a salted hash of each, kept in a setting of the connector.
 * PBKDF2 makes guessing a hash slow; who may read the configuration could still guess a weak secret, so it can be left
 * out.
 */
import * as Effect from "effect/Effect"
import type { ConnectorConfig } from "../ConnectModel.ts"
import { markerKey } from "../given.ts"
import { plain } from "./secrets.ts"

const version = "v1"
const rounds = 50_000

const hex = (bytes: Uint8Array): string => Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("")

const encoder = new TextEncoder()

/** The hash of a value of a setting, with a salt; 16 bytes in hexadecimal digits. */
export const hashOf = (salt: string, key: string, value: string): Effect.Effect<string> =>
  Effect.promise(async () => {
    const material = await crypto.subtle.importKey("raw", encoder.encode(value), "PBKDF2", false, ["deriveBits"])
    const derived = { name: "PBKDF2", hash: "SHA-256", salt: encoder.encode(`${salt}/${key}`), iterations: rounds }
    return hex(new Uint8Array(await crypto.subtle.deriveBits(derived, material, 128)))
  })

/** What a marker says: a hash for each secret. */
export interface Marker {
  readonly salt: string
  readonly hashes: ReadonlyMap<string, string>
}

const separator = ";"

/** `undefined` for what is no marker of ours. */
export const parse = (text: string): Marker | undefined => {
  const [head, salt, ...rest] = text.split(separator)
  if (head !== version || salt === undefined) return undefined
  const hashes = rest.flatMap((each): ReadonlyArray<readonly [string, string]> => {
    const at = each.lastIndexOf("=")
    return at <= 0 ? [] : [[each.slice(0, at), each.slice(at + 1)]]
  })
  return { salt, hashes: new Map(hashes) }
}

/** Whether a setting was a secret when a configuration was applied, whatever its name says. */
export const isRemembered = (config: Readonly<Record<string, string>>): (key: string) => boolean => {
  const marker = parse(config[markerKey] ?? "")
  return (key) => marker?.hashes.has(key) === true
}

/** The marker for the secrets of a configuration; `undefined` if it has none. */
export const make = Effect.fnUntraced(function*(
  salt: string,
  config: ConnectorConfig,
  secrets: ReadonlyArray<string>
): Effect.fn.Return<string | undefined> {
  if (secrets.length === 0) return undefined
  const hashes = yield* Effect.forEach(
    secrets.toSorted(),
    (key) => Effect.map(hashOf(salt, key, plain(config[key]!)), (hash) => `${key}=${hash}`)
  )
  return [version, salt, ...hashes].join(separator)
})

/** Which secrets of a configuration are those of a marker; without an entry it is not known. */
export const compare = Effect.fnUntraced(function*(
  marker: Marker,
  config: ConnectorConfig,
  secrets: ReadonlyArray<string>
): Effect.fn.Return<ReadonlyMap<string, boolean>> {
  const known = new Map<string, boolean>()
  for (const key of secrets) {
    const before = marker.hashes.get(key)
    if (before !== undefined) known.set(key, before === (yield* hashOf(marker.salt, key, plain(config[key]!))))
  }
  return known
})
