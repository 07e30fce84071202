/** Which partition a record goes to: the named one, the one of its key, or the batch's (KIP-480, KIP-794). */
import type { RawMessage } from "../../KafkaEngine.ts"
import { murmur2 } from "./murmur2.ts"

/** The partition of a key, as Java computes it. */
export const partitionOf = (key: Uint8Array, partitions: number): number => (murmur2(key) & 0x7fffffff) % partitions

/** After this many bytes of records without a key the next partition has its turn, also within one batch. */
export const stickyBytes = 16_384

/**
 * The partitioner of one producer. Records without a key stick to a partition for a batch and then go to the next one,
 * in turn instead of by chance: a test can rely on it.
 */
export class Partitioner {
  private readonly sticky = new Map<string, { turn: number; bytes: number }>()

  choose(message: RawMessage, partitions: number): number {
    if (message.partition !== undefined) return message.partition
    if (message.key !== null) return partitionOf(message.key, partitions)
    let state = this.sticky.get(message.topic)
    if (state === undefined) this.sticky.set(message.topic, state = { turn: 0, bytes: 0 })
    if (state.bytes >= stickyBytes) {
      state.turn++
      state.bytes = 0
    }
    // A record without a value fills the batch too.
    state.bytes += Math.max(1, message.value === null ? 0 : message.value.length)
    return state.turn % partitions
  }

  /** Ends a batch: what comes next without a key goes to the next partition. */
  endBatch(): void {
    for (const state of this.sticky.values()) {
      if (state.bytes === 0) continue
      state.turn++
      state.bytes = 0
    }
  }
}
