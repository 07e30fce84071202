/** Owning a partition: how it begins, with a worker, and the ways in which it ends. */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type { ConsumerClient, Position, TopicPartition } from "../../engine/KafkaEngine.ts"
import type { HandlerFailed } from "../../HandlerFailed.ts"
import type { KafkaError } from "../../KafkaError.ts"
import * as Errors from "../../KafkaError.ts"
import { Assignment } from "../partition/assignment.ts"
import { Failings } from "../partition/failings.ts"
import * as OffsetNotes from "../partition/offsetNotes.ts"
import { PartitionState } from "../partition/partitionState.ts"
import { type NotesLimit, Progress } from "../partition/progress.ts"
import type { LoopContext, StartWorker } from "./loopContext.ts"

/** Only the topic and the partition of something that has both. */
export const tp = ({ partition, topic }: TopicPartition): TopicPartition => ({ topic, partition })

/** What is known of a partition when it begins. */
export interface Beginning {
  /** Where it begins. */
  readonly from: Position | undefined
  /** Where a bounded read stops. */
  readonly end: number | undefined
  /** What was committed with the offset. */
  readonly note?: Position | undefined
}

/** Kafka's code for a text that is longer than `offset.metadata.max.bytes`. */
const metadataTooLarge = 12

/** A broker that takes fewer is taken to want none. */
const fewCharacters = 100

/** Owned by the run loop. */
export class Ownership {
  readonly assignment: Assignment
  readonly client: ConsumerClient
  private readonly context: LoopContext
  private readonly startWorker: StartWorker
  private readonly onEnded: (state: PartitionState, exit: Exit.Exit<unknown, unknown>) => void
  /** What the client was given again at the same offset: it commits by itself what moved alone. */
  readonly renoted = new Set<PartitionState>()
  private readonly limit: NotesLimit = { characters: OffsetNotes.usualLimit }
  private epoch = 0

  constructor(
    context: LoopContext,
    startWorker: StartWorker,
    onEnded: (state: PartitionState, exit: Exit.Exit<unknown, unknown>) => void
  ) {
    this.context = context
    this.client = context.client
    this.startWorker = startWorker
    this.onEnded = onEnded
    this.assignment = new Assignment(context.zombies)
  }

  /** Begins with a new epoch. */
  start(partition: TopicPartition, beginning: Beginning): Effect.Effect<PartitionState> {
    const state = this.add(partition, beginning)
    return Effect.map(this.startWorker(state, this.context.zombies.of(partition)), (fiber) => {
      state.startedBy(fiber)
      fiber.addObserver((exit) => {
        state.workerEnded()
        this.onEnded(state, exit)
      })
      return state
    })
  }

  /** Takes a partition in that no worker handles. */
  startHeld(partition: TopicPartition, beginning: Beginning, failure: HandlerFailed<unknown>): PartitionState {
    const state = this.add(partition, beginning)
    state.hold()
    state.stopAt(failure)
    state.workerEnded()
    return state
  }

  private add(partition: TopicPartition, { end, from, note }: Beginning): PartitionState {
    this.fence([partition])
    const { keepsAttempts, makeSignal } = this.context
    const { attempts, finished } = note === undefined
      ? OffsetNotes.none
      : OffsetNotes.decode(note.offset, note.metadata)
    const failings = new Failings(keepsAttempts, attempts)
    const progress = new Progress(tp(partition), failings, this.limit, note, finished)
    const state = new PartitionState(partition, ++this.epoch, makeSignal(), progress)
    state.boundAt(end)
    if (from !== undefined) state.startsAt(from.offset)
    this.assignment.add(state)
    return state
  }

  /** Lets the worker end after the record in work. */
  drain(state: PartitionState): void {
    this.assignment.discard(state)
    state.drain()
  }

  /** Interrupts handlers that did not end in time, and publishes that. */
  interrupt(states: ReadonlyArray<PartitionState>, duration: number, budget: string): void {
    for (const state of states) {
      const reason = `its handler was still at offset ${state.current ?? "?"} ${budget}`
      this.context.publish({ _tag: "Drained", ...tp(state), timedOut: true, reason, duration })
      state.fiber?.interruptUnsafe()
    }
  }

