/** What handlers did, and what of it breaks a promise. */
import * as Effect from "effect/Effect"
import type { Record } from "millrace"
import type { Position, TopicPartition } from "../../src/engine/KafkaEngine.ts"

/** A record in somebody's hands. */
export interface Seen extends TopicPartition {
  readonly member: string
  readonly offset: number
  readonly key: string | null
  readonly value: string
}

/** Whether the process of a member still runs. */
export interface Life {
  dead: boolean
}

type TextRecord = Record.Record<string | null, string>

const placeOf = ({ partition, topic }: TopicPartition): string => `${topic}/${partition}`

/** The book of all members of a group. */
export class Ledger {
  readonly started: Array<Seen> = []
  readonly handled: Array<Seen> = []
  /** Two handlers of a partition at the same time, told in words. */
  readonly overlaps: Array<string> = []
  private readonly owners = new Map<string, { readonly member: string; running: number }>()

  /** Wraps the work of a member's handler. A dead member's handlers hang. */
  handler<E, R>(
    member: string,
    life: Life,
    work: (record: TextRecord) => Effect.Effect<unknown, E, R>,
    concurrent: boolean
  ): (record: TextRecord) => Effect.Effect<void, E, R> {
    return (record) =>
      Effect.suspend((): Effect.Effect<void, E, R> => {
        if (life.dead) return Effect.never
        const seen = this.enter(member, record, concurrent)
        return Effect.onExit(
          Effect.flatMap(
            work(record),
            () => life.dead ? Effect.never : Effect.sync(() => void this.handled.push(seen))
          ),
          () => Effect.sync(() => this.leave(seen))
        )
      })
  }

  private enter(member: string, record: TextRecord, concurrent: boolean): Seen {
    const { key, offset, partition, topic, value } = record
    const seen = { member, topic, partition, offset, key, value }
    const owner = this.owners.get(placeOf(seen))
    if (owner !== undefined && owner.running > 0 && (!concurrent || owner.member !== member)) {
      this.overlaps.push(`${placeOf(seen)}: ${owner.member} runs while ${member} starts ${offset}`)
    }
    if (owner?.member === member) owner.running++
    else this.owners.set(placeOf(seen), { member, running: 1 })
    this.started.push(seen)
    return seen
  }

  private leave(seen: Seen): void {
    const owner = this.owners.get(placeOf(seen))
    if (owner?.member === seen.member) owner.running--
  }

  /** A crashed process runs nothing. */
  forget(member: string): void {
    for (const [place, owner] of this.owners) if (owner.member === member) this.owners.delete(place)
  }

  get values(): Array<string> {
    return this.handled.map(({ value }) => value)
  }

  /** How many different records were handled. */
  get distinct(): number {
    return new Set(this.handled.map((seen) => `${placeOf(seen)}@${seen.offset}`)).size
  }

  of(member: string): Array<Seen> {
    return this.handled.filter((seen) => seen.member === member)
  }

  /** Records that were handled more than once. */
  get duplicates(): Array<string> {
    const seen = new Set<string>()
    const twice: Array<string> = []
    for (const one of this.handled) {
      const id = `${placeOf(one)}@${one.offset}`
      if (seen.has(id)) twice.push(id)
      seen.add(id)
    }
    return twice
  }

  /** Records that were handled for the first time after a later one of their partition, or of their key. */
  disorder(per: "partition" | "key" = "partition"): Array<string> {
    const last = new Map<string, number>()
    const known = new Set<string>()
    const wrong: Array<string> = []
    for (const one of this.handled) {
      const id = `${placeOf(one)}@${one.offset}`
      if (known.has(id)) continue
      known.add(id)
      const lane = per === "partition" ? placeOf(one) : `${placeOf(one)}#${one.key}`
      const before = last.get(lane) ?? -1
      if (one.offset < before) wrong.push(`${id} after ${before}`)
      last.set(lane, Math.max(before, one.offset))
    }
    return wrong
  }

  /** Committed positions with an unhandled record before them. Logs are without gaps and begin at 0. */
  tooFar(positions: ReadonlyArray<Position>): Array<string> {
    const handled = new Set(this.handled.map((seen) => `${placeOf(seen)}@${seen.offset}`))
    return positions.flatMap((position) => {
      for (let offset = 0; offset < position.offset; offset++) {
        if (!handled.has(`${placeOf(position)}@${offset}`)) {
          return [`${placeOf(position)} is committed at ${position.offset}, and ${offset} was never handled`]
        }
      }
      return []
    })
  }
}
