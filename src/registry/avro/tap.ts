/** Reads parts of Avro's bytes that may be hostile, where the library believes too much. Pure. */

/** The library's reader of bytes. */
export interface Tap {
  readonly buf: Buffer
  pos: number
  readonly readLong: () => number
  readonly skipLong: () => void
  readonly readString: () => string | undefined
}

/** How many items without a byte each (nulls, empty records) a record may have. */
const mostEmpty = 10_000

/** Those of the record that is read: nothing is awaited meanwhile. */
let empty = 0

/** Before a record is read. */
export const begin = (): void => {
  empty = 0
}

/** The size of a block of items. Only as many are believed as bytes are left, but for items without bytes. */
const blockSize = (tap: Tap): number => {
  let count = tap.readLong()
  if (count < 0) {
    count = -count
    tap.skipLong()
  }
  const left = tap.buf.length - tap.pos
  if (left < 0 || count > left && count > mostEmpty) throw new Error(`${count} items do not fit into ${left} bytes`)
  return count
}

/** Reads the items of an array or a map. */
export const items = (tap: Tap, item: () => void): void => {
  for (let count = blockSize(tap); count > 0; count = blockSize(tap)) {
    const start = tap.pos
    for (let i = 0; i < count; i++) {
      item()
      if (tap.pos > tap.buf.length) throw new Error("truncated buffer")
    }
    // Many blocks of three bytes each would be millions of items.
    empty += Math.max(0, count - (tap.pos - start))
    if (empty > mostEmpty) throw new Error(`the record has more than ${mostEmpty} items without a byte`)
  }
}

/** Throws for a text that would be another one in UTF-8. */
export const checkText = (text: string): void => {
  if (!text.isWellFormed()) throw new Error("a text has half of a surrogate pair, which UTF-8 cannot express")
}
