/** A first in, first out queue that keeps nothing of what was taken out. */

/** Below it moving the rest to the front is not worth it. */
const compactAt = 64

/** Amortised constant time. */
export class FifoQueue<A> {
  private readonly items: Array<A | undefined> = []
  private head = 0

  get size(): number {
    return this.items.length - this.head
  }

  push(item: A): void {
    this.items.push(item)
  }

  shift(): A | undefined {
    if (this.head === this.items.length) return undefined
    const item = this.items[this.head]
    this.items[this.head++] = undefined
    if (this.head === this.items.length) {
      this.items.length = 0
      this.head = 0
    } else if (this.head >= compactAt && this.head * 2 >= this.items.length) {
      this.items.splice(0, this.head)
      this.head = 0
    }
    return item
  }

  peek(): A | undefined {
    return this.items[this.head]
  }

  clear(): void {
    this.items.length = 0
    this.head = 0
  }

  *[Symbol.iterator](): Iterator<A> {
    for (let i = this.head; i < this.items.length; i++) yield this.items[i]!
  }
}
