/** Decides when a bounded read is over: each partition of this member reached the end that it had at its assignment. */
import type { Assignment } from "../partition/assignment.ts"

/** How long a member without partitions waits for others before its read counts as over, in milliseconds. */
const regainMillis = 60_000

/** Owned by the run loop. */
export class BoundedRead {
  private assigned = false
  /** It had partitions since the last assignment. */
  private had = false
  private emptySince: number | undefined

  /** An assignment was made; it may be empty. */
  onAssigned(): void {
    this.assigned = true
    this.had = false
    this.emptySince = undefined
  }

  isOver(assignment: Assignment, now: number): boolean {
    if (!this.assigned) return false
    if (assignment.size > 0) {
      this.had = true
      for (const state of assignment) if (!state.reachedEnd) return false
      return true
    }
    if (!this.had) return true
    // The last partition was taken away before its end: another member reads it, or this one gets it again.
    this.emptySince ??= now
    return now - this.emptySince >= regainMillis
  }
}
