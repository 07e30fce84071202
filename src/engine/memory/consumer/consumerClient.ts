/** A consumer client of the in-memory cluster. */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as KafkaConfig from "../../../KafkaConfig.ts"
import * as Errors from "../../../KafkaError.ts"
import type { KafkaError } from "../../../KafkaError.ts"
import { format } from "../../../TopicPartition.ts"
import { positionsProblem } from "../../checkOffsets.ts"
import type {
  Chunk,
  ClientEvent,
  ConsumerClient,
  ConsumerClientOptions,
  GroupMetadata,
  Position,
  TopicPartition
} from "../../KafkaEngine.ts"
import { unreachable } from "../cluster/cluster.ts"
import type { Cluster, Listener } from "../cluster/cluster.ts"
import type { Isolation } from "../topics/log.ts"
import { Committer } from "./committer.ts"
import { Cursor } from "./cursor.ts"
import type { Trouble } from "./cursor.ts"
import { Membership } from "./membership.ts"

const noChunks: ReadonlyArray<Chunk> = []

const millis = (input: Duration.Input): number => Duration.toMillis(Duration.fromInputUnsafe(input))

/** Reads straight from the logs; there is nothing to prefetch. */
export class MemoryConsumer implements ConsumerClient, Listener {
  private readonly cluster: Cluster
  private readonly options: ConsumerClientOptions
  private readonly membership: Membership | undefined
  private readonly isolation: Isolation
  private readonly committer: Committer
  private readonly cursors = new Map<string, Cursor>()
  private order: ReadonlyArray<Cursor> = []
  private turn = 0
  /** `onReady` was called and no poll looked since. */
  private announced = false
  /** While the broker is slow: the records of the fetch under way have arrived, or not. */
  private fetch: "idle" | "waiting" | "arrived" = "idle"
  private state: "open" | "failed" | "killed" | "closed" = "open"
  private refreshing = false

  constructor(cluster: Cluster, options: ConsumerClientOptions, clientId: string) {
    this.cluster = cluster
    this.options = options
    this.isolation = options.config.isolation ?? KafkaConfig.consumerDefaults.isolation
    const { subscription } = options
    if (subscription._tag === "Group") {
      this.membership = new Membership(cluster, subscription, { ...options.config, clientId }, {
        emit: this.emit,
        revoking: (partitions) => {
          for (const cursor of this.cursorsOf(partitions)) cursor.revoking = true
        },
        gone: (partitions) => this.drop(partitions),
        failed: (error) => this.fail(error),
        killed: () => this.end("killed")
      })
    }
    const { emit, membership } = this
    const interval = options.config.commitInterval
    const broken = (operation: string) => this.broken(operation)
    this.committer = new Committer({ cluster, membership, interval, broken, emit })
  }

  /** Begins to listen. Separate from the constructor: it may already have something to say. */
  start(): void {
    this.cluster.listeners.add(this)
    const { subscription } = this.options
    if (!this.cluster.reachable) this.brokerChanged()
    if (subscription._tag === "Group") this.membership!.join()
    else for (const position of subscription.positions) this.activate(position, position.offset)
    this.missingTopics()
    this.wake()
  }

  // What the cluster says.

  readonly brokerChanged = (): void => {
    if (this.cluster.reachable) this.membership?.join()
    else this.emit({ _tag: "Disturbed", error: unreachable("consume") })
  }

  readonly changed = (): void => {
    this.membership?.join()
    this.wake()
  }

  // What the owner asks for.

