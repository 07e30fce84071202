/** What callers without types hand in to the helpers for common connectors. Pure. */
import * as Config from "effect/Config"
import * as Redacted from "effect/Redacted"
import type { Kinds, KindsOf } from "../../internal/shared/fields.ts"
import * as Fields from "../../internal/shared/fields.ts"
import * as SettingKinds from "../../internal/shared/handedIn/settingKinds.ts"
import type { JdbcSink, PostgresSource } from "../DebeziumModel.ts"

const { anything, flag, objectOf, oneOf, texts } = Fields

const config = SettingKinds.byName

const isFilled = (value: unknown): value is string => typeof value === "string" && value.trim() !== ""

const text: Fields.Kind = { words: "a text that is not empty", is: isFilled }

/** What is a text in the end; a secret is not looked at. */
const textValue: Fields.Kind = {
  words: "a text that is not empty, Redacted, or a Config",
  is: (value) => isFilled(value) || Redacted.isRedacted(value) || Config.isConfig(value)
}

/** A database may ask for none. */
const password: Fields.Kind = {
  words: "Redacted, a text, or a Config",
  is: (value) => typeof value === "string" || textValue.is(value)
}

/** Debezium reads all tables where no table is named, and all columns where no column is. */
const some: Fields.Kind = {
  words: "an array of at least one text, none of them empty",
  is: (value) =>
    texts.is(value) && (value as ReadonlyArray<string>).length > 0
    && (value as ReadonlyArray<string>).every(isFilled)
}

export const topics = objectOf({ partitions: SettingKinds.positive, replication: SettingKinds.positive })

const columns: Fields.Kind = {
  ...objectOf({ include: some, exclude: texts }),
  words: "{ include } or { exclude } with an array of columns",
  is: (value) => SettingKinds.byName.is(value) && Object.keys(Object(value)).length === 1
}

const heartbeat: Fields.Kind = {
  ...objectOf({ every: SettingKinds.duration, query: text }),
  words: "false or { every, query }",
  is: (value) => value === false || SettingKinds.byName.is(value) && Object(value).every !== undefined
}

const transforms: Fields.Kind = {
  words: "an array of transforms, such as Debezium.flatten()",
  is: (value) =>
    Array.isArray(value) && value.every((each) => text.is(each?.name) && text.is(each.type) && config.is(each.settings))
}

const operations: Fields.Kind = {
  words: "an array of \"c\", \"u\", \"d\" and \"t\"",
  is: (value) => Array.isArray(value) && value.every(oneOf("c", "u", "d", "t").is)
}

/** Debezium puts tables and columns between commas, colons and semicolons, and knows no way to write those in names. */
const isPlainName = (name: string): boolean => /^[^\s,:;]+$/.test(name)

const columnsByTable: Fields.Kind = {
  words:
    "an object of arrays of columns, whose names and the tables' are without spaces, commas, colons and semicolons",
  is: (value) =>
    SettingKinds.byName.is(value)
    && Object.entries(Object(value)).every(([table, columns]) =>
      isPlainName(table) && some.is(columns) && (columns as ReadonlyArray<string>).every(isPlainName)
    )
}

/** Debezium drops a parameter with a second equals sign. */
const parameters: Fields.Kind = {
  words: "an object of texts without semicolons and equals signs",
  is: (value) =>
    Fields.textsByName.is(value)
    && Object.entries(Object(value)).every(([key, each]) => key !== "" && !/[;=]/.test(`${key}${each ?? ""}`))
}

const postgres: KindsOf<PostgresSource> = {
  database: objectOf({
    hostname: textValue,
    port: anything,
    name: textValue,
    user: textValue,
    password
  }),
  prefix: text,
  tables: some,
  columns,
  keyColumns: columnsByTable,
  slot: text,
  slotParams: parameters,
  publication: objectOf({ name: text, autoCreate: oneOf("filtered", "disabled", "all_tables", "no_tables") }),
  snapshot: oneOf("initial", "initial_only", "no_data", "always", "when_needed"),
  heartbeat,
  decimals: oneOf("string", "precise", "double"),
  times: oneOf("adaptive_time_microseconds", "adaptive", "isostring", "connect", "microseconds"),
  binaries: oneOf("bytes", "base64", "base64-url-safe", "hex"),
  tombstones: flag,
  skippedOperations: operations,
  signalTable: text,
  topics,
  transforms,
  config
}

const jdbc: KindsOf<JdbcSink> = {
  url: textValue,
  user: textValue,
  password,
  topics: some,
  insertMode: oneOf("insert", "upsert", "update"),
  deletes: flag,
  keyFields: some,
  table: text,
  schemaEvolution: oneOf("none", "basic"),
  tasks: SettingKinds.positive,
  config
}

const required = {
  postgresSource: ["database", "prefix", "tables", "slot", "publication", "topics"],
  jdbcSink: ["url", "user", "password", "topics"],
  source: ["file", "topic"],
  sink: ["file", "topics"],
  reroute: ["topics", "to"],
  filter: ["condition"],
  flatten: [],
  outbox: []
}

const helpers: { readonly [name in keyof typeof required]: Kinds } = {
  postgresSource: { ...postgres },
  jdbcSink: { ...jdbc },
  source: { file: textValue, topic: text, topics, config },
  sink: { file: textValue, topics: some, config },
  reroute: { topics: text, to: text, uniqueKeys: flag },
  filter: { condition: text, language: text },
  flatten: {
    deletes: oneOf("rewrite-with-tombstone", "rewrite", "tombstone", "drop"),
    addFields: texts,
    addHeaders: texts
  },
  outbox: { routeBy: text, to: text, key: text, payload: text, additional: texts, expandJson: flag }
}

/** Throws for settings of a helper that are none, or missing. */
export const checkHelper = (module: string, helper: keyof typeof required, options: object): void => {
  const where = `${module}.${helper}`
  Fields.requireFields(where, "options", options, helpers[helper])
  const missing = required[helper].find((name) => (options as Record<string, unknown>)[name] === undefined)
  if (missing !== undefined) throw new Error(`${where}: ${missing}: it is missing`)
}

/** Throws for names of transforms that Connect could not tell apart. */
export const checkTransforms = (names: ReadonlyArray<string>): void => {
  const wrong = names.find((name, i) => !/^[\w-]+$/.test(name) || names.indexOf(name) !== i)
  if (wrong === undefined) return
  throw new Error(
    `transforms: ${Fields.shown(wrong)} is no name, or that of two; give each its own, { ...transform, name: "orders" }`
  )
}
