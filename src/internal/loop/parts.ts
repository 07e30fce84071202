/** Parts of chunks. */
import type { Chunk } from "../../engine/KafkaEngine.ts"

/** The part of a chunk before an offset, or `undefined` when there is none. */
export const upTo = (chunk: Chunk, end: number): Chunk | undefined => {
  const records = chunk.records.filter((record) => record.offset < end)
  return records.length === 0 ? undefined : { ...chunk, records, next: end }
}
