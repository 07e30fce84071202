/** The lines of bytes that arrive in pieces. */
import { textOf } from "./values.ts"

/** A line of the input, counted from 1; `undefined` where its bytes are no UTF-8. */
export interface Line {
  readonly number: number
  readonly text: string | undefined
}

const lineFeed = 0x0a

const withoutBom = (bytes: Buffer): Buffer =>
  bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf ? bytes.subarray(3) : bytes

/**
 * For each piece the lines that it completes; a byte order mark at the beginning is none of them. Pieces of an
 * unfinished line are kept as they came, so that a line costs no more than its length.
 */
export async function* every(pieces: AsyncIterable<Uint8Array | string>): AsyncGenerator<ReadonlyArray<Line>> {
  let number = 0
  let open: Array<Buffer> = []
  const finish = (last: Buffer): Line => {
    const whole = open.length === 0 ? last : Buffer.concat([...open, last])
    open = []
    number++
    return { number, text: textOf(number === 1 ? withoutBom(whole) : whole) }
  }
  for await (const piece of pieces) {
    const bytes = typeof piece === "string"
      ? Buffer.from(piece)
      : Buffer.from(piece.buffer, piece.byteOffset, piece.length)
    const lines: Array<Line> = []
    let from = 0
    for (let end = bytes.indexOf(lineFeed); end !== -1; end = bytes.indexOf(lineFeed, from)) {
      lines.push(finish(bytes.subarray(from, end)))
      from = end + 1
    }
    if (from < bytes.length) open.push(bytes.subarray(from))
    if (lines.length > 0) yield lines
  }
  if (open.length > 0) yield [finish(Buffer.alloc(0))]
}

/** {@link every} line but the empty ones. */
export async function* split(pieces: AsyncIterable<Uint8Array | string>): AsyncGenerator<ReadonlyArray<Line>> {
  for await (const lines of every(pieces)) {
    const full = lines.filter(({ text }) => text === undefined || text.trim() !== "")
    if (full.length > 0) yield full
  }
}
