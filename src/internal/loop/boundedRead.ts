/** When a bounded read is over: every partition of this member reached the end that it had when it was assigned. */
import type { Assignment } from "../partition/assignment.ts"

/** How long a member without partitions waits for others before its read counts as over, in milliseconds. */
const regainMillis = 60_000

/** Owned by the run loop. */
export class BoundedRead {
  private assigned = false
  /** It had partitions since the last assignment. */
  private had = false
  private emptySince: number | undefined

  /** An assignment was made, perhaps of nothing. */
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
    // Given up before its end, in a rebalance or with the session: others read it, or this member goes on.
    this.emptySince ??= now
    return now - this.emptySince >= regainMillis
  }
}
