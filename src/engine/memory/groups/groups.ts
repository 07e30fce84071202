/** All groups of the cluster: brings coordinators and members together. */
import * as Errors from "../../../KafkaError.ts"
import type { KafkaError } from "../../../KafkaError.ts"
import { inconsistent } from "../../inconsistent.ts"
import type { Position, TopicPartition } from "../../KafkaEngine.ts"
import type { Agenda, Appointment } from "../shared/agenda.ts"
import type { Faults } from "../shared/faults.ts"
import type { Topics } from "../topics/topics.ts"
import { GroupCoordinator } from "./group.ts"
import type { Instruction, MemberSpec } from "./group.ts"
import { GroupOffsets } from "./groupOffsets.ts"

/** How the coordinator reaches a member. A member without a link cannot answer, like a process that is gone. */
export interface MemberLink {
  readonly tell: (kind: "assign" | "revoke", partitions: ReadonlyArray<TopicPartition>) => void
  /** The member is out of the group, without having been asked. */
  readonly lost: () => void
  /** The member is out for good. */
  readonly failed: (error: KafkaError) => void
  /** The process of the member ends, as in a crash: nothing it does from now on has an effect. */
  readonly kill: () => void
  readonly sessionTimeoutMillis: number
}

/** Owned by the cluster. */
export class Groups {
  private readonly coordinators = new Map<string, GroupCoordinator>()
  private readonly committed = new Map<string, GroupOffsets>()
  private readonly links = new Map<string, MemberLink>()
  private readonly departures = new Map<string, Appointment>()
  private members = 0
  private readonly topics: Topics
  private readonly faults: Faults
  private readonly agenda: Agenda

  constructor(topics: Topics, faults: Faults, agenda: Agenda) {
    this.topics = topics
    this.faults = faults
    this.agenda = agenda
  }

  /** The coordinators of the groups that have members or had some. */
  *[Symbol.iterator](): Iterator<GroupCoordinator> {
    yield* this.coordinators.values()
  }

  /** The ids of the groups that exist: with members, or with offsets. */
  ids(): ReadonlyArray<string> {
    const withOffsets = [...this.committed].filter(([, offsets]) => !offsets.isEmpty).map(([groupId]) => groupId)
    return [...new Set([...this.coordinators.keys(), ...withOffsets])].sort()
  }

  get(groupId: string): GroupCoordinator | undefined {
    return this.coordinators.get(groupId)
  }

  offsets(groupId: string): GroupOffsets {
    let offsets = this.committed.get(groupId)
    if (offsets === undefined) this.committed.set(groupId, offsets = new GroupOffsets())
    return offsets
  }

  newMemberId(clientId: string): string {
    return `${clientId}-${++this.members}`
  }

  /** Takes a member in, or says why not. */
  join(groupId: string, spec: MemberSpec, link: MemberLink): KafkaError | undefined {
    if (this.faults.isDenied("group", groupId)) return denied("join group", groupId)
    let group = this.coordinators.get(groupId)
    if (group === undefined) this.coordinators.set(groupId, group = new GroupCoordinator(groupId))
    const joined = group.join(spec, this.topics.partitions())
    if (joined._tag === "Mismatch") {
      return Errors.make("join group", inconsistent(groupId, joined.assignor, spec.assignor))
    }
    this.links.set(spec.memberId, link)
    if (joined.fenced !== undefined) {
      const problem = `groupInstanceId "${spec.instanceId}" of group "${groupId}"`
      const fenced = this.links.get(joined.fenced)
      this.forget(joined.fenced)
      fenced?.failed(Errors.make("consume", new Errors.Fenced({ problem })))
    }
    this.carry(joined.instructions)
    return undefined
  }

  /** A member leaves by itself. */
  leave(groupId: string, memberId: string): void {
    this.forget(memberId)
    const group = this.coordinators.get(groupId)
    if (group !== undefined) this.carry(group.leave(memberId, this.topics.partitions()))
  }

