/** Commits what a consumer stored: by a timer, when partitions are given up, and at the end. */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as KafkaConfig from "../../../KafkaConfig.ts"
import * as Errors from "../../../KafkaError.ts"
import type { KafkaError } from "../../../KafkaError.ts"
import type { ClientEvent, Position, TopicPartition } from "../../KafkaEngine.ts"
import { unreachable } from "../cluster/cluster.ts"
import type { Cluster } from "../cluster/cluster.ts"
import type { Appointment } from "../shared/agenda.ts"
import type { Membership } from "./membership.ts"
import { StoredPositions } from "./storedPositions.ts"

/** What a committer is made of. `broken` says why the client cannot commit any more, if so. */
export interface CommitterOptions {
  readonly cluster: Cluster
  readonly membership: Membership | undefined
  readonly interval: Duration.Input | undefined
  readonly broken: (operation: string) => KafkaError | undefined
  readonly emit: (event: ClientEvent) => void
}

/** Owned by one consumer client. */
export class Committer {
  private readonly stored = new StoredPositions()
  private readonly options: CommitterOptions
  private readonly interval: number
  private timer: Appointment | undefined

  constructor(options: CommitterOptions) {
    this.options = options
    const interval = options.interval ?? KafkaConfig.consumerDefaults.commitInterval
    this.interval = Duration.toMillis(Duration.fromInputUnsafe(interval))
  }

  store(position: Position): void {
    this.stored.store(position)
    this.arm()
  }

  /** Stores a position that a reset chose, and commits it with the next task: the next owner begins there, too. */
  commitSoon(position: Position): void {
    this.stored.store(position)
    this.options.cluster.mail.post(() => this.commitAll())
  }

  /** Partitions are gone, and what was stored of them does not count any more. */
  forget(partitions: ReadonlyArray<TopicPartition>): void {
    this.stored.take(partitions)
  }

  /** Commits exactly these. */
  commit(positions: ReadonlyArray<Position>): Effect.Effect<void, KafkaError> {
    const { broken, cluster } = this.options
    return Effect.tap(
      cluster.command("commit", () => broken("commit") ?? this.now(positions)),
      Effect.sync(() => this.stored.superseded(positions))
    )
  }

  /** Commits what is stored of partitions that are given up. A failure is reported; the partitions go all the same. */
  commitStored(partitions: ReadonlyArray<TopicPartition>): Effect.Effect<void> {
    return Effect.suspend(() => {
      const positions = this.stored.take(partitions)
      if (positions.length === 0) return Effect.void
      return Effect.match(this.commit(positions), {
        onFailure: (error) => this.told(positions, error),
        onSuccess: () => this.told(positions, undefined)
      })
    })
  }

  /** Commits everything that is stored, without waiting. */
  finish(): KafkaError | undefined {
    const positions = this.stored.take()
    if (positions.length === 0) return undefined
    const error = this.options.cluster.reachable ? this.now(positions) : unreachable("close")
    this.told(positions, error)
    return error
  }

  close(): void {
    this.timer?.cancel()
    this.timer = undefined
    this.stored.take()
  }

  /** The interval begins with the first position that is stored, so that an idle consumer has no timer. */
  private arm(): void {
    if (this.timer !== undefined) return
    const { cluster } = this.options
    this.timer = cluster.agenda.after(this.interval, () => {
      this.timer = undefined
      this.commitAll()
    })
  }

  private commitAll(): void {
    if (this.stored.isEmpty) return
    if (!this.options.cluster.reachable) return this.arm()
    const positions = this.stored.take()
    const error = this.now(positions)
    if (error?.isRetryable === true) {
      this.stored.putBack(positions)
      this.arm()
    }
    this.told(positions, error)
  }

  private now(positions: ReadonlyArray<Position>): KafkaError | undefined {
    const { cluster, membership } = this.options
    if (membership === undefined) {
      const problem = "a manual subscription has no group to commit for"
      return Errors.make("commit", new Errors.CommitFailed({ group: "", problem, retryable: false }))
    }
    // Who was thrown out has no member id; the empty one is never that of a member.
    return cluster.groups.commit(membership.groupId, membership.id ?? "", positions)
  }

  private told(positions: ReadonlyArray<Position>, error: KafkaError | undefined): void {
    const event: ClientEvent = error === undefined
      ? { _tag: "Committed", positions }
      : { _tag: "CommitFailed", positions, error }
    this.options.emit(event)
  }
}
