/** The committed offsets of one group, and those of transactions that have not ended. Pure but for its own state. */
import { format } from "../../../TopicPartition.ts"
import type { Position, TopicPartition } from "../../KafkaEngine.ts"

/** A commit replaces what was there, forward or backward, as Kafka's does. */
export class GroupOffsets {
  private readonly committed = new Map<string, Position>()
  private readonly pending = new Map<number, Map<string, Position>>()

  get isEmpty(): boolean {
    return this.committed.size === 0 && this.pending.size === 0
  }

  get(tp: TopicPartition): Position | undefined {
    return this.committed.get(format(tp))
  }

  all(): ReadonlyArray<Position> {
    return [...this.committed.values()].sort((a, b) =>
      a.topic < b.topic ? -1 : a.topic > b.topic ? 1 : a.partition - b.partition
    )
  }

  commit(positions: ReadonlyArray<Position>): void {
    for (const { leaderEpoch, metadata, offset, partition, topic } of positions) {
      const position = { topic, partition, offset, leaderEpoch, metadata }
      this.committed.set(format(position), position)
    }
  }

  /** Whether a transaction that has not ended is about to move this offset (KIP-447: readers have to wait). */
  isUnstable(tp: TopicPartition): boolean {
    for (const positions of this.pending.values()) if (positions.has(format(tp))) return true
    return false
  }

  addPending(producerId: number, positions: ReadonlyArray<Position>): void {
    let own = this.pending.get(producerId)
    if (own === undefined) this.pending.set(producerId, own = new Map())
    for (const position of positions) own.set(format(position), position)
  }

  finish(producerId: number, outcome: "commit" | "abort"): void {
    const own = this.pending.get(producerId)
    this.pending.delete(producerId)
    if (own !== undefined && outcome === "commit") this.commit([...own.values()])
  }

  /** Forgets a topic that was deleted. */
  forget(topic: string): void {
    for (const map of [this.committed, ...this.pending.values()]) {
      for (const [key, position] of map) if (position.topic === topic) map.delete(key)
    }
  }
}
