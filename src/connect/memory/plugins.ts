/** The plugins of Connect in memory: what they define, and what they refuse. Pure. */
import { isReference } from "../config/secrets.ts"
import type { Definition, Validated } from "../ConnectModel.ts"

/**
 * A plugin of Connect in memory.
 *
 * @stability unstable
 * @since 0.1.0
 * @category models
 */
export interface MemoryPlugin {
  /** Its Java class. */
  readonly class: string
  /** Source or sink. */
  readonly type: "source" | "sink"
  /** Its settings, besides those that all connectors have. */
  readonly settings: ReadonlyArray<Pick<Definition, "name" | "type"> & Partial<Definition>>
  /** Why its tasks fail with a configuration, as a stack trace (default: they run). */
  readonly fails?: ((config: Readonly<Record<string, string>>) => string | undefined) | undefined
}

const definition = (
  name: string,
  type: string,
  { defaultValue, isRequired = false }: Partial<Definition> = {}
): Definition => ({ name, type, isRequired, defaultValue, documentation: "" })

const common: ReadonlyArray<Definition> = [
  definition("name", "STRING", { isRequired: true }),
  definition("connector.class", "STRING", { isRequired: true }),
  definition("tasks.max", "INT", { defaultValue: "1" }),
  definition("key.converter", "CLASS"),
  definition("value.converter", "CLASS"),
  definition("transforms", "LIST", { defaultValue: "" }),
  definition("errors.tolerance", "STRING", { defaultValue: "none" }),
  definition("errors.log.enable", "BOOLEAN", { defaultValue: "false" })
]

const ofSinks: ReadonlyArray<Definition> = [
  definition("topics", "LIST", { defaultValue: "" }),
  definition("topics.regex", "STRING", { defaultValue: "" }),
  definition("errors.deadletterqueue.topic.name", "STRING", { defaultValue: "" })
]

/** The connectors that come with Kafka. */
export const filePlugins: ReadonlyArray<MemoryPlugin> = [
  {
    class: "org.apache.kafka.connect.file.FileStreamSourceConnector",
    type: "source",
    settings: [
      definition("file", "STRING"),
      definition("topic", "STRING", { isRequired: true }),
      definition("batch.size", "INT", { defaultValue: "2000" })
    ]
  },
  {
    class: "org.apache.kafka.connect.file.FileStreamSinkConnector",
    type: "sink",
    settings: [definition("file", "STRING")]
  }
]

export const definitionsOf = ({ settings, type }: MemoryPlugin): ReadonlyArray<Definition> => [
  ...common,
  ...(type === "sink" ? ofSinks : []),
  ...settings.map(({ name, type, ...rest }) => definition(name, type, rest))
]

const whole = new Set(["INT", "LONG", "SHORT"])

const problemOf = ({ isRequired, name, type }: Definition, value: string | undefined): ReadonlyArray<string> => {
  if (value === undefined) {
    return isRequired ? [`Missing required configuration "${name}" which has no default value.`] : []
  }
  if (isReference(value)) return []
  if (whole.has(type) && !/^[+-]?\d+$/.test(value.trim())) {
    return [`Invalid value ${value} for configuration ${name}: Not a number of type ${type}`]
  }
  if (type === "BOOLEAN" && !/^(?:true|false)$/i.test(value.trim())) {
    return [`Invalid value ${value} for configuration ${name}: Expected value to be either true or false`]
  }
  return []
}

/** What a plugin says of each setting that it defines or was given. */
export const validatedBy = (
  plugin: MemoryPlugin,
  config: Readonly<Record<string, string>>
): ReadonlyArray<Validated> => {
  const definitions = definitionsOf(plugin)
  const known = new Set(definitions.map(({ name }) => name))
  const noTopics = plugin.type === "sink" && (config["topics"] ?? "") === "" && (config["topics.regex"] ?? "") === ""
  return [
    ...definitions.map((definition): Validated => ({
      key: definition.name,
      definition,
      errors: definition.name === "topics" && noTopics
        ? ["Must configure one of topics or topics.regex"]
        : problemOf(definition, config[definition.name])
    })),
    ...Object.keys(config).filter((key) => !known.has(key)).map((key): Validated => ({
      key,
      definition: undefined,
      errors: []
    }))
  ]
}
