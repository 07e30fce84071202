/** A set of partitions that remembers the order in which they came. */
import type { TopicPartition } from "../../KafkaEngine.ts"

/** The text that stands for a partition in maps. Topic names have no slash. */
export const keyOf = ({ partition, topic }: TopicPartition): string => `${topic}/${partition}`

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
    return this.entries.has(keyOf(tp))
  }

  add({ partition, topic }: TopicPartition): void {
    this.entries.set(keyOf({ topic, partition }), { topic, partition })
  }

  delete(tp: TopicPartition): void {
    this.entries.delete(keyOf(tp))
  }

  without(other: PartitionSet): Array<TopicPartition> {
    return this.toArray().filter((tp) => !other.has(tp))
  }

  toArray(): Array<TopicPartition> {
    return [...this.entries.values()]
  }
}