  /** A member is gone without having left: it keeps its place until its session is over. */
  depart(groupId: string, memberId: string): void {
    const link = this.links.get(memberId)
    if (link === undefined) return
    this.links.delete(memberId)
    const leave = () => this.leave(groupId, memberId)
    this.departures.set(memberId, this.agenda.after(link.sessionTimeoutMillis, leave))
  }

  /** Throws a member out: its session is over, or it took too long. */
  evict(groupId: string, memberId: string): void {
    const link = this.links.get(memberId)
    this.leave(groupId, memberId)
    link?.lost()
  }

  /** Ends the process of a member. */
  kill(groupId: string, memberId: string): void {
    const link = this.links.get(memberId)
    this.depart(groupId, memberId)
    link?.kill()
  }

  revoked(groupId: string, memberId: string, partitions: ReadonlyArray<TopicPartition>): void {
    const group = this.coordinators.get(groupId)
    if (group !== undefined) this.carry(group.revoked(memberId, partitions))
  }

  /** Shares the partitions of a group again. */
  rebalance(groupId: string): void {
    const group = this.coordinators.get(groupId)
    if (group !== undefined) this.carry(group.rebalance(this.topics.partitions()))
  }

  /** Lets the groups see which topics there are now. */
  refresh(): void {
    const partitions = this.topics.partitions()
    for (const group of this.coordinators.values()) {
      if (group.size > 0 && group.isOutdated(partitions)) this.carry(group.rebalance(partitions))
    }
  }

  /** Commits offsets, or says why not. Somebody who is no member may commit to a group that has none. */
  commit(groupId: string, memberId: string | undefined, positions: ReadonlyArray<Position>): KafkaError | undefined {
    if (this.faults.isDenied("group", groupId)) return denied("commit", groupId)
    const failure = this.faults.takeCommitFailure()
    if (failure !== undefined) {
      const reason = failure.reason ?? refused(groupId, "the broker refused it, as planned by failCommit", true)
      return Errors.make("commit", reason)
    }
    const group = this.coordinators.get(groupId)
    const standing = memberId === undefined ? "unknown" : group?.standing(memberId) ?? "unknown"
    if (standing === "unknown" && (memberId !== undefined || (group !== undefined && group.size > 0))) {
      return Errors.make("commit", refused(groupId, "this client is not a member of the group any more", false))
    }
    const missing = positions.find((position) => this.topics.log(position) === undefined)
    if (missing !== undefined) {
      const { partition, topic } = missing
      return Errors.make("commit", new Errors.UnknownTopic({ topic, partition }))
    }
    this.offsets(groupId).commit(positions)
    return undefined
  }

  /** Removes all members of a group that was forbidden. */
  forbid(groupId: string): void {
    const memberIds = [...this.coordinators.get(groupId) ?? []].map(({ spec }) => spec.memberId)
    for (const memberId of memberIds) {
      const link = this.links.get(memberId)
      this.leave(groupId, memberId)
      link?.failed(denied("consume", groupId))
    }
  }

  /** Forgets a group without members. */
  delete(groupId: string): void {
    this.coordinators.delete(groupId)
    this.committed.delete(groupId)
  }

  /** Forgets what was committed for a topic. */
  forgetTopic(topic: string): void {
    for (const offsets of this.committed.values()) offsets.forget(topic)
  }

  private forget(memberId: string): void {
    this.links.delete(memberId)
    this.departures.get(memberId)?.cancel()
    this.departures.delete(memberId)
  }

  private carry(instructions: ReadonlyArray<Instruction>): void {
    for (const { kind, memberId, partitions } of instructions) this.links.get(memberId)?.tell(kind, partitions)
  }
}

const denied = (operation: string, name: string): KafkaError =>
  Errors.make(operation, new Errors.AuthorizationFailed({ resource: "group", name }))

const refused = (group: string, problem: string, retryable: boolean): Errors.CommitFailed =>
  new Errors.CommitFailed({ group, problem, retryable })
