/** What Connect's responses say: bodies to models, and refusals to reasons. Pure; bodies are read leniently. */
import { nearest } from "../../internal/shared/suggestions.ts"
import {
  field,
  isArray,
  isObject,
  isText,
  isTransient,
  listOf,
  objectOf,
  shortened,
  textOf,
  wholeOf,
  wordsOf
} from "../../rest/bodies.ts"
import type { Response } from "../../rest/restModel.ts"
import { isRemembered } from "../config/marker.ts"
import { redacting, scrub, secretsOf } from "../config/secrets.ts"
import * as Errors from "../ConnectError.ts"
import type {
  ConnectorConfig,
  ConnectorOffset,
  ConnectorType,
  Definition,
  Described,
  Info,
  Plugin,
  State,
  Status,
  TaskStatus,
  Validated,
  Validation
} from "../ConnectModel.ts"

/** What was asked for, for errors. */
export interface Asked {
  readonly connector?: string | undefined
  readonly plugin?: string | undefined
  /** Whether a connector was to be created: Connect has one status for "exists" and "rebalancing". */
  readonly creates?: boolean | undefined
  /** What was sent and must not be shown. */
  readonly secrets?: ReadonlyArray<string> | undefined
}

/** Of messages without the name of the connector, which may have such a word in it. */
const rebalancing = /rebalanc|stale configuration|no known leader/i
const classes = /(?:class|klass=class) ([\w.$]+)/g

/** The last part of a class, in lower case, without what all of them have. */
const stem = (plugin: string): string =>
  plugin.slice(plugin.lastIndexOf(".") + 1).toLowerCase().replace(/connector$/, "")

/** Plugins of a list that one may have meant. */
export const closeTo = (plugin: string, known: ReadonlyArray<string>): ReadonlyArray<string> => {
  const wanted = stem(plugin)
  const near = nearest(wanted, known.map(stem))
  return [...new Set(known)].filter((each) => stem(each) === near || stem(each).includes(wanted)).slice(0, 3)
}

/** What Connect says of a configuration that it refuses: a line for each error, with the setting in quotes or not. */
const problemsIn = (words: string, shown: (text: string) => string): ReadonlyArray<Errors.Problem> =>
  words.split("\n").slice(1).filter((line) => line !== "" && !line.startsWith("You can also find")).map((line) => {
    const key = /configuration "?([\w.$-]+)"?/.exec(line)?.[1]
    return { key: key?.replace(/[:.]$/, ""), messages: [shown(line)] }
  })

/** Why a request was refused. */
export const reasonOf = ({ body, status }: Response, asked: Asked): Errors.Reason => {
  const { connector, creates, plugin, secrets = [] } = asked
  const words = wordsOf(body, Infinity)
  // A short secret may be a part of the words that tell refusals apart, and shortening could cut a secret in two.
  const shown = (text: string) => shortened(scrub(text, secrets), 2_000)
  const problem = shown(words)
  if (plugin !== undefined && /Failed to find any class/.test(words)) {
    const known = [...words.matchAll(classes)].map(([, name]) => name!)
    return new Errors.UnknownPlugin({ plugin, close: closeTo(plugin, known) })
  }
  if (status === 409) {
    return creates === true && connector !== undefined && /already exists/.test(words)
      ? new Errors.ConnectorExists({ connector })
      : new Errors.Rebalancing({ problem })
  }
  if (status >= 500 && rebalancing.test(connector === undefined ? words : words.replaceAll(connector, ""))) {
    return new Errors.Rebalancing({ problem })
  }
  if (/BadRequestException|Cannot invoke/.test(words) && status === 500) {
    return new Errors.Unexpected({ status, problem })
  }
  if (status === 404 && field(body, "error_code") === undefined) {
    // The server's own 404, not Connect's: it listens before it serves.
    return new Errors.Unavailable({
      problem: "status 404, but not from Connect: a worker that starts does so, and a URL that is no worker's"
    })
  }
  if (isTransient(status)) return new Errors.Unavailable({ problem: `status ${status}: ${problem}` })
  if (status === 401 || status === 403) return new Errors.Unauthorized({ status, problem })
  if (status === 404 && connector !== undefined) return new Errors.ConnectorNotFound({ connector })
  if (status === 400 && connector !== undefined) {
    if (/must be in the STOPPED state/.test(words)) return new Errors.NotStopped({ connector })
    const problems = /configuration is invalid/.test(words) ? problemsIn(words, shown) : []
    if (problems.length > 0) return new Errors.InvalidConfig({ connector, problems })
  }
  return new Errors.Unexpected({ status, problem })
}

