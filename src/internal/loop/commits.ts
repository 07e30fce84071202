/**
 * The loop's own commits: the attempts of records that begin to wait; once per `commitInterval` what is finished after
 * a position that does not move; and commits that a user asks for. A partition is not given up while a commit of it is
 * on its way, because that would take the next owner's offset back.
 */
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import type { Position, TopicPartition } from "../../engine/KafkaEngine.ts"
import { consumerDefaults } from "../../KafkaConfig.ts"
import type { KafkaError } from "../../KafkaError.ts"
import * as Errors from "../../KafkaError.ts"
import { format } from "../../TopicPartition.ts"
import type { PartitionState } from "../partition/partitionState.ts"
import type { Signal } from "../shared/signal.ts"
import type { LoopContext } from "./loopContext.ts"
import type { Ownership } from "./ownership.ts"

interface InFlight {
  readonly partitions: ReadonlyMap<string, number>
  /** The client committed a later position meanwhile, by its timer. */
  overtaken: boolean
  readonly fiber: Fiber.Fiber<void, KafkaError>
  readonly done: (exit: Exit.Exit<void, KafkaError>) => void
}

/** Owned by the run loop. */
export class Commits {
  private readonly waiting = new Set<PartitionState>()
  private readonly inFlight = new Set<InFlight>()
  private readonly ownership: Ownership
  private readonly context: LoopContext
  private readonly signal: Signal
  private readonly givenUp: KafkaError
  private readonly interval: number
  private lastAll = -Infinity
  private noting = false
  private takenBack = false

  constructor(ownership: Ownership, context: LoopContext, signal: Signal) {
    this.ownership = ownership
    this.context = context
    this.signal = signal
    const { config: { commitInterval }, group } = context.plan
    this.interval = Duration.toMillis(Duration.fromInputUnsafe(commitInterval ?? consumerDefaults.commitInterval))
    const problem = "a partition was given up before the broker answered; its next owner may handle its records again"
    this.givenUp = Errors.make("commit", new Errors.CommitFailed({ group, problem, retryable: false }))
  }

  /** A record of this partition begins to wait. */
  add(state: PartitionState): void {
    this.waiting.add(state)
  }

  /**
   * The client committed by its timer. If the connection is lost, the broker may answer an earlier commit by name after
   * that, and the group is taken back: then it is committed again where it is.
   */
  committed(positions: ReadonlyArray<Position>): void {
    for (const commit of this.inFlight) {
      if (positions.some((position) => position.offset > (commit.partitions.get(format(position)) ?? Infinity))) {
        commit.overtaken = true
      }
    }
  }

  /** Whether nothing is being noted, nor to be. */
  get isIdle(): boolean {
    return !this.noting && !this.takenBack && this.waiting.size === 0 && this.ownership.renoted.size === 0
  }

  /** Whether notes have to be committed now. There is one such commit at a time. */
  isDue(now: number): boolean {
    const { renoted } = this.ownership
    if (renoted.size > 0 && now - this.lastAll >= this.interval) {
      this.lastAll = now
      for (const state of renoted) this.waiting.add(state)
    }
    return !this.noting && (this.takenBack || this.waiting.size > 0)
  }

  /** A commit failed, of the loop or of the client. If the notes were too long, shorter ones are committed. */
  failed(error: KafkaError): boolean {
    if (!this.ownership.notesAreRefused(error)) return false
    for (const state of this.ownership.assignment) this.waiting.add(state)
    return true
  }

  /** Commits notes. Records that begin to wait meanwhile are in the next commit. */
  note(): Effect.Effect<void> {
    return Effect.suspend(() => {
      const noted = this.ownership.noted([...this.waiting])
      const positions = this.takenBack ? this.finished() : noted
      this.waiting.clear()
      this.takenBack = false
      if (positions.length === 0) return Effect.void
      this.noting = true
      return this.begin(positions, (exit) => {
        this.noting = false
        const error = Exit.findErrorOption(exit)
        if (error._tag === "None" || this.failed(error.value)) return
        this.context.publish({ _tag: "Disturbed", error: error.value })
      })
    })
  }

  /** Commits what is finished, with the notes of failing records: a commit without them would erase them. */
  commit(done: Deferred.Deferred<void, KafkaError>): Effect.Effect<void> {
    return Effect.suspend(() => {
      const positions = this.finished()
      if (positions.length === 0) return Effect.asVoid(Deferred.succeed(done, undefined))
      return this.begin(positions, (exit) => void Deferred.doneUnsafe(done, exit))
    })
  }

  /**
   * What is finished. The client has it from then on, too: its timer may be next, and with an older position it would
   * take the group back.
   */
  private finished(): ReadonlyArray<Position> {
    this.ownership.store(this.ownership.assignment)
    return Array.from(this.ownership.assignment).flatMap((
      { position, progress: { noted } }
    ): Array<Position> => position === undefined || noted === undefined ? [] : [noted])
  }

  /** Whether a commit of one of these partitions is on its way. */
  isBusy(partitions: ReadonlyArray<TopicPartition>): boolean {
    return this.concerning(partitions).length > 0
  }

  /** Stops waiting for commits of these partitions, which are given up or gone. */
  abandon(partitions: ReadonlyArray<TopicPartition>): void {
    for (const commit of this.concerning(partitions)) {
      this.inFlight.delete(commit)
      commit.fiber.interruptUnsafe()
      commit.done(Exit.fail(this.givenUp))
    }
  }

  /** Waits until no commit is on its way. */
  readonly settled: Effect.Effect<void> = Effect.suspend(() =>
    Effect.forEach([...this.inFlight], ({ fiber }) => Fiber.await(fiber), { discard: true })
  )

  private concerning(partitions: ReadonlyArray<TopicPartition>): ReadonlyArray<InFlight> {
    if (this.inFlight.size === 0) return []
    const keys = partitions.map(format)
    return [...this.inFlight].filter((commit) => keys.some((key) => commit.partitions.has(key)))
  }

  private begin(
    positions: ReadonlyArray<Position>,
    done: (exit: Exit.Exit<void, KafkaError>) => void
  ): Effect.Effect<void> {
    // It must begin in the loop's own step: later the partitions may be lost, or the client closed.
    const forked = Effect.forkDetach(this.context.client.commit(positions), { startImmediately: true })
    return Effect.map(forked, (fiber) => {
      const partitions = new Map(positions.map((position) => [format(position), position.offset]))
      const commit: InFlight = { partitions, overtaken: false, fiber, done }
      this.inFlight.add(commit)
      fiber.addObserver((exit) => {
        if (!this.inFlight.delete(commit)) return
        if (commit.overtaken) this.takenBack = true
        done(exit)
        this.signal.raise()
      })
    })
  }
}
