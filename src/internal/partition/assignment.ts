/** The partitions of one member, how much is buffered for them, and whose positions moved since the last look. */
import type { Chunk, TopicPartition } from "../../engine/KafkaEngine.ts"
import type { Buffered } from "./fetchBudget.ts"
import type { PartitionState } from "./partitionState.ts"
import type { Zombies } from "./zombies.ts"

const noStates: ReadonlyArray<PartitionState> = []

/** Owned by the run loop. */
export class Assignment {
  private readonly byTopic = new Map<string, Map<number, PartitionState>>()
  private readonly zombies: Zombies
  private readonly moved = new Set<PartitionState>()
  private count = 0
  bufferedRecords = 0
  bufferedBytes = 0

  constructor(zombies: Zombies) {
    this.zombies = zombies
  }

  get size(): number {
    return this.count
  }

  get buffered(): Buffered {
    return { records: this.bufferedRecords, bytes: this.bufferedBytes }
  }

  get(topic: string, partition: number): PartitionState | undefined {
    return this.byTopic.get(topic)?.get(partition)
  }

  /** The states of those partitions that are assigned. */
  of(partitions: ReadonlyArray<TopicPartition>): Array<PartitionState> {
    const states: Array<PartitionState> = []
    for (const { partition, topic } of partitions) {
      const state = this.get(topic, partition)
      if (state !== undefined) states.push(state)
    }
    return states
  }

  *[Symbol.iterator](): Iterator<PartitionState> {
    for (const partitions of this.byTopic.values()) yield* partitions.values()
  }

  /** Takes a partition in; it must not be there yet. */
  add(state: PartitionState): void {
    let partitions = this.byTopic.get(state.topic)
    if (partitions === undefined) {
      partitions = new Map()
      this.byTopic.set(state.topic, partitions)
    }
    this.count++
    partitions.set(state.partition, state)
  }

  /**
   * Removes a partition. Its buffer no longer counts, and reports of its worker are ignored. While that worker is alive
   * the next worker of the partition waits for it.
   */
  remove(state: PartitionState): void {
    if (!this.owns(state)) return
    this.empty(state)
    const partitions = this.byTopic.get(state.topic)!
    partitions.delete(state.partition)
    if (partitions.size === 0) this.byTopic.delete(state.topic)
    this.count--
    this.moved.delete(state)
    if (!state.ended && state.fiber !== undefined) this.zombies.add(state, state.fiber)
  }

  /** Whether a partition of a topic is assigned. */
  hasTopic(topic: string): boolean {
    return this.byTopic.has(topic)
  }

  owns(state: PartitionState): boolean {
    return this.get(state.topic, state.partition) === state
  }

  /** Queues a chunk for the worker of an assigned partition. */
  offer(state: PartitionState, chunk: Chunk): void {
    this.bufferedRecords += chunk.records.length
    this.bufferedBytes += chunk.bytes
    state.offer(chunk)
  }

  /** Gives back budget of a partition that is still assigned. */
  release(state: PartitionState, records: number, bytes: number): void {
    if (!this.owns(state)) return
    state.release(records, bytes)
    this.bufferedRecords -= records
    this.bufferedBytes -= bytes
  }

  /** Drops what waits in the queue of a partition that stays. */
  discard(state: PartitionState): void {
    const dropped = state.discard()
    if (!this.owns(state)) return
    this.bufferedRecords -= dropped.records
    this.bufferedBytes -= dropped.bytes
  }

  /** Gives back all budget of a partition: nothing of it is in work any more. */
  empty(state: PartitionState): void {
    this.discard(state)
    this.release(state, state.bufferedRecords, state.bufferedBytes)
  }

  progressed(state: PartitionState): void {
    if (this.owns(state)) this.moved.add(state)
  }

  /** The partitions that progressed since the last call. */
  takeMoved(): ReadonlyArray<PartitionState> {
    if (this.moved.size === 0) return noStates
    const states = Array.from(this.moved)
    this.moved.clear()
    return states
  }
}
