/** What a consumer owns: partitions, what is stored of them, and the rebalances that wait for an answer. */
import { format } from "../../../TopicPartition.ts"
import type { Position, TopicPartition } from "../../KafkaEngine.ts"

/** A set of partitions without a string per look-up. */
export class Assigned {
  private readonly byTopic = new Map<string, Set<number>>()

  readonly has = (topic: string, partition: number): boolean => this.byTopic.get(topic)?.has(partition) === true

  readonly holds = ({ partition, topic }: TopicPartition): boolean => this.has(topic, partition)

  add(partitions: ReadonlyArray<TopicPartition>): void {
    for (const { partition, topic } of partitions) {
      const known = this.byTopic.get(topic)
      if (known === undefined) this.byTopic.set(topic, new Set([partition]))
      else known.add(partition)
    }
  }

  *[Symbol.iterator](): Iterator<TopicPartition> {
    for (const [topic, partitions] of this.byTopic) for (const partition of partitions) yield { topic, partition }
  }

  remove(partitions: ReadonlyArray<TopicPartition>): void {
    for (const { partition, topic } of partitions) {
      const known = this.byTopic.get(topic)
      known?.delete(partition)
      if (known?.size === 0) this.byTopic.delete(topic)
    }
  }
}

/** What the native client commits of each partition, in its own time, and when the partition is given up. */
export class Stored {
  private readonly byPlace = new Map<string, Position>()
  private readonly acknowledged = new Map<string, number>()

  get positions(): ReadonlyArray<Position> {
    return [...this.byPlace.values()]
  }

  /** The broker has these. */
  committed(positions: ReadonlyArray<Position>): void {
    for (const position of positions) this.acknowledged.set(format(position), position.offset)
  }

  add(position: Position): void {
    this.byPlace.set(format(position), position)
  }

  /** Takes out what is stored of these. Returns what the broker has not acknowledged of it. */
  take(partitions: ReadonlyArray<TopicPartition>): ReadonlyArray<Position> {
    return partitions.map(format).flatMap((place) => {
      const position = this.byPlace.get(place)
      const isCommitted = position?.offset === this.acknowledged.get(place)
      this.byPlace.delete(place)
      this.acknowledged.delete(place)
      return position === undefined || isCommitted ? [] : [position]
    })
  }
}

/** A rebalance that its owner has to answer. */
export interface Asked {
  readonly id: number
  readonly kind: "assign" | "revoke" | "lost"
  readonly partitions: ReadonlyArray<TopicPartition>
}

/** No two rebalances of one client have the same, whichever native consumer asked. */
export class RebalanceIds {
  private last = 0

  next(): number {
    return ++this.last
  }
}

/** Each is answered once, and only in the order they came. */
export class Rebalances {
  private readonly unanswered: Array<Asked> = []
  private readonly ids: RebalanceIds

  constructor(ids: RebalanceIds) {
    this.ids = ids
  }

  ask(kind: Asked["kind"], partitions: ReadonlyArray<TopicPartition>): Asked {
    const asked = { id: this.ids.next(), kind, partitions }
    this.unanswered.push(asked)
    return asked
  }

  /** Takes the oldest one out, when it is the one that is answered. */
  answer(id: number): Asked | undefined {
    return this.unanswered[0]?.id === id ? this.unanswered.shift() : undefined
  }

  get waiting(): ReadonlyArray<Asked> {
    return this.unanswered
  }

  /** Takes out all that wait, oldest first. */
  rest(): ReadonlyArray<Asked> {
    return this.unanswered.splice(0)
  }
}
