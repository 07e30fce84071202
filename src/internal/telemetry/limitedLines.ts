/**
 * Lines that a lasting failure would write for each record: one per topic and kind in a second. What was left out is
 * counted, and the count has a line of its own when no other follows. Pure but for its own state.
 */

/** What a line is about. Each kind and topic has a limit of its own. */
export interface Entry {
  readonly topic: string
  readonly kind: "retried" | "dead lettered" | "skipped"
  /** How many records it is about. */
  readonly records: number
}

/** How many records no line was about. */
export interface Due {
  readonly topic: string
  readonly kind: Entry["kind"]
  readonly omitted: number
}

/** Lines are at least this long apart, in milliseconds. */
const every = 1_000

interface Seen {
  readonly topic: string
  readonly kind: Entry["kind"]
  at: number
  omitted: number
}

export class LimitedLines {
  private readonly seen = new Map<string, Seen>()
  private dueAt = Infinity

  /** How many records the last lines left out, when this one is to be written; else `undefined`, and it is counted. */
  admit({ kind, records, topic }: Entry, now: number): number | undefined {
    const key = `${kind} ${topic}`
    const last = this.seen.get(key)
    if (last !== undefined && now - last.at < every) {
      last.omitted += records
      this.dueAt = Math.min(this.dueAt, last.at + every)
      return undefined
    }
    this.seen.set(key, { topic, kind, at: now, omitted: 0 })
    return last?.omitted ?? 0
  }

  /** Whether counts have waited for long enough for another line. */
  isDue(now: number): boolean {
    return now >= this.dueAt
  }

  /** The counts that no line has said yet; with `all` also those of the last second. */
  take(now: number, all: boolean): ReadonlyArray<Due> {
    const due: Array<Due> = []
    this.dueAt = Infinity
    for (const [key, last] of this.seen) {
      if (!all && now - last.at < every) {
        if (last.omitted > 0) this.dueAt = Math.min(this.dueAt, last.at + every)
        continue
      }
      if (last.omitted === 0) {
        this.seen.delete(key)
        continue
      }
      due.push({ topic: last.topic, kind: last.kind, omitted: last.omitted })
      last.at = now
      last.omitted = 0
    }
    return due
  }
}
