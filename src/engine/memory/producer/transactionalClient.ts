/** A transactional producer of the in-memory cluster (KIP-98, KIP-447, KIP-588). */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as KafkaConfig from "../../../KafkaConfig.ts"
import * as Errors from "../../../KafkaError.ts"
import type { KafkaError } from "../../../KafkaError.ts"
import { positionsProblem } from "../../checkOffsets.ts"
import type { DeliveryCallback, GroupMetadata, Position, RawMessage, TransactionalClient } from "../../KafkaEngine.ts"
import type { Cluster } from "../cluster/cluster.ts"
import type { Claim } from "../cluster/transactions.ts"
import type { MemberIdentity } from "../consumer/membership.ts"
import type { Appointment } from "../shared/agenda.ts"
import type { PartitionLog } from "../topics/log.ts"
import { MemoryProducer } from "./producerClient.ts"

/** Holds a transactional id until somebody else claims it. */
export class MemoryTransactional implements TransactionalClient {
  private readonly cluster: Cluster
  private readonly producer: MemoryProducer
  private readonly timeoutMillis: number
  private readonly deliveryTimeout: Duration.Duration
  private claim: Claim
  private state: "ready" | "open" | "failed" = "ready"
  private problem: string | undefined
  private timer: Appointment | undefined

  constructor(cluster: Cluster, transactionalId: string, config: KafkaConfig.ProducerConfig) {
    this.cluster = cluster
    const defaults = KafkaConfig.producerDefaults
    this.timeoutMillis = Duration.toMillis(
      Duration.fromInputUnsafe(config.transactionTimeout ?? defaults.transactionTimeout)
    )
    this.deliveryTimeout = Duration.fromInputUnsafe(config.deliveryTimeout ?? defaults.deliveryTimeout)
    this.claim = cluster.transactions.claim(transactionalId)
    cluster.changed()
    this.producer = new MemoryProducer(cluster, config, {
      append: (message, choose) => this.broken("produce") ?? cluster.append(message, choose, { claim: this.claim }),
      failed: (error) => this.spoil(error.message)
    })
  }

  readonly produce = (message: RawMessage, done: DeliveryCallback): boolean => {
    if (this.state !== "ready") return this.producer.produce(message, done)
    const error = this.closedOff("produce")
    this.cluster.mail.post(() => done(error, undefined))
    return true
  }

  get whenSpace(): Effect.Effect<void> {
    return this.producer.whenSpace
  }

  readonly flush = (timeout: Duration.Duration): Effect.Effect<void, KafkaError> => this.producer.flush(timeout)

  readonly begin: Effect.Effect<void, KafkaError> = this.command("begin transaction", () => {
    if (this.state !== "ready") return this.failure("begin transaction", "a transaction is open already", false)
    const error = this.broken("begin transaction")
    if (error !== undefined) return error
    this.state = "open"
    this.problem = undefined
    const { claim } = this
    const transaction = this.cluster.transactions.begin(claim)
    this.timer = this.cluster.agenda.after(this.timeoutMillis, () => {
      this.tell(this.cluster.transactions.expire(claim, transaction))
    })
    return undefined
  })

  readonly sendOffsets = (
    positions: ReadonlyArray<Position>,
    group: GroupMetadata
  ): Effect.Effect<void, KafkaError> =>
    this.command("send offsets", () => {
      const operation = "send offsets"
      const wrong = positionsProblem("sendOffsets", positions)
      if (wrong !== undefined) return wrong
      const error = this.closedOff(operation) ?? this.broken(operation) ?? this.fencedMember(operation, group)
      if (error !== undefined) {
        this.spoil(error.message)
        return error
      }
      const offsets = this.cluster.groups.offsets(group.groupId)
      offsets.addPending(this.claim.producerId, positions)
      this.cluster.transactions.touchOffsets(this.claim, offsets)
      return undefined
    })

