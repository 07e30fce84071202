/**
 * Which record may run next when order holds per key: records of one key queue up behind each other in a lane, lanes
 * run free of each other, and there is no barrier at the end of a chunk.
 */

/** The records of one key that wait or run. A lane exists only while it has some. */
interface Lane<A> {
  readonly key: string
  readonly items: Array<A>
  /** Items before it were taken. */
  head: number
}

/** Takes items in and hands them out so that no two of one key are out at once and each key keeps its order. */
export class KeyLanes<A> {
  private readonly lanes = new Map<string, Lane<A>>()
  private readonly ready: Array<Lane<A>> = []
  private readyHead = 0

  /** Adds an item at the end of its key's lane. */
  offer(key: string, item: A): void {
    const lane = this.lanes.get(key)
    if (lane !== undefined) {
      lane.items.push(item)
      return
    }
    const fresh = { key, items: [item], head: 0 }
    this.lanes.set(key, fresh)
    this.ready.push(fresh)
  }

  /** The next item of the key that has waited longest, or `undefined` when every key with items has one out. */
  take(): { readonly key: string; readonly item: A } | undefined {
    if (this.readyHead === this.ready.length) return undefined
    const lane = this.ready[this.readyHead++]!
    if (this.readyHead === this.ready.length) {
      this.ready.length = 0
      this.readyHead = 0
    } else if (this.readyHead >= 1024) {
      this.ready.splice(0, this.readyHead)
      this.readyHead = 0
    }
    return { key: lane.key, item: lane.items[lane.head++]! }
  }

  /** Says that the item of this key is finished, which lets the next one of the key go. */
  release(key: string): void {
    const lane = this.lanes.get(key)
    if (lane === undefined) return
    if (lane.head === lane.items.length) {
      this.lanes.delete(key)
      return
    }
    if (lane.head >= 1024) {
      lane.items.splice(0, lane.head)
      lane.head = 0
    }
    this.ready.push(lane)
  }

  /** How many keys have an item that may be taken. */
  get available(): number {
    return this.ready.length - this.readyHead
  }

  /** Forgets everything that was not taken. */
  clear(): void {
    this.lanes.clear()
    this.ready.length = 0
    this.readyHead = 0
  }
}
