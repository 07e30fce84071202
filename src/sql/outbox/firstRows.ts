/** The first row of each queue, and since when it is the first: whether a queue moves. Pure. */

interface First {
  readonly id: bigint
  readonly since: number
}

export class FirstRows {
  private rows: ReadonlyMap<number, First> = new Map()

  /** Notes the first rows of all queues that have some. Of a queue with several the oldest one counts. */
  observe(found: ReadonlyArray<readonly [queue: number, id: bigint]>, now: number): void {
    const rows = new Map<number, First>()
    for (const [queue, id] of found) {
      const other = rows.get(queue)
      if (other !== undefined && other.id < id) continue
      const before = this.rows.get(queue)
      rows.set(queue, before?.id === id ? before : { id, since: now })
    }
    this.rows = rows
  }

  /** `undefined` for a queue that had no row when that was looked at last. */
  since(queue: number): number | undefined {
    return this.rows.get(queue)?.since
  }
}
