/**
 * Errors of librdkafka as errors of Millrace: one table from code (or text, where the binding lost the code) to reason.
 */
import * as Errors from "../../../KafkaError.ts"
import type { KafkaError, Reason } from "../../../KafkaError.ts"
import { inconsistent } from "../../inconsistent.ts"
import type { NativeError } from "./native.ts"

/** What was being done, for the words of the error. */
export interface Context {
  readonly operation: string
  readonly bootstrapServers: string
  readonly topic?: string | undefined
  readonly partition?: number | undefined
  readonly group?: string | undefined
  readonly transactionalId?: string | undefined
  readonly timeoutMs?: number | undefined
  readonly sizeBytes?: number | undefined
}

const fatal = -150

/** Codes that carry a name worth showing, and whether trying again may help. */
const brokerErrors: { readonly [code: number]: readonly [name: string, retryable: boolean] } = {
  [-199]: ["ERR__BAD_MSG", false],
  [-198]: ["ERR__BAD_COMPRESSION", false],
  [-197]: ["ERR__DESTROY", false],
  [-194]: ["ERR__CRIT_SYS_RESOURCE", false],
  [-193]: ["ERR__RESOLVE", true],
  [-187]: ["ERR__ALL_BROKERS_DOWN", true],
  [-180]: ["ERR__WAIT_COORD", true],
  [-172]: ["ERR__STATE", false],
  [-168]: ["ERR__NO_OFFSET", false],
  [-152]: ["ERR__PURGE_INFLIGHT", true],
  [-151]: ["ERR__PURGE_QUEUE", true],
  [fatal]: ["ERR__FATAL", false],
  [-147]: ["ERR__MAX_POLL_EXCEEDED", true],
  [-161]: ["ERR__NODE_UPDATE", true],
  [5]: ["LEADER_NOT_AVAILABLE", true],
  [6]: ["NOT_LEADER_OR_FOLLOWER", true],
  [8]: ["BROKER_NOT_AVAILABLE", true],
  [9]: ["REPLICA_NOT_AVAILABLE", true],
  [13]: ["NETWORK_EXCEPTION", true],
  [14]: ["COORDINATOR_LOAD_IN_PROGRESS", true],
  [15]: ["COORDINATOR_NOT_AVAILABLE", true],
  [16]: ["NOT_COORDINATOR", true],
  [19]: ["NOT_ENOUGH_REPLICAS", true],
  [20]: ["NOT_ENOUGH_REPLICAS_AFTER_APPEND", true],
  [22]: ["ILLEGAL_GENERATION", true],
  [17]: ["INVALID_TOPIC_EXCEPTION", false],
  [25]: ["UNKNOWN_MEMBER_ID", true],
  [27]: ["REBALANCE_IN_PROGRESS", true],
  [37]: ["INVALID_PARTITIONS", false],
  [38]: ["INVALID_REPLICATION_FACTOR", false],
  [40]: ["INVALID_CONFIG", false],
  [41]: ["NOT_CONTROLLER", true],
  [44]: ["POLICY_VIOLATION", false],
  [68]: ["NON_EMPTY_GROUP", false],
  [69]: ["GROUP_ID_NOT_FOUND", false],
  [74]: ["FENCED_LEADER_EPOCH", true],
  [75]: ["UNKNOWN_LEADER_EPOCH", true],
  [89]: ["THROTTLING_QUOTA_EXCEEDED", true],
  [113]: ["STALE_MEMBER_EPOCH", true]
}

