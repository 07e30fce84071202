/** What there is to do with a record on its way to the log. */
import type { RawHeader, RawMessage } from "../../KafkaEngine.ts"

/** The bytes of a record that count against limits. */
export const sizeOf = ({ headers, key, value }: Pick<RawMessage, "headers" | "key" | "value">): number => {
  let size = (key === null ? 0 : key.length) + (value === null ? 0 : value.length)
  if (headers === undefined) return size
  for (const [name, bytes] of headers) size += name.length + (bytes === null ? 0 : bytes.length)
  return size
}

const pageBytes = 65_536

/**
 * Gives messages bytes of their own, so that their sender may use its buffers again. Small ones share a page: an
 * allocation for each of them would cost more than everything else that happens to a record.
 */
export class MessageCopier {
  private page = new Uint8Array(0)
  private used = 0

  copy({ headers, key, partition, timestamp, topic, value }: RawMessage): RawMessage {
    return {
      topic,
      partition,
      key: this.bytes(key),
      value: this.bytes(value),
      headers: headers?.map(([name, value]): RawHeader => [name, this.bytes(value)]),
      timestamp
    }
  }

  private bytes(bytes: Uint8Array | null): Uint8Array | null {
    if (bytes === null) return null
    const { length } = bytes
    if (length > pageBytes / 8) return new Uint8Array(bytes)
    if (this.used + length > this.page.length) {
      this.page = new Uint8Array(pageBytes)
      this.used = 0
    }
    this.page.set(bytes, this.used)
    return this.page.subarray(this.used, this.used += length)
  }
}
