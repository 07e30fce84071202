/** Names of the headers in which toolkits keep the state of a retry, in one table for reading. */

/** Toolkits whose retry and dead letter records are recognised. */
export type Family = "millrace" | "spring" | "django-kafka" | "smallrye" | "connect" | "streams" | "share"

/** Headers of Spring's non-blocking retries. Copies carry them, so that Spring can read them. */
export const spring = {
  attempts: "retry_topic-attempts",
  due: "retry_topic-backoff-timestamp",
  firstTimestamp: "retry_topic-original-timestamp",
  topic: "kafka_original-topic",
  partition: "kafka_original-partition",
  offset: "kafka_original-offset",
  timestamp: "kafka_original-timestamp",
  timestampType: "kafka_original-timestamp-type",
  group: "kafka_dlt-original-consumer-group",
  error: "kafka_exception-fqcn",
  cause: "kafka_exception-cause-fqcn",
  message: "kafka_exception-message",
  stack: "kafka_exception-stacktrace"
} as const

/** Headers that only Millrace has. */
export const own = {
  executions: "x-retry-executions",
  attempts: "x-retry-attempts",
  firstFailedAt: "x-retry-first-failed-at",
  policy: "x-retry-policy",
  errorTag: "x-retry-error-tag",
  errorFields: "x-retry-error-fields",
  replays: "x-retry-replays",
  replayedAt: "x-retry-replayed-at",
  replayId: "x-retry-replay-id"
} as const

/** Headers of django-kafka's retry records. */
export const django = { due: "RETRY_TIMESTAMP", message: "RETRY_MESSAGE" } as const

/** The header names of one kind of record. `binary`: numbers are Java's int and long, not decimal text. */
export interface Names {
  readonly family: Family
  readonly binary?: boolean
  readonly topic?: string
  readonly partition?: string
  readonly offset?: string
  readonly timestamp?: string
  readonly timestampType?: string
  readonly group?: string
  readonly error?: string
  readonly cause?: string
  readonly message?: string
  /** How many times it was delivered, as a decimal text. */
  readonly deliveries?: string
}

/** Each value is read from the first entry that has it. */
export const table: ReadonlyArray<Names> = [
  { family: "spring", binary: true, ...spring },
  {
    family: "spring",
    binary: true,
    topic: "kafka_dlt-original-topic",
    partition: "kafka_dlt-original-partition",
    offset: "kafka_dlt-original-offset",
    timestamp: "kafka_dlt-original-timestamp",
    timestampType: "kafka_dlt-original-timestamp-type",
    error: "kafka_dlt-exception-fqcn",
    cause: "kafka_dlt-exception-cause-fqcn",
    message: "kafka_dlt-exception-message"
  },
  { family: "spring", error: "kafka_key-exception-fqcn", message: "kafka_key-exception-message" },
  { family: "spring", error: "kafka_dlt-key-exception-fqcn", message: "kafka_dlt-key-exception-message" },
  {
    family: "django-kafka",
    topic: "DEAD_LETTER_MESSAGE_TOPIC",
    partition: "DEAD_LETTER_MESSAGE_PARTITION",
    offset: "DEAD_LETTER_MESSAGE_OFFSET",
    message: "DEAD_LETTER_SUMMARY"
  },
  { family: "django-kafka", message: "DEAD_LETTER_MESSAGE" },
  { family: "django-kafka", message: django.message },
  {
    family: "smallrye",
    topic: "dead-letter-topic",
    partition: "dead-letter-partition",
    offset: "dead-letter-offset",
    error: "dead-letter-exception-class-name",
    cause: "dead-letter-cause-class-name",
    message: "dead-letter-reason"
  },
  {
    family: "smallrye",
    topic: "delayed-retry-topic",
    partition: "delayed-retry-partition",
    offset: "delayed-retry-offset",
    timestamp: "delayed-retry-original-timestamp",
    error: "delayed-retry-exception-class-name",
    cause: "delayed-retry-cause-class-name",
    message: "delayed-retry-reason"
  },
  { family: "smallrye", topic: "deserialization-failure-topic", message: "deserialization-failure-reason" },
  {
    family: "connect",
    topic: "__connect.errors.topic",
    partition: "__connect.errors.partition",
    offset: "__connect.errors.offset",
    error: "__connect.errors.exception.class.name",
    message: "__connect.errors.exception.message"
  },
  {
    family: "streams",
    topic: "__streams.errors.topic",
    partition: "__streams.errors.partition",
    offset: "__streams.errors.offset",
    error: "__streams.errors.exception",
    message: "__streams.errors.message"
  },
  {
    family: "share",
    topic: "__dlq.errors.topic",
    partition: "__dlq.errors.partition",
    offset: "__dlq.errors.offset",
    group: "__dlq.errors.group",
    message: "__dlq.errors.message",
    deliveries: "__dlq.errors.delivery.count"
  }
]

const stateNames: ReadonlySet<string> = new Set<string>([
  ...Object.values(spring),
  ...Object.values(own),
  ...Object.values(django)
])

/**
 * Whether a header is the state of a retry, which each copy gets written freshly, and not the user's. Headers of other
 * toolkits are kept when they name the origin, and dropped when they describe an earlier failure: their stacks may have
 * any length.
 */
export const isState = (name: string): boolean => stateNames.has(name) || /^kafka_(dlt-)?(key-)?exception-/.test(name)

const foreign =
  /^(?:DEAD_LETTER_|__(?:connect|streams|dlq)\.errors\.|(?:dead-letter|delayed-retry|deserialization-failure)-)/

/** Whether a header is another toolkit's account of a failure, or of where the record came from. */
export const isForeignState = (name: string): boolean => foreign.test(name) || name.startsWith("kafka_dlt-original-")
