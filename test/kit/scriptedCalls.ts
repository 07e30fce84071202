/** What a scripted engine notes, and shows to tests. */
import type { Chunk, ConsumerClient, Position, TopicPartition } from "../../src/engine/KafkaEngine.ts"

export type CallName = keyof ConsumerClient

/** A call of the client, in order, with the time on the test's clock. */
export interface Call {
  readonly at: number
  readonly call: CallName
  readonly id?: number
  readonly positions?: ReadonlyArray<TopicPartition & { readonly offset?: number }>
}

export interface Rebalance {
  readonly _tag: "Rebalance"
  readonly id: number
  readonly kind: "assign" | "revoke" | "lost"
  readonly partitions: ReadonlyArray<TopicPartition>
}

/** What a test may hook in to check more than the contract. */
export interface Observer {
  readonly assigned?: (partition: TopicPartition, offset: number) => void
  /** A seek begins: something may come in between. */
  readonly seeking?: (position: Position) => void
  readonly sought?: (position: Position) => void
  /** A position is stored or committed explicitly. */
  readonly positioned?: (position: Position, delivered: number) => void
  /** A revoke is answered: the positions of its partitions that are now committed. */
  readonly revoked?: (event: Rebalance, committed: (partition: TopicPartition) => number | undefined) => void
  readonly polled?: () => void
}

/** The first records of a chunk, at most `most`, and what is left of it. */
export const parted = (chunk: Chunk, most: number): { readonly first: Chunk; readonly rest: Chunk | undefined } => {
  if (chunk.records.length <= most) return { first: chunk, rest: undefined }
  const records = chunk.records.slice(0, most)
  const bytes = records.reduce((sum, { size }) => sum + size, 0)
  return {
    first: { ...chunk, records, bytes, next: records[most - 1]!.offset + 1 },
    rest: { ...chunk, records: chunk.records.slice(most), bytes: chunk.bytes - bytes }
  }
}
