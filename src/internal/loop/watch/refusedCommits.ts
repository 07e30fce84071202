/** Since when the commits of a partition have been refused. Its records are handled, so nothing else shows it. */
import type { Position, TopicPartition } from "../../../engine/KafkaEngine.ts"
import type { KafkaError } from "../../../KafkaError.ts"
import { format } from "../../../TopicPartition.ts"

/** A commit that is refused as a whole names no partition. */
const whole = "whole"

/** Kept from the first refusal of a partition until one of its commits is acknowledged, or it moves. */
export class RefusedCommits {
  private readonly since = new Map<string, number>()
  private error: KafkaError | undefined

  get any(): boolean {
    return this.since.size > 0
  }

  refused(positions: ReadonlyArray<Position>, error: KafkaError, now: number): void {
    this.error = error
    for (const key of positions.length === 0 ? [whole] : positions.map(format)) {
      if (!this.since.has(key)) this.since.set(key, now)
    }
  }

  /** They are committed, or no longer this member's, or assigned again. */
  forget(partitions: ReadonlyArray<TopicPartition>): void {
    if (!this.any) return
    this.since.delete(whole)
    for (const partition of partitions) this.since.delete(format(partition))
  }

  /** The last refusal, if commits have been refused for this long, in milliseconds. */
  lasting(millis: number, now: number): KafkaError | undefined {
    return [...this.since.values()].some((since) => now - since >= millis) ? this.error : undefined
  }
}
