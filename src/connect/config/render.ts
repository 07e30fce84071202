/** Declared settings as Connect's texts: values of the environment are looked up, lists and numbers are written. */
import * as Config from "effect/Config"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import { shown } from "../../internal/shared/fields.ts"
import * as Errors from "../ConnectError.ts"
import type { ConnectError } from "../ConnectError.ts"
import type { ConnectorConfig } from "../ConnectModel.ts"
import type { Declared, Plain, Value } from "../Connector.ts"
import { secretsOf } from "./secrets.ts"

const listText = (items: ReadonlyArray<string | number>): string => items.map(String).join(",")

const textOf = (value: Plain): string | Redacted.Redacted | undefined => {
  if (value === undefined || typeof value === "string" || Redacted.isRedacted(value)) return value
  if (typeof value === "object") return listText(value)
  return String(value)
}

/** Connect would take an item with a comma for two, and pass over an empty one. */
const isItem = (item: string): boolean => item.trim() !== "" && !/(?<!\\),/.test(item)

/** Why a value is none, for JavaScript. */
const problemOf = (value: unknown): string | undefined => {
  if (value === null) return "null is no value; leave the setting out, or use undefined"
  if (typeof value === "number" && !Number.isFinite(value)) return `${value} is no number for Connect`
  if (Array.isArray(value)) {
    const at = value.findIndex((each) => typeof each !== "string" && !Number.isFinite(each))
    if (at >= 0) return `a list has texts and finite numbers, and this one has ${shown(value[at])}`
    const wrong: unknown = value.find((each) => typeof each === "string" && !isItem(each))
    return wrong === undefined
      ? undefined
      : `${shown(wrong)} is no item of a list, in which commas are between items; write two, or, in a regular `
        + "expression of Debezium, \\, for a comma"
  }
  if (Redacted.isRedacted(value)) {
    const secret = Redacted.value(value)
    return typeof secret === "string" ? undefined : `what is Redacted is a text, and this is of type ${typeof secret}`
  }
  if (typeof value === "object") return "an object is no value of a setting"
  return typeof value === "function" || typeof value === "symbol"
    ? `a ${typeof value} is no value of a setting`
    : undefined
}

const valueOf = Effect.fnUntraced(function*(
  connector: string,
  key: string,
  value: Value
): Effect.fn.Return<string | Redacted.Redacted | undefined, ConnectError> {
  const fail = (problem: string) =>
    Errors.make(
      "render",
      new Errors.InvalidSetting({ problem: `connector "${connector}", setting ${key}: ${problem}` })
    )
  const plain: Plain = Config.isConfig(value)
    // The message of a wrong value may quote it; what is missing is said by its name.
    ? yield* Effect.mapError(value as Config.Config<Plain>, (error) => fail(shortOf(error.message)))
    : value
  const problem = problemOf(plain)
  if (problem !== undefined) return yield* fail(problem)
  return textOf(plain)
})

const shortOf = (message: string): string => message.replaceAll(/\s+/g, " ").slice(0, 300)

/** All settings of a connector as they are sent, the plugin among them. */
export const render = Effect.fnUntraced(function*(
  { config, name, plugin }: Declared
): Effect.fn.Return<ConnectorConfig, ConnectError> {
  const texts: Record<string, string | Redacted.Redacted> = { "connector.class": plugin }
  for (const [key, value] of Object.entries(config)) {
    const text = yield* valueOf(name, key, value)
    if (text !== undefined) texts[key] = text
  }
  return texts
})

/** The secrets that a connector declares; a value that cannot be read now was not sent either. */
export const declaredSecrets = Effect.fnUntraced(function*(
  { config, name }: Declared
): Effect.fn.Return<ReadonlyArray<string>> {
  const texts = yield* Effect.forEach(
    Object.entries(config),
    ([key, value]) =>
      Effect.match(valueOf(name, key, value), {
        onFailure: () => [],
        onSuccess: (text) => text === undefined ? [] : [[key, text] as const]
      })
  )
  return secretsOf(Object.fromEntries(texts.flat()))
})
