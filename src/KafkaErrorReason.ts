/**
 * The reasons of a `KafkaError`: a closed list of what can go wrong with Kafka. Each message says what to do.
 * @stability unstable
 * @since 0.1.0
 */
import * as Data from "effect/Data"
import type {
  Closed,
  DriverMissing,
  InvalidRecord,
  InvalidSetting,
  Stalled,
  Unsupported
} from "./KafkaErrorClientReason.ts"

export * from "./KafkaErrorClientReason.ts"

/**
 * No broker answered: the address is wrong, the broker is down, or the network is cut. Retryable.
 *
 * @stability unstable
 * @since 0.1.0
 * @category errors
 */
export class BrokerUnreachable extends Data.TaggedError("BrokerUnreachable")<{
  readonly bootstrapServers: string
  readonly problem: string
}> {
  override get message(): string {
    return `no broker of ${this.bootstrapServers} is reachable (${this.problem}); check the address and the network`
  }
  get isRetryable(): boolean {
    return true
  }
}

/**
 * The broker refused the credentials or the TLS handshake failed. Retrying the same credentials does not help.
 *
 * @stability unstable
 * @since 0.1.0
 * @category errors
 */
export class AuthenticationFailed extends Data.TaggedError("AuthenticationFailed")<{ readonly problem: string }> {
  override get message(): string {
    return `authentication failed (${this.problem}); check the \`sasl\` and \`tls\` settings`
  }
  get isRetryable(): boolean {
    return false
  }
}

/**
 * The principal may not do this to that resource. Not retryable: an operator must grant the ACL.
 *
 * @stability unstable
 * @since 0.1.0
 * @category errors
 */
export class AuthorizationFailed extends Data.TaggedError("AuthorizationFailed")<{
  readonly resource: "topic" | "group" | "cluster" | "transactional id"
  readonly name: string
}> {
  override get message(): string {
    return `not authorized for ${this.resource} "${this.name}"; grant the ACL to this client's principal`
  }
  get isRetryable(): boolean {
    return false
  }
}

/**
 * The topic, or its partition, does not exist or is not visible to this client. Retryable: it may be created meanwhile.
 *
 * @stability unstable
 * @since 0.1.0
 * @category errors
 */
export class UnknownTopic extends Data.TaggedError("UnknownTopic")<{
  readonly topic: string
  readonly partition?: number | undefined
}> {
  override get message(): string {
    return this.partition === undefined
      ? `topic "${this.topic}" does not exist; create it, or check the name`
      : `topic "${this.topic}" has no partition ${this.partition}; add partitions, or name one that exists`
  }
  get isRetryable(): boolean {
    return true
  }
}

/**
 * A topic that was to be created exists already.
 *
 * @stability unstable
 * @since 0.1.0
 * @category errors
 */
export class TopicExists extends Data.TaggedError("TopicExists")<{ readonly topic: string }> {
  override get message(): string {
    return `topic "${this.topic}" exists already`
  }
  get isRetryable(): boolean {
    return false
  }
}

/**
 * The consumer has no committed offset for a partition and `offsetReset` is `"none"`.
 *
 * @stability unstable
 * @since 0.1.0
 * @category errors
 */
export class NoOffset extends Data.TaggedError("NoOffset")<{
  readonly group: string
  readonly topic: string
  readonly partition: number
}> {
  override get message(): string {
    return `group "${this.group}" has no committed offset for ${this.topic}/${this.partition} and offsetReset is `
      + `"none"; set the group's offsets, or choose offsetReset "earliest" or "latest"`
  }
  get isRetryable(): boolean {
    return false
  }
}

/**
 * The position of a partition lies outside of what the broker still has, and `offsetReset` is `"none"`.
 *
 * @stability unstable
 * @since 0.1.0
 * @category errors
 */
export class OffsetOutOfRange extends Data.TaggedError("OffsetOutOfRange")<{
  readonly topic: string
  readonly partition: number
  readonly offset?: number | undefined
}> {
  override get message(): string {
    const offset = this.offset === undefined ? "the offset" : `offset ${this.offset}`
    return `${offset} of ${this.topic}/${this.partition} is out of range: the record was removed by retention or the `
      + `topic was recreated; reset the group's offsets, or choose offsetReset "earliest" or "latest"`
  }
  get isRetryable(): boolean {
    return false
  }
}

