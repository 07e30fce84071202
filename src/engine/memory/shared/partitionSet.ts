/** A set of partitions that remembers the order in which they came. */
import { format } from "../../../TopicPartition.ts"
import type { TopicPartition } from "../../KafkaEngine.ts"

/** Compared by topic and partition, not by identity. */
export class PartitionSet {
  private readonly entries = new Map<string, TopicPartition>()

  constructor(partitions: Iterable<TopicPartition> = []) {
    for (const partition of partitions) this.add(partition)
  }

  get size(): number {
    return this.entries.size
  }

  has(tp: TopicPartition): boolean {
    return this.entries.has(format(tp))
  }

  add({ partition, topic }: TopicPartition): void {
    this.entries.set(format({ topic, partition }), { topic, partition })
  }

  delete(tp: TopicPartition): void {
    this.entries.delete(format(tp))
  }

  without(other: PartitionSet): Array<TopicPartition> {
    return this.toArray().filter((tp) => !other.has(tp))
  }

  toArray(): Array<TopicPartition> {
    return [...this.entries.values()]
  }
}
