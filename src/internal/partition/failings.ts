/** What is known of the failing records of one partition, within one assignment. */
import * as AttemptNotes from "./attemptNotes.ts"

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

/** Owned by one partition's worker. */
export class Failings {
  private readonly failing = new Map<number, Failing>()
  private readonly noted: Map<number, AttemptNotes.Note>
  private readonly kept: boolean

  /** `kept`: attempts are kept with the committed offset; `metadata` is what was kept there. */
  constructor(kept: boolean, metadata: string | undefined) {
    this.kept = kept
    this.noted = new Map(AttemptNotes.decode(metadata).map((note) => [note.offset, note]))
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

  /** Whether there is nothing to keep with the offset. */
  get isEmpty(): boolean {
    return !this.kept || this.failing.size === 0 && this.noted.size === 0
  }

  /** What is committed with a position: the notes of records from there on. */
  metadataAt(position: number): string | undefined {
    if (this.isEmpty) return undefined
    for (const offset of this.noted.keys()) if (offset < position) this.noted.delete(offset)
    for (const offset of this.failing.keys()) if (offset < position) this.failing.delete(offset)
    return AttemptNotes.encode([
      ...[...this.noted.values()].filter(({ offset }) => !this.failing.has(offset)),
      ...[...this.failing.values()].filter(({ executions }) => executions > 0)
    ])
  }
}
