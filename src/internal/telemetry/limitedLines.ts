/**
 * Limits log lines that a lasting failure would write for each record: one per topic and kind in a second. Lines that
 * are left out are counted; the count is in the next line, or in a line of its own. Pure but for its own state.
 */

/** The subject of a line. Each kind and topic has a limit of its own. */
export interface Entry {
  readonly topic: string
  readonly kind: "retried" | "dead lettered" | "skipped"
  /** How many records it is about. */
  readonly records: number
}

/** How many records were left out. */
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

  /** `undefined`: the line is left out, and counted. Else it is written, with how many records were left out before. */
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

  /** Whether a count has waited long enough for a line of its own. */
  isDue(now: number): boolean {
    return now >= this.dueAt
  }

  /** Takes the counts that are in no line yet; with `all` also those of the last second. */
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