  readonly poll = (maxRecords: number, maxBytes: number): ReadonlyArray<Chunk> => {
    if (this.state !== "open") return noChunks
    this.membership?.polled()
    if (maxRecords <= 0 || !this.cluster.reachable) return noChunks
    this.announced = false
    if (this.cluster.faults.latencyMillis > 0 && !this.arrived()) return noChunks
    const { order } = this
    const chunks: Array<Chunk> = []
    let records = maxRecords
    let bytes = maxBytes
    const first = this.turn
    for (let step = 0; step < order.length && records > 0 && this.state === "open"; step++) {
      const cursor = order[(first + step) % order.length]!
      if (!cursor.readable || !this.locate(cursor)) continue
      const found = this.read(cursor, records, bytes, chunks.length === 0)
      if (found === undefined) continue
      chunks.push(found)
      records -= found.records.length
      bytes -= found.bytes
      // The partition that was served last is last the next time, too.
      this.turn = (first + step + 1) % order.length
      if (bytes <= 0) break
    }
    if (order.some((cursor) => cursor.readable && cursor.hasMore(this.isolation))) this.wake()
    return chunks
  }

  readonly answer = (id: number, start: ReadonlyArray<Position> = []): Effect.Effect<void, KafkaError> =>
    Effect.suspend(() => {
      const { membership } = this
      const wrong = positionsProblem("startOffsets", start)
      if (wrong !== undefined) return Effect.fail(wrong)
      if (membership === undefined || this.state !== "open") return Effect.void
      const rebalance = membership.next(id)
      if (rebalance.stale || rebalance.kind === "lost") return Effect.sync(() => membership.answered(rebalance))
      if (rebalance.kind === "revoke") {
        const given = Effect.sync(() => {
          if (!rebalance.stale) this.drop(rebalance.partitions)
          membership.answered(rebalance)
        })
        return Effect.andThen(this.committer.commitStored(rebalance.partitions), given)
      }
      return Effect.sync(() => {
        const starts = new Map(start.map((position) => [format(position), position.offset]))
        for (const tp of rebalance.partitions) this.activate(tp, starts.get(format(tp)))
        membership.answered(rebalance)
        this.wake()
      })
    })

  readonly store = (position: Position): boolean => {
    if (this.membership === undefined || this.state !== "open" || !this.cursors.has(format(position))) return false
    this.committer.store(position)
    return true
  }

  readonly commit = (positions: ReadonlyArray<Position>): Effect.Effect<void, KafkaError> =>
    Effect.suspend(() => {
      const wrong = positionsProblem("commit", positions)
      return wrong === undefined ? this.committer.commit(positions) : Effect.fail(wrong)
    })

  readonly committed = (
    partitions: ReadonlyArray<TopicPartition>
  ): Effect.Effect<ReadonlyArray<Position>, KafkaError> =>
    Effect.suspend(() => {
      if (this.membership === undefined) return Effect.succeed([])
      const offsets = this.cluster.groups.offsets(this.membership.groupId)
      const stable = this.cluster.waiting.until(() => !partitions.some((tp) => offsets.isUnstable(tp)))
      const read = this.cluster.request("committed", () =>
        Effect.succeed(partitions.flatMap((tp) => {
          const position = offsets.get(tp)
          return position === undefined ? [] : [position]
        })))
      return Effect.andThen(stable, read)
    })

  readonly pause = (partitions: ReadonlyArray<TopicPartition>): void => {
    for (const cursor of this.cursorsOf(partitions)) cursor.paused = true
  }

  readonly resume = (partitions: ReadonlyArray<TopicPartition>): void => {
    for (const cursor of this.cursorsOf(partitions)) cursor.paused = false
    this.wake()
  }

  readonly seek = (position: Position): Effect.Effect<void, KafkaError> =>
    Effect.suspend(() => {
      const wrong = positionsProblem("seek", [position])
      if (wrong !== undefined) return Effect.fail(wrong)
      const { partition, topic } = position
      const cursor = this.cursors.get(format(position))
      if (cursor === undefined) return Effect.fail(Errors.make("seek", new Errors.UnknownTopic({ topic, partition })))
      cursor.move(position.offset)
      this.wake()
      return Effect.void
    })

  readonly highWatermark = (tp: TopicPartition): number | undefined => this.cursors.get(format(tp))?.highWatermark

