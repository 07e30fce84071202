/** A consumer's place in its group: joins, hears of rebalances in order, and comes back after it was thrown out. */
import * as Duration from "effect/Duration"
import * as KafkaConfig from "../../../KafkaConfig.ts"
import * as Errors from "../../../KafkaError.ts"
import type { KafkaError } from "../../../KafkaError.ts"
import type { ClientEvent, GroupMetadata, Subscription, TopicPartition } from "../../KafkaEngine.ts"
import { matchesPattern } from "../../KafkaEngine.ts"
import type { Cluster } from "../cluster/cluster.ts"
import type { MemberSpec } from "../groups/group.ts"
import type { MemberLink } from "../groups/groups.ts"
import type { Appointment } from "../shared/agenda.ts"
import { PartitionSet } from "../shared/partitionSet.ts"

/** A rebalance that the owner has not answered. `stale`: the membership it belonged to is over. */
export interface Rebalance {
  readonly id: number
  readonly kind: "assign" | "revoke" | "lost"
  readonly partitions: ReadonlyArray<TopicPartition>
  stale: boolean
}

/** What a membership does to its client. */
export interface MembershipHost {
  readonly emit: (event: ClientEvent) => void
  /** Partitions are about to be given up. */
  readonly revoking: (partitions: ReadonlyArray<TopicPartition>) => void
  /** Partitions are gone. */
  readonly gone: (partitions: ReadonlyArray<TopicPartition>) => void
  /** The client is of no use any more. */
  readonly failed: (error: KafkaError) => void
  readonly killed: () => void
}

type GroupSubscription = Extract<Subscription, { readonly _tag: "Group" }>

/** Settings of a member, with the defaults filled in. */
export type MemberConfig = KafkaConfig.ConsumerConfig & { readonly clientId: string }

const millis = (input: Duration.Input): number => Duration.toMillis(Duration.fromInputUnsafe(input))

/** Which topics a subscription wants. */
export const wants = ({ patterns, topics }: GroupSubscription) => (topic: string): boolean =>
  topics.includes(topic) || patterns.some((pattern) => matchesPattern(pattern, topic))

/** Never calls the owner directly: everything it says goes through the mail. */
export class Membership {
  readonly groupId: string
  private readonly cluster: Cluster
  private readonly host: MembershipHost
  private readonly spec: Omit<MemberSpec, "memberId">
  private readonly link: MemberLink
  private readonly maxPollInterval: number
  private memberId: string | undefined
  private held = new PartitionSet()
  private queue: Array<Rebalance> = []
  private ids = 0
  private lastPoll: number
  private pollMissing = false
  private ended = false
  private pollTimer: Appointment | undefined
  private answerTimer: Appointment | undefined

  constructor(cluster: Cluster, subscription: GroupSubscription, config: MemberConfig, host: MembershipHost) {
    this.cluster = cluster
    this.host = host
    this.groupId = subscription.groupId
    const protocol = config.groupProtocol ?? KafkaConfig.consumerDefaults.groupProtocol
    const isClassic = protocol === "classic"
    this.spec = {
      instanceId: config.groupInstanceId,
      clientId: config.clientId,
      // KIP-848 moves partitions incrementally, like the cooperative assignor.
      assignor: isClassic ? config.assignor ?? KafkaConfig.consumerDefaults.assignor : "cooperative-sticky",
      protocol: isClassic ? "classic" : "consumer",
      wants: wants(subscription)
    }
    this.maxPollInterval = millis(config.maxPollInterval ?? KafkaConfig.consumerDefaults.maxPollInterval)
    this.lastPoll = cluster.now
    this.link = {
      tell: this.tell,
      lost: this.lose,
      failed: (error) => {
        this.end()
        host.failed(error)
      },
      kill: () => {
        this.end()
        host.killed()
      },
      sessionTimeoutMillis: millis(config.sessionTimeout ?? KafkaConfig.consumerDefaults.sessionTimeout)
    }
  }

  /** The id of the member; none while it is out. */
  get id(): string | undefined {
    return this.memberId
  }

  get metadata(): GroupMetadata {
    const generation = this.cluster.groups.get(this.groupId)?.generation
    const { groupId, memberId } = this
    return { groupId, "~millrace/engine/GroupMetadata": { memberId, generation } satisfies MemberIdentity }
  }

