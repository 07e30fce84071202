/**
 * The coordinator of one group: members, generations, and who has to give up what before somebody else gets it. Pure
 * but for its own state; it knows neither time nor clients, only what to tell them.
 */
import type * as KafkaConfig from "../../../KafkaConfig.ts"
import type { TopicPartition } from "../../KafkaEngine.ts"
import { PartitionSet } from "../shared/partitionSet.ts"
import { assignor } from "./assignors.ts"
import type { Claim, Partitions } from "./assignors.ts"

/** What a member brings along. */
export interface MemberSpec {
  readonly memberId: string
  readonly instanceId: string | undefined
  readonly clientId: string
  readonly assignor: KafkaConfig.Assignor
  readonly protocol: "classic" | "consumer"
  /** Which of the topics that exist the member wants. */
  readonly wants: (topic: string) => boolean
}

/** A member of the group. `owned` includes partitions that it was asked to give up and still has. */
export interface Member {
  readonly spec: MemberSpec
  readonly owned: PartitionSet
  readonly revoking: PartitionSet
  target: PartitionSet
  /** It heard of its assignment since it joined, if only that it has none. */
  told: boolean
}

/** What a member has to do. */
export interface Instruction {
  readonly memberId: string
  readonly kind: "assign" | "revoke"
  readonly partitions: ReadonlyArray<TopicPartition>
}

/** How a claim to be a member was judged. */
export type Standing = "current" | "stale" | "unknown"

/** What came of a request to join. */
export type Joined =
  | { readonly _tag: "Joined"; readonly instructions: ReadonlyArray<Instruction>; readonly fenced: string | undefined }
  | { readonly _tag: "Mismatch"; readonly assignor: KafkaConfig.Assignor }

const isEager = (name: KafkaConfig.Assignor): boolean => name !== "cooperative-sticky"

/**
 * Eager groups (range, roundrobin) first take everything from everybody and then share it again; cooperative groups
 * (KIP-429) share first and take only what moves. Either way a partition goes to its new owner after the old one gave
 * it up.
 */
export class GroupCoordinator {
  readonly groupId: string
  generation = 0
  private readonly members = new Map<string, Member>()
  private preparing = false
  private partitions: Partitions = new Map()

  constructor(groupId: string) {
    this.groupId = groupId
  }

  get size(): number {
    return this.members.size
  }

  get(memberId: string): Member | undefined {
    return this.members.get(memberId)
  }

  *[Symbol.iterator](): Iterator<Member> {
    yield* this.members.values()
  }

  get protocol(): "classic" | "consumer" {
    for (const { spec } of this) return spec.protocol
    return "classic"
  }

  /** The state as Kafka names it. */
  get state(): string {
    if (this.members.size === 0) return "Empty"
    const moving = this.preparing || [...this].some(({ revoking }) => revoking.size > 0)
    if (!moving) return "Stable"
    return this.protocol === "consumer" ? "Reconciling" : "PreparingRebalance"
  }

  /** Whether somebody may act for the group, and whether it knows the latest generation. */
  standing(memberId: string, generation?: number): Standing {
    if (!this.members.has(memberId)) return "unknown"
    return generation === undefined || generation === this.generation ? "current" : "stale"
  }

  /** Takes a member in. One with the instance id of another takes its place and its partitions (KIP-345). */
  join(spec: MemberSpec, partitions: Partitions): Joined {
    for (const { spec: other } of this) {
      if (isEager(other.assignor) !== isEager(spec.assignor)) return { _tag: "Mismatch", assignor: other.assignor }
    }
    const previous = spec.instanceId === undefined
      ? undefined
      : [...this].find((member) => member.spec.instanceId === spec.instanceId)
    const member: Member = {
      spec,
      owned: new PartitionSet(),
      revoking: new PartitionSet(),
      target: new PartitionSet(),
      told: false
    }
    this.members.set(spec.memberId, member)
    if (previous === undefined) {
      return { _tag: "Joined", instructions: this.rebalance(partitions), fenced: undefined }
    }
    this.members.delete(previous.spec.memberId)
    member.target = previous.target
    const fenced = previous.spec.memberId
    const same = [...partitions.keys()].every((topic) => previous.spec.wants(topic) === spec.wants(topic))
    const instructions = same ? this.settle() : this.rebalance(partitions)
    return { _tag: "Joined", instructions, fenced }
  }

  /** Takes a member out; what it had is free at once. */
  leave(memberId: string, partitions: Partitions): ReadonlyArray<Instruction> {
    return this.members.delete(memberId) ? this.rebalance(partitions) : []
  }

  /** Whether the topics that members want have changed since the last rebalance. */
  isOutdated(partitions: Partitions): boolean {
    const wanted = (topic: string): boolean => [...this].some(({ spec }) => spec.wants(topic))
    for (const topic of new Set([...partitions.keys(), ...this.partitions.keys()])) {
      if (partitions.get(topic) !== this.partitions.get(topic) && wanted(topic)) return true
    }
    return false
  }

  /** Shares the partitions again. */
  rebalance(partitions: Partitions): ReadonlyArray<Instruction> {
    this.partitions = new Map(partitions)
    if (this.members.size === 0) {
      this.generation++
      this.preparing = false
      return []
    }
    if (isEager(this.assignor)) {
      this.preparing = true
      for (const member of this) member.target = new PartitionSet()
    } else {
      this.retarget()
    }
    return this.settle()
  }

  /** A member gave partitions up, as asked. */
  revoked(memberId: string, given: ReadonlyArray<TopicPartition>): ReadonlyArray<Instruction> {
    const member = this.members.get(memberId)
    if (member === undefined) return []
    for (const tp of given) {
      member.owned.delete(tp)
      member.revoking.delete(tp)
    }
    return this.settle()
  }

  private get assignor(): KafkaConfig.Assignor {
    for (const { spec } of this) return spec.assignor
    return "cooperative-sticky"
  }

  private retarget(): void {
    this.generation++
    const claims = [...this].map(({ spec, target }): Claim => ({
      member: spec.memberId,
      sortedBy: spec.instanceId ?? spec.memberId,
      topics: new Set([...this.partitions.keys()].filter(spec.wants)),
      held: target.toArray()
    }))
    for (const [memberId, target] of assignor(this.assignor)(claims, this.partitions)) {
      this.members.get(memberId)!.target = new PartitionSet(target)
    }
  }

  /** Goes on as far as possible: revokes what has to go, and hands out what is free. */
  private settle(): ReadonlyArray<Instruction> {
    if (this.preparing && [...this].every(({ owned }) => owned.size === 0)) {
      this.preparing = false
      this.retarget()
    }
    const instructions: Array<Instruction> = []
    for (const { owned, revoking, spec: { memberId }, target } of this) {
      const partitions = owned.without(target).filter((tp) => !revoking.has(tp))
      if (partitions.length === 0) continue
      for (const tp of partitions) revoking.add(tp)
      instructions.push({ memberId, kind: "revoke", partitions })
    }
    const taken = new PartitionSet([...this].flatMap(({ owned }) => owned.toArray()))
    for (const member of this) {
      const { owned, spec: { memberId }, target } = member
      const partitions = target.without(owned).filter((tp) => !taken.has(tp))
      if (partitions.length === 0 && (member.told || this.preparing || target.size > 0)) continue
      member.told = true
      for (const tp of partitions) owned.add(tp)
      instructions.push({ memberId, kind: "assign", partitions })
    }
    return instructions
  }
}