/**
 * A record, or the batch it is in, is larger than the client or the broker accepts.
 *
 * @stability unstable
 * @since 0.1.0
 * @category errors
 */
export class RecordTooLarge extends Data.TaggedError("RecordTooLarge")<{
  readonly topic: string
  readonly sizeBytes: number
}> {
  override get message(): string {
    return `a record of ${this.sizeBytes} bytes is too large for topic "${this.topic}"; raise max.message.bytes of the `
      + `topic and maxRequestBytes of the producer, or send less`
  }
  get isRetryable(): boolean {
    return false
  }
}

/**
 * Another instance with the same identity took over: a static group member, or a producer's transactional id. A broker
 * says the same of a transaction that took longer than the producer's `transactionTimeout`, and that it aborted.
 *
 * @stability unstable
 * @since 0.1.0
 * @category errors
 */
export class Fenced extends Data.TaggedError("Fenced")<{ readonly problem: string }> {
  override get message(): string {
    return "fenced by a newer instance with the same identity, or by the broker, because a transaction took longer "
      + `than transactionTimeout (${this.problem}); run one instance per groupInstanceId or transactional id`
  }
  get isRetryable(): boolean {
    return false
  }
}

/**
 * A transaction could not go on and was, or must be, aborted. Retryable as a whole: run the transaction again.
 *
 * @stability unstable
 * @since 0.1.0
 * @category errors
 */
export class TransactionFailed extends Data.TaggedError("TransactionFailed")<{
  readonly transactionalId: string
  readonly problem: string
  readonly retryable: boolean
}> {
  override get message(): string {
    return `transaction "${this.transactionalId}": ${this.problem}`
  }
  get isRetryable(): boolean {
    return this.retryable
  }
}

/**
 * The broker did not acknowledge a commit. Retryable while the partition is still assigned.
 *
 * @stability unstable
 * @since 0.1.0
 * @category errors
 */
export class CommitFailed extends Data.TaggedError("CommitFailed")<{
  readonly group: string
  readonly problem: string
  readonly retryable: boolean
}> {
  override get message(): string {
    return `group "${this.group}": offsets were not committed (${this.problem})`
  }
  get isRetryable(): boolean {
    return this.retryable
  }
}

/**
 * The broker did not answer an operation in time, so its outcome is unknown. Retryable.
 *
 * @stability unstable
 * @since 0.1.0
 * @category errors
 */
export class Timeout extends Data.TaggedError("Timeout")<{
  readonly operation: string
  readonly timeoutMs: number
}> {
  override get message(): string {
    return `${this.operation} was not answered within ${this.timeoutMs} ms`
  }
  get isRetryable(): boolean {
    return true
  }
}

/**
 * The broker acknowledged later records of a partition, but never this one: whether it is in the log is not known.
 * Rare: seen when a leader refuses the first records for a partition and takes the next. Retryable: at worst the record
 * is there twice.
 *
 * @stability unstable
 * @since 0.1.0
 * @category errors
 */
export class Unconfirmed extends Data.TaggedError("Unconfirmed")<{
  readonly topic: string
  readonly partition: number
}> {
  override get message(): string {
    return `a record for ${this.topic}/${this.partition} was never acknowledged, although later ones were; send it `
      + "again if a duplicate does no harm"
  }
  get isRetryable(): boolean {
    return true
  }
}

/**
 * Any other error code of the protocol, with Kafka's own name for it.
 *
 * @stability unstable
 * @since 0.1.0
 * @category errors
 */
export class BrokerError extends Data.TaggedError("BrokerError")<{
  readonly code: number
  readonly name: string
  readonly problem: string
  readonly retryable: boolean
}> {
  override get message(): string {
    return `${this.problem} (${this.name}, code ${this.code})`
  }
  get isRetryable(): boolean {
    return this.retryable
  }
}

/**
 * What can be the reason of a `KafkaError`.
 *
 * @stability unstable
 * @since 0.1.0
 * @category errors
 */
export type Reason =
  | BrokerUnreachable
  | AuthenticationFailed
  | AuthorizationFailed
  | UnknownTopic
  | TopicExists
  | NoOffset
  | OffsetOutOfRange
  | RecordTooLarge
  | InvalidRecord
  | InvalidSetting
  | Fenced
  | TransactionFailed
  | CommitFailed
  | Stalled
  | Timeout
  | Unconfirmed
  | Closed
  | Unsupported
  | DriverMissing
  | BrokerError
