/** Positions that are finished and not committed. Pure but for its own state. */
import { format } from "../../../TopicPartition.ts"
import type { Position, TopicPartition } from "../../KafkaEngine.ts"

/** The last position of each partition counts. */
export class StoredPositions {
  private readonly positions = new Map<string, Position>()

  get isEmpty(): boolean {
    return this.positions.size === 0
  }

  store(position: Position): void {
    this.positions.set(format(position), position)
  }

  /** Takes out what is to be committed: of all partitions, or of these. */
  take(partitions?: ReadonlyArray<TopicPartition>): ReadonlyArray<Position> {
    const keys = partitions === undefined ? [...this.positions.keys()] : partitions.map(format)
    const taken: Array<Position> = []
    for (const key of keys) {
      const position = this.positions.get(key)
      if (position === undefined) continue
      this.positions.delete(key)
      taken.push(position)
    }
    return taken
  }

  /** Puts back what could not be committed, unless something newer was stored meanwhile. */
  putBack(positions: ReadonlyArray<Position>): void {
    for (const position of positions) if (!this.positions.has(format(position))) this.store(position)
  }

  /** Somebody committed these by hand: an older stored position must not undo it. */
  superseded(positions: ReadonlyArray<Position>): void {
    for (const position of positions) {
      const stored = this.positions.get(format(position))
      if (stored !== undefined && stored.offset <= position.offset) this.positions.delete(format(position))
    }
  }
}
