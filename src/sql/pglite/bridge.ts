/** From the protocol of PostgreSQL, as a client writes it to a socket, to a PGlite in the same process. */
import { Duplex } from "node:stream"

/** What is needed of a PGlite. */
export interface Protocol {
  readonly execProtocolRaw: (message: Uint8Array) => Promise<Uint8Array>
  readonly exec: (sql: string) => Promise<unknown>
}

const sslRequest = 80_877_103

/** Messages that PostgreSQL answers to: a query, a sync, a flush. Those before them are handed over with them. */
const ending = new Set([..."QSHpFf"].map((letter) => letter.charCodeAt(0)))
const terminate = "X".charCodeAt(0)

/** Cuts bytes into messages. */
class Messages {
  private parts: Array<Buffer> = []
  private size = 0
  private isStarted = false

  add(bytes: Buffer): void {
    this.parts.push(bytes)
    this.size += bytes.length
  }

  /** The next whole message; a start-up message, the first, has no letter. */
  take(): { readonly bytes: Buffer; readonly letter: number | undefined } | undefined {
    const header = this.isStarted ? 5 : 4
    if (this.size < header) return undefined
    if (this.parts[0]!.length < header) this.join()
    const length = this.isStarted ? 1 + this.parts[0]!.readInt32BE(1) : this.parts[0]!.readInt32BE(0)
    if (this.size < length) return undefined
    if (this.parts[0]!.length < length) this.join()
    const bytes = this.parts[0]!.subarray(0, length)
    this.parts[0] = this.parts[0]!.subarray(length)
    this.size -= length
    return { bytes, letter: this.isStarted ? bytes[0] : undefined }
  }

  started(): void {
    this.isStarted = true
  }

  private join(): void {
    this.parts = [Buffer.concat(this.parts)]
  }
}

const isSslRequest = (message: Buffer): boolean => message.length >= 8 && message.readInt32BE(4) === sslRequest

/** Those that a stream has used, of this client or of one before. */
const used = new WeakSet<Protocol>()

/** In two queries: statements of one query are a transaction, in which nothing is discarded. */
const renew = async (db: Protocol): Promise<void> => {
  if (used.has(db)) {
    await db.exec("ROLLBACK")
    await db.exec("DISCARD ALL")
  }
  used.add(db)
}

/**
 * Streams for a client, one after the other: PGlite has one session, and each stream finds it as a new one would be,
 * without the transaction and the prepared statements of the one before.
 */
export const bridge = (db: Protocol): () => Duplex => () => {
  const messages = new Messages()
  let held: Array<Buffer> = []

  const flush = async (stream: Duplex) => {
    if (held.length === 0) return
    const together = Buffer.concat(held)
    held = []
    const answer = await db.execProtocolRaw(together)
    if (!stream.destroyed) stream.push(Buffer.from(answer))
  }

  const pass = async (stream: Duplex) => {
    for (let next = messages.take(); next !== undefined; next = messages.take()) {
      if (next.letter === terminate) {
        stream.push(null)
        return
      }
      if (next.letter === undefined && isSslRequest(next.bytes)) {
        stream.push(Buffer.from("N"))
        continue
      }
      held.push(next.bytes)
      if (next.letter === undefined) {
        messages.started()
        await renew(db)
      }
      if (next.letter === undefined || ending.has(next.letter)) await flush(stream)
    }
  }

  return new Duplex({
    read() {},
    write(chunk: Buffer, _encoding, callback) {
      messages.add(chunk)
      pass(this).then(() => callback(), callback)
    }
  })
}
