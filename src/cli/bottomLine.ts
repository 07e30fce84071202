/** A line that stays below everything else that this process writes to its terminal. */
import { stripVTControlCharacters } from "node:util"

/** As much of a terminal's stream as is needed. */
export interface Output {
  /** How many characters a line has. */
  readonly columns?: number | undefined
  write(chunk: string | Uint8Array, ...rest: Array<any>): boolean
}

/** To the begin of the line, which is emptied. */
const clearLine = "\r\x1b[2K"

/** Enough for a line end and colors that are taken back behind it. */
const tailLength = 64

const endsLine = (chunk: string | Uint8Array): boolean => {
  const tail = chunk.slice(-tailLength)
  return stripVTControlCharacters(typeof tail === "string" ? tail : Buffer.from(tail).toString()).endsWith("\n")
}

/**
 * Takes the line away before anything else is written, and writes it again below. While others are in the middle of a
 * line of theirs it is not there.
 */
export class BottomLine {
  private text = ""
  private isShown = false
  private isMidLine = false
  private isOver = false
  private readonly write: (text: string) => void
  private readonly own: Output
  private readonly undo: ReadonlyArray<() => void>

  /** `streams` are those that lead to the terminal; the line is written to the first one. */
  constructor(streams: readonly [Output, ...Array<Output>]) {
    const [own] = streams
    this.own = own
    const write = own.write
    this.write = (text) => void write.call(own, text)
    this.undo = streams.map((stream) => {
      const write = stream.write
      const own: Output["write"] = (chunk, ...rest) => {
        if (this.isOver) return write.call(stream, chunk, ...rest)
        this.hide()
        const hasRoom = write.call(stream, chunk, ...rest)
        if (chunk.length > 0) this.isMidLine = !endsLine(chunk)
        this.show()
        return hasRoom
      }
      stream.write = own
      return () => {
        // If something else wrapped `write` since, its wrapper stays.
        if (stream.write === own) stream.write = write
      }
    })
  }

  set(text: string): void {
    this.hide()
    this.text = text
    this.show()
  }

  /** Leaves the line where it is, and the terminal to the others. */
  end(): void {
    this.isOver = true
    for (const undo of this.undo) undo()
    if (this.isShown) this.write("\n")
  }

  private show(): void {
    if (this.text === "" || this.isMidLine) return
    this.write(this.fitted())
    this.isShown = true
  }

  /** A line that is wider than the terminal would wrap, and only its last part would be taken away again. */
  private fitted(): string {
    const { columns } = this.own
    if (columns === undefined || columns <= 0 || this.text.length < columns) return this.text
    return `${this.text.slice(0, Math.max(0, columns - 2))}…`
  }

  private hide(): void {
    if (!this.isShown) return
    this.write(clearLine)
    this.isShown = false
  }
}
