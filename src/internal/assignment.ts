/** The partitions of one member, what is buffered for them, and which of them changed since somebody last looked. */
import type * as Fiber from "effect/Fiber"
import type { Chunk, TopicPartition } from "../engine/KafkaEngine.ts"
import type { PartitionState } from "./partitionState.ts"

const keyOf = (tp: TopicPartition): string => `${tp.topic}/${tp.partition}`

const noStates: ReadonlyArray<PartitionState> = []

/** Owned by the run loop. */
export class Assignment {
  private readonly byTopic = new Map<string, Map<number, PartitionState>>()
  /** Workers of partitions that were taken away while their handler was still running. */
  private readonly zombies = new Map<string, Fiber.Fiber<unknown, unknown>>()
  private readonly moved = new Set<PartitionState>()
  private count = 0
  bufferedRecords = 0
  bufferedBytes = 0

  get size(): number {
    return this.count
  }

  get(topic: string, partition: number): PartitionState | undefined {
    return this.byTopic.get(topic)?.get(partition)
  }

  *[Symbol.iterator](): Iterator<PartitionState> {
    for (const partitions of this.byTopic.values()) yield* partitions.values()
  }

  add(state: PartitionState): void {
    let partitions = this.byTopic.get(state.topic)
    if (partitions === undefined) {
      partitions = new Map()
      this.byTopic.set(state.topic, partitions)
    }
    if (!partitions.has(state.partition)) this.count++
    partitions.set(state.partition, state)
  }

  /**
   * Takes a partition out. Its buffer no longer counts, and what its worker still reports is ignored; while the worker is
   * alive the next one of the same partition waits for it.
   */
  remove(state: PartitionState): void {
    const partitions = this.byTopic.get(state.topic)
    if (partitions?.get(state.partition) !== state) return
    partitions.delete(state.partition)
    if (partitions.size === 0) this.byTopic.delete(state.topic)
    this.count--
    state.discard()
    this.bufferedRecords -= state.bufferedRecords
    this.bufferedBytes -= state.bufferedBytes
    state.bufferedRecords = 0
    state.bufferedBytes = 0
    this.moved.delete(state)
    if (!state.ended && state.fiber !== undefined) this.bury(state, state.fiber)
  }

  /** The worker of an earlier assignment of this partition that has not ended yet. */
  zombieOf(tp: TopicPartition): Fiber.Fiber<unknown, unknown> | undefined {
    return this.zombies.get(keyOf(tp))
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
    state.bufferedRecords -= records
    state.bufferedBytes -= bytes
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

  private bury(state: PartitionState, fiber: Fiber.Fiber<unknown, unknown>): void {
    const key = keyOf(state)
    this.zombies.set(key, fiber)
    fiber.addObserver(() => {
      if (this.zombies.get(key) === fiber) this.zombies.delete(key)
    })
  }
}
