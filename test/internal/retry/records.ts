/** Records with retry headers, made up and at random. */
import * as Arbitrary from "effect/Arbitrary"
import * as Schema from "effect/Schema"
import type { RawHeader } from "../../../src/engine/KafkaEngine.ts"
import type * as RetryHeaders from "../../../src/internal/retry/retryHeaders.ts"

export const now = 1_800_000_000_000

export const recordOf = (
  headers: ReadonlyArray<RawHeader>,
  more: Partial<RetryHeaders.Source> = {}
): RetryHeaders.Source => ({
  topic: "orders",
  partition: 3,
  offset: 42,
  timestamp: now - 5000,
  timestampType: "LogAppendTime",
  headers,
  ...more
})

export const hopOf = (more: Partial<RetryHeaders.Hop> = {}): RetryHeaders.Hop => ({
  group: "billing",
  attempts: 2,
  executions: 4,
  due: now + 10_000,
  firstFailedAt: now - 1000,
  failedAt: now,
  policy: "0badcafe",
  error: { tag: "CardDeclined", message: "no money", stack: "at charge", causeName: "Timeout" },
  ...more
})

/** Whole numbers, both ends included. */
export const whole = (minimum: number, maximum: number) =>
  Arbitrary.schema(Schema.Int.check(Schema.isBetween({ minimum, maximum })))
const Binary = Arbitrary.map(Arbitrary.array(whole(0, 255), { maxLength: 12 }), (bytes) => Uint8Array.from(bytes))
const Name = Arbitrary.schema(Schema.Literals(["trace", "é", "", "kafka_own", "retry", "x-request", "traceparent"]))
/** Headers of a user, some with names close to ours. */
export const User = Arbitrary.array(
  Arbitrary.flatMap(
    Name,
    (name) => Arbitrary.map(Binary, (value): RawHeader => [name, value.length > 8 ? null : value])
  ),
  { maxLength: 8 }
)
const StateName = Arbitrary.schema(Schema.Literals([
  "retry_topic-attempts",
  "retry_topic-backoff-timestamp",
  "retry_topic-original-timestamp",
  "kafka_original-topic",
  "kafka_original-partition",
  "kafka_original-offset",
  "kafka_original-timestamp",
  "kafka_original-timestamp-type",
  "kafka_dlt-original-topic",
  "kafka_dlt-original-consumer-group",
  "kafka_exception-fqcn",
  "kafka_exception-message",
  "x-retry-executions",
  "x-retry-first-failed-at",
  "x-retry-replays",
  "x-retry-replay-id",
  "x-retry-error-tag",
  "x-retry-policy",
  "RETRY_TIMESTAMP",
  "DEAD_LETTER_MESSAGE_OFFSET",
  "__connect.errors.topic"
]))
/** Headers with our names and any bytes. */
export const Hostile = Arbitrary.array(
  Arbitrary.flatMap(StateName, (name) => Arbitrary.map(Binary, (value): RawHeader => [name, value])),
  { maxLength: 12 }
)
