/** What a plugin takes and will be regretted: rules with ids, over the settings alone. Pure. */
import { plain } from "../config/secrets.ts"
import type { ConnectorConfig } from "../ConnectModel.ts"
import type { Finding, Rule } from "../PlanModel.ts"

/** A connector as rules see it. */
export interface Linted {
  readonly name: string
  readonly type: "source" | "sink" | "unknown"
  readonly config: ConnectorConfig
}

const deadLetters = "errors.deadletterqueue.topic.name"

/** Sources whose plugin makes one task, whatever tasks.max says. */
const oneTask = /(?:PostgresConnector|MySqlConnector|MariaDbConnector|OracleConnector|Db2Connector)$/

const isPostgres = (config: ConnectorConfig): boolean => textIn(config, "connector.class").endsWith("PostgresConnector")
const textIn = (config: ConnectorConfig, key: string): string =>
  config[key] === undefined ? "" : plain(config[key]).trim()
/** A password among the parameters or before the host, unless a provider of the worker gives it. */
const passwordInUrl = /[?&;](?:password|pwd)=[^$&;]|\/\/[^/?#\s:@]+:[^/?#\s@$]+@/i

const isTrue = (config: ConnectorConfig, key: string): boolean => textIn(config, key).toLowerCase() === "true"

type Check = (linted: Linted) => string | undefined

const checks: ReadonlyArray<readonly [rule: Rule, check: Check]> = [
  ["dlq-on-source", ({ config, type }) =>
    type === "source" && textIn(config, deadLetters) !== ""
      ? `${deadLetters} is for sinks alone: Connect takes it for a source and ignores it`
      : undefined],
  ["silent-loss", ({ config, type }) =>
    textIn(config, "errors.tolerance").toLowerCase() === "all"
      && (type === "source" || textIn(config, deadLetters) === "")
      ? "errors.tolerance is all, and there is no dead letter topic: records that fail are dropped in silence"
      : undefined],
  [
    "one-task-source",
    ({ config }) =>
      oneTask.test(textIn(config, "connector.class")) && Number(textIn(config, "tasks.max")) > 1
        ? "this source makes one task, however high tasks.max is"
        : undefined
  ],
  ["no-heartbeat", ({ config }) =>
    isPostgres(config) && !(Number(textIn(config, "heartbeat.interval.ms")) > 0)
      ? "without heartbeat.interval.ms the slot of a quiet table keeps the WAL of the busy ones; set it, with a "
        + "heartbeat.action.query where all tables are quiet"
      : undefined],
  ["slot-dropped", ({ config }) =>
    isPostgres(config) && isTrue(config, "slot.drop.on.stop")
      ? "slot.drop.on.stop is true: what changes while the connector is stopped is lost"
      : undefined],
  [
    "no-topic-creation",
    ({ config, type }) =>
      type === "source" && !Object.keys(config).some((key) => key.startsWith("topic.creation."))
        ? "without topic.creation.default.partitions and .replication.factor its topics have to exist, or the broker "
          + "has to create them"
        : undefined
  ],
  ["password-in-url", ({ config }) => {
    const key = Object.keys(config).find((key) => /url$/i.test(key) && passwordInUrl.test(plain(config[key]!)))
    return key === undefined ? undefined : `${key} has a password in it, which listings show`
  }]
]

/** What is wrong with one connector. */
const alone = (linted: Linted): ReadonlyArray<Finding> =>
  checks.flatMap(([rule, check]) => {
    const problem = check(linted)
    return problem === undefined ? [] : [{ rule, problem }]
  })

/** The database and the slot that a PostgreSQL source reads. */
const slotOf = ({ config }: Linted): string | undefined =>
  isPostgres(config)
    ? ["database.hostname", "database.port", "database.dbname"].map((key) => textIn(config, key)).join("/")
      + `: ${textIn(config, "slot.name") || "debezium"}`
    : undefined

/** What was found, by the name of the connector. `others` are in the same cluster, and are not judged. */
export const lint = (
  all: ReadonlyArray<Linted>,
  others: ReadonlyArray<Linted> = []
): ReadonlyMap<string, ReadonlyArray<Finding>> =>
  new Map(all.map((linted) => {
    const slot = slotOf(linted)
    const other = slot === undefined
      ? undefined
      : [...all, ...others].find((each) => each !== linted && slotOf(each) === slot)
    const shared: ReadonlyArray<Finding> = other === undefined ? [] : [
      { rule: "shared-slot", problem: `${other.name} reads the same replication slot, and a slot has one reader` }
    ]
    return [linted.name, [...alone(linted), ...shared]]
  }))