  /** What there is to read is announced; the member only must not be taken for one that hangs. */
  readonly restsFor = (): number => {
    if (!this.cluster.jumping) return 0
    return millis(this.options.config.maxPollInterval ?? KafkaConfig.consumerDefaults.maxPollInterval) / 4
  }

  readonly groupMetadata = (): GroupMetadata =>
    this.membership?.metadata ?? { groupId: "", "~millrace/engine/GroupMetadata": undefined }

  /** Does not wait for a broker that is down: its place in the group then ends with its session. */
  readonly close = (_deadline: Duration.Duration): Effect.Effect<void, KafkaError> =>
    Effect.suspend(() => {
      if (this.state === "killed" || this.state === "closed") return Effect.void
      const error = this.state === "open" ? this.committer.finish() : undefined
      this.membership?.leave()
      this.end("closed")
      // Events that were emitted until now arrive before the owner goes on.
      const heard = Effect.callback<void>((resume) => this.cluster.mail.post(() => resume(Effect.void)))
      return error === undefined ? heard : Effect.andThen(heard, Effect.fail(error))
    })

  // How it is done.

  /** What is posted before the client ends is still delivered, nothing after. */
  private readonly emit = (event: ClientEvent): void => {
    if (this.state === "open") this.cluster.mail.post(() => this.options.onEvent(event))
  }

  private wake(): void {
    if (this.announced || this.state !== "open") return
    this.announced = true
    this.cluster.mail.post(() => {
      if (this.state === "open") this.options.onReady()
    })
  }

  private end(state: "failed" | "killed" | "closed"): void {
    this.state = state
    this.committer.close()
    this.cluster.listeners.delete(this)
    this.drop([...this.cursors.values()])
  }

  private fail(error: KafkaError): void {
    if (this.state !== "open") return
    this.emit({ _tag: "Failed", error })
    this.membership?.leave()
    this.end("failed")
  }

  private broken(operation: string): KafkaError | undefined {
    if (this.state === "open") return undefined
    if (this.state === "killed") return unreachable(operation)
    return Errors.make(operation, new Errors.Closed({ client: "consumer" }))
  }

  private cursorsOf(partitions: ReadonlyArray<TopicPartition>): ReadonlyArray<Cursor> {
    return partitions.flatMap((tp) => this.cursors.get(format(tp)) ?? [])
  }

  private drop(partitions: ReadonlyArray<TopicPartition>): void {
    this.committer.forget(partitions)
    for (const cursor of this.cursorsOf(partitions)) {
      cursor.detach()
      this.cursors.delete(format(cursor))
    }
    this.order = [...this.cursors.values()]
    this.turn = 0
  }

  private activate(tp: TopicPartition, offset: number | undefined): void {
    const cursor = new Cursor(tp)
    if (offset !== undefined) cursor.move(offset)
    cursor.revoking = this.membership?.isRevoking(tp) ?? false
    this.cursors.set(format(tp), cursor)
    this.order = [...this.cursors.values()]
    if (this.cluster.reachable) this.locate(cursor)
  }

  /** Makes sure that a partition has a log and a position; `false` when it cannot be read now. */
  private locate(cursor: Cursor): boolean {
    const { cluster } = this
    if (cluster.faults.isDenied("topic", cursor.topic)) {
      this.inTrouble(cursor, "denied", new Errors.AuthorizationFailed({ resource: "topic", name: cursor.topic }))
      return false
    }
    if (cursor.current === undefined) {
      const log = cluster.topics.log(cursor)
      if (log === undefined) {
        const { partition, topic } = cursor
        this.inTrouble(cursor, "unknownTopic", new Errors.UnknownTopic({ topic, partition }))
        return false
      }
      cursor.attach(log, () => this.wake())
    }
    cursor.trouble = undefined
    return cursor.position !== undefined || this.findStart(cursor)
  }

