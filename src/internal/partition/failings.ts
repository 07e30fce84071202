/** What is known of the failing records of one partition, within one assignment. */
import type { Attempts } from "./offsetNotes.ts"

/** A record that failed and is not done. `memory` is where policies keep what they know of it. */
export interface Failing {
  readonly offset: number
  executions: number
  firstFailedAt: number
  readonly memory: Map<unknown, unknown>
}

/** What the headers of a record from a retry topic say. */
export interface Carried {
  readonly executions: number
  readonly firstFailedAt: number | undefined
}

const noAttempts: ReadonlyArray<Attempts> = []

/** Owned by one partition's worker. */
export class Failings {
  private readonly failing = new Map<number, Failing>()
  private readonly noted: Map<number, Attempts>
  private readonly kept: boolean

  /** `kept`: attempts are kept with the committed offset; `noted` were kept there. */
  constructor(kept: boolean, noted: ReadonlyArray<Attempts> = []) {
    this.kept = kept
    this.noted = new Map(noted.map((attempts) => [attempts.offset, attempts]))
  }

  /** Counts a failed execution (none for poison, whose handler did not run). */
  failed(offset: number, executed: boolean, now: number, carried: Carried | undefined): Failing {
    let failing = this.failing.get(offset)
    if (failing === undefined) {
      const note = this.noted.get(offset)
      failing = {
        offset,
        executions: note?.executions ?? carried?.executions ?? 0,
        // A first-failure time in the future (clock skew) would keep `timeout` from ever being reached.
        firstFailedAt: Math.min(note?.firstFailedAt ?? carried?.firstFailedAt ?? now, now),
        memory: new Map()
      }
      this.failing.set(offset, failing)
    }
    if (executed) failing.executions++
    return failing
  }

  /** The record is done, one way or another. */
  settled(offset: number): void {
    if (this.failing.size > 0) this.failing.delete(offset)
    if (this.noted.size > 0) this.noted.delete(offset)
  }

  /** How many records are failing. */
  get count(): number {
    return this.failing.size
  }

  /** Whether attempts are kept with the committed offset. */
  get areKept(): boolean {
    return this.kept
  }

  /** Whether there is nothing to keep with the offset. */
  get isEmpty(): boolean {
    return !this.kept || this.failing.size === 0 && this.noted.size === 0
  }

  /** What is kept with a position, in the order of offsets: the attempts of records from there on. */
  at(position: number): ReadonlyArray<Attempts> {
    if (this.isEmpty) return noAttempts
    for (const offset of this.noted.keys()) if (offset < position) this.noted.delete(offset)
    for (const offset of this.failing.keys()) if (offset < position) this.failing.delete(offset)
    return [
      ...[...this.noted.values()].filter(({ offset }) => !this.failing.has(offset)),
      ...[...this.failing.values()].filter(({ executions }) => executions > 0)
    ].sort((a, b) => a.offset - b.offset)
  }
}
