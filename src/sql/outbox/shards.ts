/** Which shard a message is in, and which lock its key has. Pure. */
import type { RawMessage } from "../../engine/KafkaEngine.ts"

/** Stored with each row, so their number cannot change. */
export const shards = 16

/**
 * Relays publish each shard as a queue of its own, and in one more what other programs wrote with any other number:
 * its rows go by their ids, so a key keeps its order there, too.
 */
export const queues = shards + 1
export const strays = shards

/** What the log calls a queue. */
export const shownQueue = (queue: number): string =>
  queue === strays ? `what is in none of the ${shards} shards` : `shard ${queue}`

/**
 * Keys share this many locks: a transaction that writes many keys would use up the lock table of the server, of which
 * all connections have some 6,400 entries by default.
 */
const locks = 1_024

/** FNV-1a over the topic and the key. */
const hashOf = (topic: string, key: Uint8Array): number => {
  let hash = 0x811c9dc5
  for (let i = 0; i < topic.length; i++) hash = Math.imul(hash ^ topic.charCodeAt(i), 0x01000193)
  hash = Math.imul(hash ^ 0xffff, 0x01000193)
  for (const byte of key) hash = Math.imul(hash ^ byte, 0x01000193)
  hash ^= hash >>> 15
  return hash >>> 0
}

/** Where a message is kept: its shard, and the lock that its writer takes; `undefined` where no order is promised. */
export interface Slot {
  readonly shard: number
  readonly lock: number | undefined
}

/** `turn` spreads messages without a key. */
export const slotOf = ({ key, topic }: Pick<RawMessage, "key" | "topic">, turn: number): Slot => {
  if (key === null) return { shard: turn % shards, lock: undefined }
  const hash = hashOf(topic, key)
  return { shard: hash % shards, lock: Math.floor(hash / shards) % locks }
}
