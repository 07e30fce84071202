/**
 * The connectors for files that come with Kafka: a file's lines as records, and records as lines.
 *
 * **When to use**: to try Connect out, and in tests. They are in the distribution, but have to be in `plugin.path`.
 *
 * @stability unstable
 * @since 0.1.0
 */
import { checkHelper } from "./config/helperSettings.ts"
import type { Options, Value } from "./Connector.ts"

const text = "org.apache.kafka.connect.storage.StringConverter"

/**
 * Each line of a file becomes a record, with the line as its value and no key.
 *
 * @example
 * ```ts
 * import { Connector, FileStream } from "millrace/connect"
 *
 * export const lines = Connector.make("lines", FileStream.source({ file: "/data/in.txt", topic: "lines" }))
 * ```
 *
 * @stability unstable
 * @since 0.1.0
 * @category connectors
 */
export const source = (options: {
  /** The path on the worker. */
  readonly file: Value
  /** The topic. */
  readonly topic: string
  /** How the topic is made, where the broker does not make it. */
  readonly topics?: { readonly partitions: number; readonly replication: number } | undefined
  /** Other settings; they win. */
  readonly config?: Readonly<Record<string, Value>> | undefined
}): Options => {
  checkHelper("FileStream", "source", options)
  return {
    plugin: "org.apache.kafka.connect.file.FileStreamSourceConnector",
    config: {
      "tasks.max": 1,
      file: options.file,
      topic: options.topic,
      "value.converter": text,
      "topic.creation.default.partitions": options.topics?.partitions,
      "topic.creation.default.replication.factor": options.topics?.replication,
      ...options.config
    }
  }
}

/**
 * The value of each record of some topics becomes a line of a file.
 *
 * @example
 * ```ts
 * import { Connector, FileStream } from "millrace/connect"
 *
 * export const out = Connector.make("out", FileStream.sink({ file: "/data/out.txt", topics: ["lines"] }))
 * ```
 *
 * @stability unstable
 * @since 0.1.0
 * @category connectors
 */
export const sink = (options: {
  /** The path on the worker. */
  readonly file: Value
  /** The topics. */
  readonly topics: ReadonlyArray<string>
  /** Other settings; they win. */
  readonly config?: Readonly<Record<string, Value>> | undefined
}): Options => {
  checkHelper("FileStream", "sink", options)
  return {
    plugin: "org.apache.kafka.connect.file.FileStreamSinkConnector",
    config: {
      "tasks.max": 1,
      file: options.file,
      topics: options.topics,
      "value.converter": text,
      ...options.config
    }
  }
}
