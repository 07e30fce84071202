/** What is secret in the configuration of a connector, and how it is kept out of texts. Pure. */
import * as Redacted from "effect/Redacted"
import type { ConnectorConfig } from "../ConnectModel.ts"

/** Names of settings whose values are secrets, in Kafka, Connect and the connectors of the field. */
const secretName = new RegExp(
  [
    "passw(?:or)?d",
    "passphrase",
    "secret",
    "credential",
    "token(?!\\.endpoint|\\.url|s?\\.max|ize)",
    "jaas\\.config",
    "auth\\.user\\.info",
    "(?:api|access|private|account|sas|keystore|encryption)[._-]?key$",
    "connection\\.string$"
  ].join("|"),
  "i"
)

/** A user and a password within a URL, or a password among its parameters. */
const secretInUrl = /\/\/[^/?#\s:@]+:[^/?#\s@]+@|[?&;](?:password|pwd|secret|token)=[^&;]+/i

/** A reference to a provider of the worker, which is no secret: `${file:/path:key}`. */
const reference = /^\$\{[^}:]+:(?:[^}:]*:)?[^}]+\}$/

/** What distributions put in the place of a secret: stars, bullets, `[hidden]`. */
const mask = /^(?:[*•●]{3,}|\[hidden\]|<(?:hidden|redacted)>)$/i

export const isReference = (value: string): boolean => reference.test(value)

export const isMasked = (value: string): boolean => mask.test(value.trim())

/** Whether a value is to be kept out of sight, as far as its name and itself tell. */
export const looksSecret = (key: string, value: string): boolean =>
  value !== "" && !isReference(value) && (secretName.test(key) || secretInUrl.test(value))

/** The text of a value. */
export const plain = (value: string | Redacted.Redacted): string =>
  typeof value === "string" ? value : Redacted.value(value)

/** A configuration that came as texts, with what is secret in it redacted. */
export const redacting = (
  config: Readonly<Record<string, string>>,
  isPassword: (key: string) => boolean = () => false
): ConnectorConfig =>
  Object.fromEntries(
    Object.entries(config).map(([key, value]) => [
      key,
      looksSecret(key, value) || isPassword(key) && !isReference(value) ? Redacted.make(value) : value
    ])
  )

/** The texts of a configuration, as they are sent. */
export const texts = (config: Readonly<Record<string, string | Redacted.Redacted | null>>) =>
  Object.fromEntries(Object.entries(config).map(([key, value]) => [key, value === null ? null : plain(value)]))

/** The secrets of a configuration, longest first: one may be a part of another. */
export const secretsOf = (
  config: Readonly<Record<string, string | Redacted.Redacted | null>>
): ReadonlyArray<string> =>
  Object.entries(config).flatMap(([key, value]) =>
    value === null || typeof value === "string" && !looksSecret(key, value) ? [] : [plain(value)]
  ).filter((secret) => secret !== "").sort((a, b) => b.length - a.length)

/** A text of Connect without the secrets that were sent: its messages quote values. */
export const scrub = (text: string, secrets: ReadonlyArray<string>): string =>
  secrets.reduce((rest, secret) => rest.replaceAll(secret, "<redacted>"), text)