  /** Joins if it may: the broker is reachable, and every rebalance is answered. */
  readonly join = (): void => {
    const waits = this.ended || this.memberId !== undefined || this.queue.length > 0 || this.pollMissing
    if (waits || !this.cluster.reachable) return
    this.memberId = this.cluster.groups.newMemberId(this.spec.clientId)
    this.lastPoll = this.cluster.now
    this.watchPolls(this.maxPollInterval)
    const error = this.cluster.groups.join(this.groupId, { ...this.spec, memberId: this.memberId }, this.link)
    if (error !== undefined) this.link.failed(error)
  }

  /** The owner is alive. */
  polled(): void {
    this.lastPoll = this.cluster.now
    if (!this.pollMissing) return
    this.pollMissing = false
    this.join()
  }

  /** The rebalance to be answered with this id. Answering another one is an error of the owner. */
  next(id: number): Rebalance {
    const [head] = this.queue
    if (head === undefined || head.id !== id) {
      throw new Error(`rebalance ${id} was answered, but ${head === undefined ? "none" : `number ${head.id}`} is due`)
    }
    return head
  }

  /** Whether partitions that were just assigned are wanted back already. */
  isRevoking(tp: TopicPartition): boolean {
    const isTp = (other: TopicPartition): boolean => other.topic === tp.topic && other.partition === tp.partition
    return this.queue.some(({ kind, partitions, stale }) => kind === "revoke" && !stale && partitions.some(isTp))
  }

  /** The owner did what the rebalance asked for. */
  answered(rebalance: Rebalance): void {
    this.queue = this.queue.filter((other) => other !== rebalance)
    this.watchAnswer()
    if (!rebalance.stale && rebalance.kind === "revoke" && this.memberId !== undefined) {
      for (const tp of rebalance.partitions) this.held.delete(tp)
      this.cluster.groups.revoked(this.groupId, this.memberId, rebalance.partitions)
    }
    this.join()
  }

  /** Leaves for good. A static member keeps its place until its session is over, and so does one out of reach. */
  leave(): void {
    const { memberId } = this
    this.end()
    if (memberId === undefined) return
    if (this.spec.instanceId === undefined && this.cluster.reachable) this.cluster.groups.leave(this.groupId, memberId)
    else this.cluster.groups.depart(this.groupId, memberId)
  }

  private end(): void {
    this.ended = true
    this.memberId = undefined
    this.pollTimer?.cancel()
    this.answerTimer?.cancel()
  }

  private readonly tell = (kind: "assign" | "revoke", partitions: ReadonlyArray<TopicPartition>): void => {
    if (kind === "assign") { for (const tp of partitions) this.held.add(tp) }
    else this.host.revoking(partitions)
    this.enqueue(kind, partitions)
  }

  private readonly lose = (): void => {
    if (this.ended) return
    const partitions = this.held.toArray()
    this.held = new PartitionSet()
    this.memberId = undefined
    this.pollTimer?.cancel()
    for (const rebalance of this.queue) rebalance.stale = true
    this.host.gone(partitions)
    if (partitions.length > 0) this.enqueue("lost", partitions)
    else this.cluster.mail.post(this.join)
  }

  private enqueue(kind: Rebalance["kind"], partitions: ReadonlyArray<TopicPartition>): void {
    const id = ++this.ids
    this.queue.push({ id, kind, partitions, stale: false })
    if (this.queue.length === 1) this.watchAnswer()
    this.host.emit({ _tag: "Rebalance", id, kind, partitions })
  }

  /** A member that polls but never answers holds up the others: the rebalance timeout is the poll interval. */
  private watchAnswer(): void {
    this.answerTimer?.cancel()
    this.answerTimer = undefined
    const [head] = this.queue
    if (head === undefined || this.ended) return
    this.answerTimer = this.cluster.agenda.after(this.maxPollInterval, () => {
      if (!head.stale && this.queue[0] === head && head.kind !== "lost") this.out("answer of a rebalance")
    })
  }

  private watchPolls(inMillis: number): void {
    this.pollTimer?.cancel()
    this.pollTimer = this.cluster.agenda.after(inMillis, () => {
      const left = this.lastPoll + this.maxPollInterval - this.cluster.now
      if (this.memberId === undefined) return
      if (left > 0) return this.watchPolls(left)
      this.pollMissing = true
      this.out("poll")
    })
  }

  private out(operation: string): void {
    if (this.memberId === undefined) return
    const timeoutMs = this.maxPollInterval
    this.host.emit({ _tag: "Disturbed", error: Errors.make("consume", new Errors.Timeout({ operation, timeoutMs })) })
    this.cluster.groups.evict(this.groupId, this.memberId)
  }
}

/** What is inside of this engine's `GroupMetadata`. */
export interface MemberIdentity {
  readonly memberId: string | undefined
  readonly generation: number | undefined
}
