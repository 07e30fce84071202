import { runTool } from "./tools.ts"

/** A record as text, as Kafka's console tools see it. `null` is Kafka's null. */
export interface TextRecord {
  readonly key: string | null
  readonly value: string | null
  readonly headers?: ReadonlyArray<readonly [name: string, value: string]>
}

export interface ReadRecord extends Required<TextRecord> {
  readonly partition: number
  readonly offset: number
  readonly timestamp: number
}

const nothing = "<null>"
const separator = "\t"

const readerProperties = (properties: Readonly<Record<string, string>>, option: string) =>
  Object.entries(properties).flatMap(([name, value]) => [option, `${name}=${value}`])

export interface ForeignProduce {
  readonly bootstrap: string
  readonly topic: string
  /** None of the texts may hold a tab or a line feed; header names and values no comma or colon. */
  readonly records: ReadonlyArray<TextRecord>
  readonly compression?: "none" | "gzip" | "snappy" | "lz4" | "zstd"
  /** Settings of the Java producer, such as `acks`. */
  readonly config?: Readonly<Record<string, string>>
}

/** Sends records with Kafka's Java producer; resolves when the broker has acknowledged all of them. */
export const foreignProduce = async (options: ForeignProduce): Promise<void> => {
  const lines = options.records.map(({ headers, key, value }) =>
    [
      headers === undefined || headers.length === 0 ? nothing : headers.map(([n, v]) => `${n}:${v}`).join(","),
      key ?? nothing,
      value ?? nothing
    ].join(separator)
  )
  const reader = { "parse.headers": "true", "parse.key": "true", "null.marker": nothing }
  const config = { "linger.ms": "0", ...options.config }
  await runTool("consoleProducer", options.bootstrap, [
    "--topic",
    options.topic,
    "--sync",
    ...(options.compression === undefined ? [] : ["--compression-codec", options.compression]),
    ...readerProperties(reader, "--reader-property"),
    ...readerProperties(config, "--command-property")
  ], { stdin: `${lines.join("\n")}\n` })
}

export interface ForeignConsume {
  readonly bootstrap: string
  readonly topic: string
  /** How many records to wait for. */
  readonly count: number
  readonly timeoutMs?: number
  /** Settings of the Java consumer, such as `isolation.level`. */
  readonly config?: Readonly<Record<string, string>>
}

const text = (field: string | undefined) => field === undefined || field === nothing ? null : field

const toRecord = (line: string): ReadRecord => {
  const [timestamp, partition, offset, headers, key, ...value] = line.split(separator)
  const number = (field: string | undefined) => Number(field?.slice(field.indexOf(":") + 1))
  return {
    timestamp: number(timestamp),
    partition: number(partition),
    offset: number(offset),
    headers: headers === undefined || headers === "NO_HEADERS" ? [] : headers.split(",").map((pair) => {
      const colon = pair.indexOf(":")
      return [pair.slice(0, colon), pair.slice(colon + 1)] as const
    }),
    key: text(key),
    value: text(value.join(separator))
  }
}

/** Reads a topic from its beginning with Kafka's Java consumer. */
export const foreignConsume = async (options: ForeignConsume): Promise<Array<ReadRecord>> => {
  const formatter = {
    "print.timestamp": "true",
    "print.partition": "true",
    "print.offset": "true",
    "print.headers": "true",
    "print.key": "true",
    "null.literal": nothing
  }
  const output = await runTool("consoleConsumer", options.bootstrap, [
    "--topic",
    options.topic,
    "--from-beginning",
    "--max-messages",
    String(options.count),
    "--timeout-ms",
    String(options.timeoutMs ?? 20_000),
    ...readerProperties(formatter, "--formatter-property"),
    ...readerProperties(options.config ?? {}, "--command-property")
  ])
  return output.split("\n").filter((line) => line.length > 0).map(toRecord)
}

export interface ForeignTopic {
  readonly bootstrap: string
  readonly topic: string
  readonly partitions?: number
  readonly config?: Readonly<Record<string, string>>
}

export const createTopic = async ({ bootstrap, config, partitions, topic }: ForeignTopic): Promise<void> => {
  const settings = readerProperties(config ?? {}, "--config")
  const create = ["--create", "--topic", topic, "--partitions", String(partitions ?? 1), ...settings]
  await runTool("topics", bootstrap, create)
}

/** Denies `mallory` everything on topics whose name begins with `secret-`; everyone else keeps their access. */
export const denySecretsToMallory = async (bootstrap: string): Promise<void> => {
  const secrets = ["--add", "--topic", "secret-", "--resource-pattern-type", "prefixed", "--operation", "All"]
  // A topic with any rule is open only to whom a rule allows.
  await runTool("acls", bootstrap, [...secrets, "--allow-principal", "User:*"])
  await runTool("acls", bootstrap, [...secrets, "--deny-principal", "User:mallory"])
}

/** The user mallory may not write to topics whose names begin with this, and may do all else; others may do all. */
export const denyWritesToMallory = async (bootstrap: string, prefix: string): Promise<void> => {
  const topics = ["--topic", prefix, "--resource-pattern-type", "prefixed", "--operation"]
  await runTool("acls", bootstrap, ["--add", ...topics, "All", "--allow-principal", "User:*"])
  await runTool("acls", bootstrap, ["--add", ...topics, "Write", "--deny-principal", "User:mallory"])
}

/** The end of that. */
export const allowWritesToMallory = async (bootstrap: string, prefix: string): Promise<void> => {
  const topics = ["--topic", prefix, "--resource-pattern-type", "prefixed", "--operation"]
  await runTool("acls", bootstrap, ["--remove", "--force", ...topics, "Write", "--deny-principal", "User:mallory"])
}