  private findStart(cursor: Cursor): boolean {
    const { membership } = this
    if (membership === undefined) return false
    const offsets = this.cluster.groups.offsets(membership.groupId)
    // A transaction is about to commit the offset; its end wakes us.
    if (offsets.isUnstable(cursor)) return false
    const committed = offsets.get(cursor)
    if (committed !== undefined) {
      cursor.move(committed.offset)
      return true
    }
    const { partition, topic } = cursor
    const error = new Errors.NoOffset({ group: membership.groupId, topic, partition })
    return this.reset(cursor, `group "${membership.groupId}" has no committed offset`, error)
  }

  private reset(cursor: Cursor, problem: string, reason: Errors.NoOffset | Errors.OffsetOutOfRange): boolean {
    const { partition, topic } = cursor
    const { offsetReset } = this.options
    if (offsetReset === "none") {
      this.fail(Errors.make("consume", reason))
      return false
    }
    const log = cursor.current!
    const offset = offsetReset === "earliest" ? log.startOffset : log.limit(this.isolation)
    cursor.reset(offset)
    if (this.options.commitResets === true) this.committer.commitSoon({ topic, partition, offset })
    const full = `${problem}; going on from the ${offsetReset} offset ${offset}`
    const outOfRange = reason._tag === "OffsetOutOfRange"
    this.emit({ _tag: "OffsetReset", topic, partition, outOfRange, problem: full })
    return true
  }

  private read(cursor: Cursor, records: number, bytes: number, atLeastOne: boolean): Chunk | undefined {
    for (let attempt = 0; attempt < 2; attempt++) {
      const { partition, position, topic } = cursor
      const step = cursor.read(this.isolation, records, bytes, atLeastOne)
      if (step === "end") {
        if (this.options.signalEnd) this.emit({ _tag: "EndOfPartition", topic, partition, offset: cursor.position! })
        return cursor.passed()
      }
      if (step !== "outOfRange") return step === "nothing" ? cursor.passed() : step
      const { endOffset, startOffset } = cursor.current!
      const problem = `offset ${position} is out of range, the partition has ${startOffset} to ${endOffset}`
      const reason = new Errors.OffsetOutOfRange({ topic, partition, offset: position })
      if (!this.reset(cursor, problem, reason)) return undefined
    }
    return undefined
  }

  private inTrouble(cursor: Cursor, trouble: Trouble, reason: Errors.Reason): void {
    if (cursor.trouble === trouble) return
    cursor.trouble = trouble
    this.emit({ _tag: "Disturbed", error: Errors.make("consume", reason) })
    if (trouble === "unknownTopic") this.refreshLater()
  }

  private missingTopics(): void {
    const { subscription } = this.options
    if (subscription._tag !== "Group") return
    const missing = subscription.topics.filter((topic) => this.cluster.topics.get(topic) === undefined)
    for (const topic of missing) {
      this.emit({ _tag: "Disturbed", error: Errors.make("consume", new Errors.UnknownTopic({ topic })) })
    }
    if (missing.length > 0) this.refreshLater()
  }

  /**
   * New topics are seen at once; that one is gone for good is only sure when it does not come back. One that was named
   * is an error for as long as it is not there.
   */
  private refreshLater(): void {
    if (this.refreshing) return
    this.refreshing = true
    const refresh = this.options.config.metadataRefresh ?? KafkaConfig.consumerDefaults.metadataRefresh
    this.cluster.agenda.after(millis(refresh), () => {
      this.refreshing = false
      if (this.state !== "open") return
      this.cluster.groups.refresh()
      this.missingTopics()
    })
  }

  private arrived(): boolean {
    if (this.fetch === "arrived") {
      this.fetch = "idle"
      return true
    }
    const hungry = this.order.some((cursor) => cursor.readable && this.locate(cursor))
    if (this.fetch === "waiting" || !hungry) return false
    this.fetch = "waiting"
    this.cluster.agenda.after(this.cluster.faults.latencyMillis, () => {
      this.fetch = "arrived"
      this.wake()
    })
    return false
  }
}
