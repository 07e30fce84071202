/** What a send says of a message that cannot be encoded: the topic, the part, the path, and the index among many. */
import * as Schema from "effect/Schema"
import type * as SchemaIssue from "effect/SchemaIssue"
import * as Errors from "../../KafkaError.ts"
import type { KafkaError } from "../../KafkaError.ts"
import { isError, messageOf, oneLine, readOr } from "../shared/causes.ts"

/** What a send fails with before anything was sent. */
export type Failure = KafkaError | Schema.SchemaError

const placeOf = (part: string, index: number | undefined): string =>
  index === undefined ? part : `index ${index}, ${part}`

/** The error of a Schema, with the place that it is about. */
class EncodingFailure extends Schema.SchemaError {
  readonly topic: string
  readonly part: string
  readonly index: number | undefined
  constructor(issue: SchemaIssue.Issue, topic: string, part: string, index?: number) {
    super(issue)
    this.topic = topic
    this.part = part
    this.index = index
  }
  override get message(): string {
    const { index, part, topic } = this
    return `a record for topic "${topic}" cannot be sent: ${placeOf(part, index)}: ${oneLine(super.message)}`
  }
}

/** The error for a record that Kafka, or a codec, does not take. */
export const invalid = (topic: string, problem: string, cause?: unknown): KafkaError =>
  Errors.make("produce", new Errors.InvalidRecord({ topic, problem }), cause)

const isKafkaError = (cause: unknown): cause is KafkaError => readOr(() => cause instanceof Errors.KafkaError, false)

const isSchemaError = (cause: unknown): cause is Schema.SchemaError => readOr(() => Schema.isSchemaError(cause), false)

/** What a codec threw or failed with, as an error of the send. */
export const failureOf = (topic: string, part: string, cause: unknown): Failure => {
  if (isKafkaError(cause) || cause instanceof EncodingFailure) return cause
  return isSchemaError(cause)
    ? new EncodingFailure(cause.issue, topic, part)
    : invalid(topic, `${part}: ${messageOf(cause)}`, isError(cause) ? cause : undefined)
}

/** The same failure, of one of several messages. */
export const atIndex = (failure: Failure, index: number): Failure => {
  if (failure instanceof EncodingFailure) {
    return new EncodingFailure(failure.issue, failure.topic, failure.part, index)
  }
  return isKafkaError(failure) && failure.reason._tag === "InvalidRecord"
    ? invalid(failure.reason.topic, placeOf(failure.reason.problem, index), failure.cause)
    : failure
}
