/** What is secret in the configuration of a connector, and how it is kept out of texts. Pure. */
import * as Redacted from "effect/Redacted"
import type { ConnectorConfig, Status } from "../ConnectModel.ts"

/** Names of settings whose values are secrets, in Kafka, Connect and the connectors of the field. */
const secretName = new RegExp(
  [
    "passw(?:or)?d",
    "(?:^|[._-])(?:pass|pwd)$",
    "passphrase",
    "secret",
    "credential",
    "token(?!\\.endpoint|\\.url|s?\\.max|ize)",
    "jaas\\.config",
    "auth\\.user\\.info",
    "(?:api|access|private|account|sas|keystore|encryption|signing|shared|hmac|master|(?:^|[._-])ssl)[._-]?key$",
    "authorization$",
    "connection\\.string$"
  ].join("|"),
  "i"
)

/** A user and a password within a URL, or a password among its parameters. */
const secretInUrl = /\/\/[^/?#\s:@]+:[^/?#\s@]+@|[?&;](?:password|pwd|secret|token)=[^&;]+/i

/** A private key in PEM, whatever its setting is called. */
const privateKey = /-----BEGIN [A-Z ]*PRIVATE KEY-----/

/** A reference to a provider of the worker, which is no secret: `${file:/path:key}`. */
const reference = /^\$\{[^}:]+:(?:[^}:]*:)?[^}]+\}$/

/** What distributions put in the place of a secret: stars, bullets, `[hidden]`. */
const mask = /^(?:[*•●]{3,}|\[hidden\]|<(?:hidden|redacted)>)$/i

export const isReference = (value: string): boolean => reference.test(value)

export const isMasked = (value: string): boolean => mask.test(value.trim())

/** Whether a value is to be kept out of sight, as far as its name and itself tell. */
export const looksSecret = (key: string, value: string): boolean =>
  value !== "" && !isReference(value)
  && (secretName.test(key) || secretInUrl.test(value) || privateKey.test(value))

/** A setting of a configuration; one may be called as what all objects have, `constructor`. */
export const settingIn = (config: ConnectorConfig, key: string): ConnectorConfig[string] | undefined =>
  Object.hasOwn(config, key) ? config[key] : undefined

/** The text of a value. */
export const plain = (value: string | Redacted.Redacted): string =>
  typeof value === "string" ? value : Redacted.value(value)

/** A configuration with what is secret in it redacted; a value that is redacted stays so. */
export const redacting = (config: ConnectorConfig, isPassword: (key: string) => boolean): ConnectorConfig =>
  Object.fromEntries(
    Object.entries(config).map(([key, value]) => [
      key,
      typeof value === "string" && value !== "" && !isReference(value) && (looksSecret(key, value) || isPassword(key))
        ? Redacted.make(value)
        : value
    ])
  )

/** The texts of a configuration, as they are sent. */
export const texts = (config: Readonly<Record<string, string | Redacted.Redacted | null>>) =>
  Object.fromEntries(Object.entries(config).map(([key, value]) => [key, value === null ? null : plain(value)]))

/** Passwords within a longer value, which messages quote without the rest of it. */
const parts = /(?:passw(?:or)?d|pwd|secret|token)\s*=\s*(?:"([^"]*)"|([^&;"\s]+))|\/\/[^/?#\s:@]+:([^/?#\s@]+)@/gi

const partsOf = (value: string): ReadonlyArray<string> =>
  [...value.matchAll(parts)].flatMap(([, ...found]) =>
    found.filter((part) => part !== undefined && !part.includes("${"))
  )

/** Lines of a key in PEM, of which a parser quotes the one that it cannot read. */
const linesOf = (value: string): ReadonlyArray<string> =>
  value.includes("-----BEGIN ")
    ? value.split(/\s+|\\n/).filter((line) => line.length >= 8 && !line.startsWith("-----"))
    : []

const changed = (change: () => string): ReadonlyArray<string> => {
  try {
    return [change()]
  } catch {
    // Half of a surrogate pair has no form in a URL, and a percent sign may begin no escape.
    return []
  }
}

/** A secret as messages quote it: as it is, within JSON, and within a URL, from which it may also come. */
const formsOf = (secret: string): ReadonlyArray<string> => [
  secret,
  JSON.stringify(secret).slice(1, -1),
  ...changed(() => encodeURIComponent(secret))
]

/** The secrets of a configuration, and what is secret within them. */
export const secretsOf = (
  config: Readonly<Record<string, string | Redacted.Redacted | null>>,
  isPassword: (key: string) => boolean = () => false
): ReadonlyArray<string> => {
  const secrets = Object.entries(config).flatMap(([key, value]) => {
    if (value === null || typeof value === "string" && !looksSecret(key, value) && !isPassword(key)) return []
    const secret = plain(value)
    if (isReference(secret) || isMasked(secret)) return []
    const parts = partsOf(secret)
    // Kafka trims what it quotes.
    return [
      secret.trim(),
      ...linesOf(secret),
      ...parts,
      ...parts.flatMap((part) => changed(() => decodeURIComponent(part)))
    ]
  })
  return [...new Set(secrets.flatMap(formsOf))].filter((secret) => secret !== "")
}

const redacted = "<redacted>"

const escaped = (text: string): string => text.replaceAll(/[.*+?^${}()|[\]\\/-]/g, String.raw`\$&`)

/** Longest first: one may be a part of another. */
const anyOf = (secrets: ReadonlyArray<string>): RegExp =>
  new RegExp(secrets.toSorted((a, b) => b.length - a.length).map(escaped).join("|"), "g")

/** A text of Connect without secrets that are known, and without what looks like one: its messages quote values. */
export const scrub = (text: string, secrets: ReadonlyArray<string>): string =>
  // At once: a short one could be a part of what stands for another.
  (secrets.length === 0 ? text : text.replaceAll(anyOf(secrets), redacted))
    .replaceAll(parts, (found, ...groups: ReadonlyArray<unknown>) => {
      const part = groups.slice(0, 3).find((group) => typeof group === "string" && group !== "")
      return typeof part !== "string" || part.includes("${") || part === redacted
        ? found
        : found.replace(part, () => redacted)
    })

/** Whether a status has a trace, which may quote secrets. */
export const hasTrace = ({ tasks, trace }: Status): boolean =>
  trace !== undefined || tasks.some((task) => task.trace !== undefined)

/** A status with other traces. */
export const withTraces = (status: Status, change: (trace: string) => string): Status => {
  const traceOf = (trace: string | undefined) => trace === undefined ? undefined : change(trace)
  return hasTrace(status)
    ? {
      ...status,
      trace: traceOf(status.trace),
      tasks: status.tasks.map((task) => ({ ...task, trace: traceOf(task.trace) }))
    }
    : status
}

/** A status without secrets in its traces. */
export const scrubbed = (status: Status, secrets: ReadonlyArray<string>): Status =>
  withTraces(status, (trace) => scrub(trace, secrets))