  readonly commit: Effect.Effect<void, KafkaError> = Effect.suspend(() => {
    const closed = this.closedOff("commit transaction")
    if (closed !== undefined) return Effect.fail(closed)
    return Effect.andThen(
      this.producer.flush(this.deliveryTimeout),
      this.command("commit transaction", () => {
        const error = this.broken("commit transaction")
        if (error !== undefined) return error
        if (this.problem !== undefined) {
          return this.failure("commit transaction", `it must be aborted: ${this.problem}`, true)
        }
        this.finish("commit")
        return undefined
      })
    )
  })

  readonly abort: Effect.Effect<void, KafkaError> = this.command("abort transaction", () => {
    const closed = this.closedOff("abort transaction")
    if (closed !== undefined) return closed
    this.producer.discard(this.failure("produce", "the transaction was aborted", true))
    const standing = this.cluster.transactions.standing(this.claim)
    if (standing === "fenced") return this.broken("abort transaction")
    // The broker aborted it already and took the epoch away; nobody else has it, so it is claimed again (KIP-588).
    if (standing === "timedOut") this.claim = this.cluster.transactions.claim(this.claim.transactionalId)
    this.finish("abort")
    return undefined
  })

  /** The end of the client's scope: what is open is aborted. */
  close(): void {
    this.producer.discard(Errors.make("produce", new Errors.Closed({ client: "transactional producer" })))
    if (this.state !== "ready" && this.cluster.transactions.standing(this.claim) === "current") this.finish("abort")
    this.producer.close()
  }

  private command(operation: string, run: () => KafkaError | undefined): Effect.Effect<void, KafkaError> {
    return Effect.suspend(() => this.cluster.command(operation, run))
  }

  private finish(outcome: "commit" | "abort"): void {
    this.timer?.cancel()
    this.timer = undefined
    this.state = "ready"
    this.problem = undefined
    this.tell(this.cluster.transactions.finish(this.claim, outcome))
  }

  private tell(logs: ReadonlyArray<PartitionLog>): void {
    for (const log of logs) log.announce()
    this.cluster.changed()
  }

  private spoil(problem: string): void {
    this.state = "failed"
    this.problem ??= problem
  }

  private closedOff(operation: string): KafkaError | undefined {
    if (this.state !== "ready") return undefined
    return this.failure(operation, "no transaction is open; begin one first", false)
  }

  private broken(operation: string): KafkaError | undefined {
    const { transactionalId } = this.claim
    if (this.cluster.faults.isDenied("transactional id", transactionalId)) {
      const reason = new Errors.AuthorizationFailed({ resource: "transactional id", name: transactionalId })
      return Errors.make(operation, reason)
    }
    switch (this.cluster.transactions.standing(this.claim)) {
      case "current":
        return undefined
      case "fenced":
        return Errors.make(operation, new Errors.Fenced({ problem: `transactional id "${transactionalId}"` }))
      case "timedOut": {
        const problem = `the broker aborted it after ${this.timeoutMillis} ms; abort and run it again`
        return this.failure(operation, problem, true)
      }
    }
  }

  private fencedMember(operation: string, group: GroupMetadata): KafkaError | undefined {
    const { groupId } = group
    const coordinator = this.cluster.groups.get(groupId)
    // Nobody but this engine makes its metadata.
    const identity = group["~millrace/engine/GroupMetadata"] as MemberIdentity | undefined
    const memberId = identity?.memberId
    if (this.cluster.faults.isDenied("group", groupId)) {
      return Errors.make(operation, new Errors.AuthorizationFailed({ resource: "group", name: groupId }))
    }
    if (memberId === undefined && (coordinator === undefined || coordinator.size === 0)) return undefined
    const standing = coordinator?.standing(memberId ?? "", identity?.generation) ?? "unknown"
    if (standing === "current") return undefined
    const problem = standing === "unknown"
      ? `this client is not a member of group "${groupId}" any more`
      : `group "${groupId}" has rebalanced since its metadata was read`
    return this.failure(operation, problem, true)
  }

  private failure(operation: string, problem: string, retryable: boolean): KafkaError {
    const { transactionalId } = this.claim
    return Errors.make(operation, new Errors.TransactionFailed({ transactionalId, problem, retryable }))
  }
}
