/**
 * Which record may run next when order holds per key: records of one key queue up behind each other in a lane, lanes
 * run free of each other, and there is no barrier at the end of a chunk. A record that is out may come back, to be
 * taken once more; its lane is closed until it is finished.
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
  private readonly back: Array<Lane<A>> = []
  private backWasLast = false
  /** Keys with an item that was taken and is not finished. */
  private begun = 0
  private readonly most: number

  /** `most`: so many keys at once may have an item that was taken and is not finished. */
  constructor(most = Infinity) {
    this.most = most
  }

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

  /** The next item of the key that has waited longest, or one that is back; `undefined` when none may go. */
  take(): { readonly key: string; readonly item: A } | undefined {
    const lane = this.back.length > 0 ? this.takeBack() : this.takeReady()
    return lane === undefined ? undefined : { key: lane.key, item: lane.items[lane.head++]! }
  }

  /** Every other time, so that items which come back again and again do not keep the others from going. */
  private takeBack(): Lane<A> | undefined {
    const ready = this.backWasLast ? this.takeReady() : undefined
    this.backWasLast = ready === undefined
    return ready ?? this.back.shift()
  }

  private takeReady(): Lane<A> | undefined {
    if (this.readyHead === this.ready.length || this.begun >= this.most) return undefined
    this.begun++
    const lane = this.ready[this.readyHead++]!
    if (this.readyHead === this.ready.length) {
      this.ready.length = 0
      this.readyHead = 0
    } else if (this.readyHead >= 1024) {
      this.ready.splice(0, this.readyHead)
      this.readyHead = 0
    }
    return lane
  }

  /** Says that the item of this key that is out is to be taken once more, before the others of the key. */
  giveBack(key: string): void {
    const lane = this.lanes.get(key)
    if (lane === undefined) return
    lane.head--
    this.back.push(lane)
  }

  /** Says that the item of this key is finished, which lets the next one of the key go. */
  release(key: string): void {
    const lane = this.lanes.get(key)
    if (lane === undefined) return
    this.begun--
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
    return this.back.length + Math.min(this.ready.length - this.readyHead, this.most - this.begun)
  }

  /** Forgets everything that was not taken. */
  clear(): void {
    this.lanes.clear()
    this.ready.length = 0
    this.readyHead = 0
    this.back.length = 0
    this.begun = 0
  }
}