  /** Ends the ownership at once: what the worker still does no longer counts. */
  fence(partitions: ReadonlyArray<TopicPartition>): void {
    for (const state of this.assignment.of(partitions)) {
      state.fence()
      if (!state.ended) state.fiber?.interruptUnsafe()
      this.forget(state)
    }
  }

  fenceAll(): void {
    this.fence([...this.assignment])
  }

  /** Ends the ownership of a partition that was drained, or whose worker is not waited for any longer. */
  forget(state: PartitionState): void {
    this.assignment.remove(state)
    this.renoted.delete(state)
    this.context.released(state)
    if (!this.assignment.hasTopic(state.topic)) this.context.left(state.topic)
  }

  /** The partitions whose workers have not ended. */
  running(states: Iterable<PartitionState>): Array<PartitionState> {
    const running: Array<PartitionState> = []
    for (const state of states) if (!state.ended) running.push(state)
    return running
  }

  /** Hands moved positions to the client. A refused one is offered again with the next tick. */
  store(states: Iterable<PartitionState>): void {
    let stored: Array<Position> | undefined
    for (const state of states) {
      const { progress } = state
      const position = progress.unstored
      if (position === undefined || !this.client.store(position)) continue
      // Of what did not move the client commits nothing by itself.
      const isSame = progress.stored === undefined || position.offset === progress.stored
      if (position.metadata !== undefined && isSame) this.renoted.add(state)
      progress.wasStored(position)
      stored ??= []
      stored.push(position)
    }
    if (stored !== undefined) this.context.publishStored(stored)
  }

  /** The positions of partitions with something to be kept as their metadata, for a commit. */
  noted(states: Iterable<PartitionState>): Array<Position> {
    const noted: Array<Position> = []
    for (const state of states) {
      this.renoted.delete(state)
      const { progress } = state
      const position = progress.hasNotes && this.assignment.owns(state) ? progress.noted : undefined
      if (position?.metadata === undefined) continue
      // The client commits by itself what is stored, for instance at the end: that must not be an older position.
      this.client.store(position)
      progress.wasStored(position)
      noted.push(position)
    }
    return noted
  }

  /**
   * Commits noted positions, without their notes when the broker takes no text of this length: that must not keep the
   * positions from being committed.
   */
  commitNoted(positions: ReadonlyArray<Position>): Effect.Effect<void, KafkaError> {
    if (positions.length === 0) return Effect.void
    return Effect.catch(this.client.commit(positions), (error) => {
      if (!this.notesAreRefused(error)) return Effect.fail(error)
      const bare = positions.map(({ leaderEpoch, offset, partition, topic }) => ({
        topic,
        partition,
        offset,
        leaderEpoch
      }))
      for (const position of bare) this.client.store(position)
      return this.client.commit(bare)
    })
  }

  /** Whether a commit failed because of its notes; they are shorter from then on. */
  notesAreRefused({ reason }: KafkaError): boolean {
    if (reason._tag !== "BrokerError" || reason.code !== metadataTooLarge) return false
    const { characters } = this.limit
    this.limit.characters = characters < fewCharacters ? 0 : Math.floor(characters / 4)
    return true
  }

  /** Suspends or resumes partitions for the user: all of them, or none. */
  suspend(partitions: ReadonlyArray<TopicPartition>, suspended: boolean): Exit.Exit<void, KafkaError> {
    const other = partitions.find(({ partition, topic }) => this.assignment.get(topic, partition) === undefined)
    if (other !== undefined) {
      return Exit.fail(Errors.make(suspended ? "pause" : "resume", new Errors.UnknownTopic(tp(other))))
    }
    const states = this.assignment.of(partitions)
    for (const state of states) state.suspend(suspended)
    // A held partition stays paused, and one that is read to its end; the next seek takes over what the user wanted.
    const movable = states.filter((state) => state.phase !== "held" && (suspended || !state.isDelivered))
    if (movable.length > 0) this.setPaused(movable, suspended)
    this.context.publish({ _tag: suspended ? "Paused" : "Resumed", partitions })
    return Exit.void
  }

  setPaused(states: ReadonlyArray<PartitionState>, paused: boolean): void {
    for (const state of states) state.pause(paused)
    if (paused) this.client.pause(states.map(tp))
    else this.client.resume(states.map(tp))
  }
}