const byCode = (code: number, problem: string, context: Context): Reason | undefined => {
  const { bootstrapServers, group = "", partition, timeoutMs = 0, topic = "?" } = context
  switch (code) {
    case -195:
    case -187:
    case -193:
      return new Errors.BrokerUnreachable({ bootstrapServers, problem })
    case -181:
    case -169:
    case 58:
      return new Errors.AuthenticationFailed({ problem })
    case 29:
      return new Errors.AuthorizationFailed({ resource: "topic", name: topic })
    case 30:
      return new Errors.AuthorizationFailed({ resource: "group", name: group })
    case 31:
      return new Errors.AuthorizationFailed({ resource: "cluster", name: "kafka-cluster" })
    case 53:
      return new Errors.AuthorizationFailed({ resource: "transactional id", name: context.transactionalId ?? "?" })
    case 23:
      return inconsistent(group)
    case 3:
    case -188:
    case -190:
      return new Errors.UnknownTopic({ topic, partition })
    case 36:
      return new Errors.TopicExists({ topic })
    case 1:
      return new Errors.OffsetOutOfRange({ topic, partition: partition ?? -1 })
    case 10:
    case 18:
      return new Errors.RecordTooLarge({ topic, sizeBytes: context.sizeBytes ?? -1 })
    case 32:
      return new Errors.InvalidRecord({
        topic,
        problem: "the broker refuses its timestamp; message.timestamp.before.max.ms and message.timestamp.after.max.ms "
          + "of the topic say how far it may be from the broker's time"
      })
    case 87:
      return new Errors.InvalidRecord({ topic, problem })
    case -185:
    case -192:
    case 7:
      return new Errors.Timeout({ operation: context.operation, timeoutMs })
    case -144:
    case 47:
    case 82:
    case 90:
      return new Errors.Fenced({ problem })
    case -186:
      return new Errors.InvalidSetting({ setting: "librdkafka", problem })
    default:
      return undefined
  }
}

/** The binding loses the code of errors that arrive as events; the text is what `rd_kafka_err2str` gives. */
const byText: ReadonlyArray<readonly [RegExp, number]> = [
  [/inconsistent group protocol/i, 23],
  [/static consumer fenced|fenced by (a|other) /i, 82],
  [/authentication failure|sasl authentication|ssl handshake failed/i, -169],
  [/all broker connections are down/i, -187],
  [/broker transport failure|host resolution failure|disconnected|connection refused/i, -195],
  [/unknown topic or partition|subscribed topic not available/i, 3],
  [/topic authorization failed/i, 29],
  [/group authorization failed/i, 30],
  [/cluster authorization failed/i, 31],
  [/offset out of range/i, 1],
  [/timed out/i, -185]
]

/** The code of an error, also of one that lost it. */
export const codeOf = (error: NativeError): number => {
  const code = error.code ?? -1
  // A fatal error's own code is no more than that; what it is about is in its text.
  if (code !== -1 && code !== fatal) return code
  return byText.find(([pattern]) => pattern.test(error.message))?.[1] ?? code
}

/** Whether a broker said something, be it an error. */
export const isAnswer = (error: NativeError | null | undefined): boolean =>
  error === null || error === undefined || Number(error.code) > 0

/** The typed error of a native one. */
export const fromNative = (error: NativeError, context: Context): KafkaError => {
  const code = codeOf(error)
  const problem = error.message
  if (context.transactionalId !== undefined && code !== 53 && !(error.isFatal === true && isFencing(code))) {
    const { transactionalId } = context
    const retryable = error.isFatal !== true && (error.isRetriable === true || error.isTxnRequiresAbort === true)
    return Errors.make(
      context.operation,
      new Errors.TransactionFailed({ transactionalId, problem, retryable }),
      error
    )
  }
  const reason = byCode(code, problem, context)
  if (reason !== undefined) return Errors.make(context.operation, reason, error)
  const [name, retryable] = brokerErrors[code] ?? [`code ${code}`, error.isRetriable === true]
  return Errors.make(context.operation, new Errors.BrokerError({ code, name, problem, retryable }), error)
}

const isFencing = (code: number): boolean => code === -144 || code === 47 || code === 82 || code === 90

/** What a consume or an event complained about, with the topic where the text has it. */
export const nameIn = (message: string): { readonly topic?: string; readonly partition?: number } => {
  const unavailable = /topic not available: ([^:\s]+)/i.exec(message)
  if (unavailable !== null) return { topic: unavailable[1]! }
  const placed = /([\w.-]+) \[(\d+)\]/.exec(message)
  return placed === null ? {} : { topic: placed[1]!, partition: Number(placed[2]) }
}
