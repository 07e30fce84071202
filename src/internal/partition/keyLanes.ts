/**
 * Which record may run next if order is kept per key. The records of one key are in one lane, one after the other;
 * lanes do not wait for each other, nor for the end of a chunk. A record that is out may come back, to be taken once
 * more; its lane is closed until it is finished.
 */
import { FifoQueue } from "./fifoQueue.ts"

/** The records of one key that wait or run. A lane exists only while it has some. */
interface Lane<A> {
  readonly key: string
  /** The one to be taken next. */
  first: A | undefined
  /** Those behind it: in most lanes there are none. */
  rest: FifoQueue<A> | undefined
  /** Taken and not finished. */
  out: A | undefined
}

/** Takes items in and hands them out so that no two of one key are out at once and each key keeps its order. */
export class KeyLanes<A> {
  private readonly lanes = new Map<string, Lane<A>>()
  private readonly ready = new FifoQueue<Lane<A>>()
  private readonly back = new FifoQueue<Lane<A>>()
  private backWasLast = false
  private begun = 0
  private readonly most: number
  private readonly hasRoom: (begun: number) => boolean

  /**
   * `most`: how many keys at once may have an item that was taken and is not finished. `hasRoom`: whether another one
   * may be, in addition to the given number.
   */
  constructor(most = Infinity, hasRoom: (begun: number) => boolean = () => true) {
    this.most = most
    this.hasRoom = hasRoom
  }

  /** Adds an item at the end of its key's lane. */
  offer(key: string, item: A): void {
    const lane = this.lanes.get(key)
    if (lane === undefined) {
      const fresh: Lane<A> = { key, first: item, rest: undefined, out: undefined }
      this.lanes.set(key, fresh)
      this.ready.push(fresh)
    } else if (lane.first === undefined) {
      lane.first = item
    } else {
      lane.rest ??= new FifoQueue()
      lane.rest.push(item)
    }
  }

  /** The next item of the key that has waited longest, or one that is back; `undefined` when none may go. */
  take(): { readonly key: string; readonly item: A } | undefined {
    const lane = this.back.size > 0 ? this.takeBack() : this.takeReady()
    if (lane === undefined) return undefined
    if (lane.out === undefined) {
      lane.out = lane.first!
      lane.first = lane.rest?.shift()
    }
    return { key: lane.key, item: lane.out }
  }

  /** Used every other time, so that items that come back again and again do not keep the others from running. */
  private takeBack(): Lane<A> | undefined {
    const ready = this.backWasLast ? this.takeReady() : undefined
    this.backWasLast = ready === undefined
    return ready ?? this.back.shift()
  }

  private takeReady(): Lane<A> | undefined {
    if (this.ready.size === 0 || this.begun >= this.most || !this.hasRoom(this.begun)) return undefined
    this.begun++
    return this.ready.shift()
  }

  /** Says that the item of this key that is out is to be taken once more, before the others of the key. */
  giveBack(key: string): void {
    const lane = this.lanes.get(key)
    if (lane !== undefined) this.back.push(lane)
  }

  /** Says that the item of this key is finished, which lets the next one of the key go. */
  release(key: string): void {
    const lane = this.lanes.get(key)
    if (lane === undefined) return
    this.begun--
    lane.out = undefined
    if (lane.first === undefined) this.lanes.delete(key)
    else this.ready.push(lane)
  }

  /** How many keys have an item that may be taken. */
  get available(): number {
    const free = Math.min(this.ready.size, this.most - this.begun)
    return this.back.size + (free > 0 && this.hasRoom(this.begun) ? free : 0)
  }

  /** Whether a key waits for room. */
  get isHeldBack(): boolean {
    return this.ready.size > 0 && this.begun < this.most && !this.hasRoom(this.begun)
  }
}