const optionalText = (body: unknown, name: string): string | undefined => {
  const value = field(body, name)
  return isText(value) ? value : undefined
}

const stateOf = (body: unknown): State => textOf(body, "state") as State

const typeOf = (body: unknown): ConnectorType => {
  const type = field(body, "type")
  return type === "source" || type === "sink" ? type : "unknown"
}

const taskOf = (body: unknown): TaskStatus => ({
  id: wholeOf(body, "id"),
  state: stateOf(body),
  worker: optionalText(body, "worker_id"),
  trace: optionalText(body, "trace")
})

/** With traces as they came: they quote values of settings. */
export const statusOf = (body: unknown): Status => {
  const connector = objectOf(body, "connector")
  return {
    name: textOf(body, "name"),
    type: typeOf(body),
    state: stateOf(connector),
    worker: optionalText(connector, "worker_id"),
    trace: optionalText(connector, "trace"),
    tasks: listOf(field(body, "tasks") ?? [], taskOf)
  }
}

const configOf = (body: unknown) => {
  const config = Object.fromEntries(Object.entries(objectOf(body)).map(([key, value]) => [key, String(value ?? "")]))
  return redacting(config, isRemembered(config))
}

export const infoOf = (body: unknown): Info => ({
  name: textOf(body, "name"),
  type: typeOf(body),
  config: configOf(field(body, "config")),
  tasks: listOf(field(body, "tasks") ?? [], (task) => wholeOf(task, "task"))
})

/**
 * The lists of connectors with `expand=info` and with `expand=status`. They are asked for one after the other: a list
 * with both leaves out a connector without a status, and one that is being created has none yet.
 */
export const describedOf = (infos: unknown, statuses: unknown): ReadonlyArray<Described> =>
  Object.entries(objectOf(infos)).flatMap(([name, each]) => {
    if (!isObject(field(each, "info"))) return []
    const info = infoOf(field(each, "info"))
    const status = field(field(statuses, name), "status")
    return [{ info, status: isObject(status) ? statusOf(status) : undefined }]
  }).sort((a, b) => a.info.name < b.info.name ? -1 : 1)

export const offsetsOf = (body: unknown): ReadonlyArray<ConnectorOffset> =>
  listOf(field(body, "offsets") ?? [], (each): ConnectorOffset => ({
    partition: objectOf(each, "partition"),
    offset: isObject(field(each, "offset")) ? objectOf(each, "offset") : null
  }))
    // What was reset is still listed for a while.
    .filter(({ offset }) => offset !== null)

export const topicsOf = (name: string) => (body: unknown): ReadonlyArray<string> =>
  listOf(field(field(body, name), "topics") ?? [], String).toSorted()

export const pluginOf = (body: unknown): Plugin => ({
  class: textOf(body, "class"),
  type: optionalText(body, "type") ?? "unknown",
  version: optionalText(body, "version")
})

export const definitionOf = (body: unknown): Definition => ({
  name: textOf(body, "name"),
  type: optionalText(body, "type") ?? "STRING",
  isRequired: field(body, "required") === true,
  defaultValue: optionalText(body, "default_value"),
  documentation: optionalText(body, "documentation") ?? ""
})

/** One setting of a validation; Debezium sends some without a value. */
const validatedOf = (body: unknown): Validated => {
  const definition = field(body, "definition")
  const value = field(body, "value")
  const errors = field(value, "errors")
  return {
    key: isObject(definition) ? textOf(definition, "name") : textOf(value, "name"),
    definition: isObject(definition) ? definitionOf(definition) : undefined,
    errors: isArray(errors) ? errors.map(String) : []
  }
}

/** What a plugin says of a configuration, without the secrets of it, some of which the plugin alone knows as such. */
export const validationOf = (config: ConnectorConfig) => (body: unknown): Validation => {
  const settings = listOf(field(body, "configs"), validatedOf)
  const passwords = new Set(settings.flatMap(({ definition, key }) => definition?.type === "PASSWORD" ? [key] : []))
  const secrets = secretsOf(config, (key) => passwords.has(key))
  return {
    plugin: textOf(body, "name"),
    isValid: wholeOf(body, "error_count") === 0,
    settings: settings.map((each) => ({ ...each, errors: each.errors.map((error) => scrub(error, secrets)) }))
  }
}

/** Levels of loggers: texts before Kafka 3.7, then objects. */
export const loggersOf = (body: unknown): Readonly<Record<string, string>> =>
  Object.fromEntries(
    Object.entries(objectOf(body)).map(([name, level]) => [name, isText(level) ? level : textOf(level, "level")])
  )
