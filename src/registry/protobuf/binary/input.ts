/**
 * Protobuf's wire format, read from bytes that may be hostile: nothing is believed that the bytes do not hold.
 *
 * Source: https://protobuf.dev/programming-guides/encoding/
 */

/** What follows a tag. */
export const wireType = { varint: 0, fixed64: 1, length: 2, startGroup: 3, endGroup: 4, fixed32: 5 } as const

/** How deep messages may be nested, as in Google's own libraries. */
export const mostDepth = 100

const truncated = (): never => {
  throw new Error("truncated: the message ends within a field")
}

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true })
const twoTo32 = 4_294_967_296

export class Input {
  readonly bytes: Buffer
  at: number
  end: number
  /** Messages whose values have still to be converted, each after the one that holds it. */
  readonly unfinished: Array<{ readonly value: Record<string, unknown>; readonly finish: (value: never) => void }> = []
  /** The halves of the last 64-bit number. */
  private low = 0
  private high = 0

  constructor(bytes: Uint8Array, at: number) {
    this.bytes = bytes instanceof Buffer ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    this.at = at
    this.end = bytes.length
  }

  private byte(): number {
    return this.at < this.end ? this.bytes[this.at++]! : truncated()
  }

  tag(): number {
    const first = this.byte()
    if (first < 0x80 && first > 7) return first
    if (first >= 0x80) this.restOfVarint(first)
    if (first < 0x80 || this.high !== 0 || this.low >>> 3 === 0) {
      throw new Error("a field begins with a number that no field has: these bytes are no message, or more than one")
    }
    return this.low >>> 0
  }

  private restOfVarint(first: number): void {
    let low = first & 0x7f
    let high = 0
    for (let shift = 7; shift < 70; shift += 7) {
      const byte = this.byte()
      const bits = byte & 0x7f
      if (shift < 28) low |= bits << shift
      else if (shift === 28) {
        low |= bits << 28
        high = bits >>> 4
      } else high |= bits << (shift - 32)
      if (byte < 0x80) {
        this.low = low
        this.high = high
        return
      }
    }
    throw new Error("a number has more than ten bytes")
  }

  private varint(): void {
    const first = this.byte()
    if (first >= 0x80) return this.restOfVarint(first)
    this.low = first
    this.high = 0
  }

  /** The length of what follows, which must be there. */
  length(): number {
    this.varint()
    const length = this.high === 0 ? this.low >>> 0 : Infinity
    if (length > this.end - this.at) {
      throw new Error(`truncated: ${length} bytes should follow, of ${this.end - this.at}`)
    }
    return length
  }

  int32(): number {
    this.varint()
    return this.low | 0
  }

  uint32(): number {
    this.varint()
    return this.low >>> 0
  }

  sint32(): number {
    this.varint()
    return this.low >>> 1 ^ -(this.low & 1)
  }

  bool(): boolean {
    this.varint()
    return this.low !== 0 || this.high !== 0
  }

  int64(): bigint {
    this.varint()
    return BigInt.asIntN(64, this.unsigned())
  }

  uint64(): bigint {
    this.varint()
    return this.unsigned()
  }

  sint64(): bigint {
    this.varint()
    const value = this.unsigned()
    return value >> 1n ^ -(value & 1n)
  }

  /** As `int64`, but a number where that is exact: it is far faster. */
  int64AsNumber(): number {
    this.varint()
    return this.exact((this.high | 0) * twoTo32 + (this.low >>> 0), true)
  }

  uint64AsNumber(): number {
    this.varint()
    return this.exact((this.high >>> 0) * twoTo32 + (this.low >>> 0), false)
  }

  fixed32(): number {
    return this.bytes.readUInt32LE(this.take(4))
  }

  sfixed32(): number {
    return this.bytes.readInt32LE(this.take(4))
  }

  fixed64(): bigint {
    return this.bytes.readBigUInt64LE(this.take(8))
  }

  sfixed64(): bigint {
    return this.bytes.readBigInt64LE(this.take(8))
  }

  float(): number {
    return this.bytes.readFloatLE(this.take(4))
  }

  double(): number {
    return this.bytes.readDoubleLE(this.take(8))
  }

  /** A copy, because the bytes belong to a larger buffer. */
  octets(): Uint8Array {
    const length = this.length()
    const start = this.take(length)
    return new Uint8Array(this.bytes.subarray(start, start + length))
  }

  string(): string {
    const length = this.length()
    const start = this.take(length)
    const text = length < 8 ? this.shortText(start, start + length) : undefined
    if (text !== undefined) return text
    const long = this.bytes.toString("utf8", start, start + length)
    if (!long.includes("\uFFFD")) return long
    try {
      return utf8.decode(this.bytes.subarray(start, start + length))
    } catch {
      throw new Error("a text is not UTF-8")
    }
  }

  /** Short texts of ASCII: a call into native code costs more than their characters. */
  private shortText(start: number, end: number): string | undefined {
    let text = ""
    for (let i = start; i < end; i++) {
      const byte = this.bytes[i]!
      if (byte >= 0x80) return undefined
      text += String.fromCharCode(byte)
    }
    return text
  }

  /** Passes over a field that is not known. */
  skip(tag: number, depth: number): void {
    switch (tag & 7) {
      case wireType.varint:
        return this.varint()
      case wireType.fixed64:
        this.take(8)
        return
      case wireType.length: {
        const length = this.length()
        this.take(length)
        return
      }
      case wireType.startGroup:
        return this.skipGroup(tag, depth + 1)
      case wireType.fixed32:
        this.take(4)
        return
      default:
        throw new Error(`the field ${tag >>> 3} has the wire type ${tag & 7}, which nothing may have here`)
    }
  }

  private skipGroup(start: number, depth: number): void {
    if (depth > mostDepth) throw new Error(`messages are nested more than ${mostDepth} deep`)
    while (true) {
      const tag = this.tag()
      if ((tag & 7) !== wireType.endGroup) this.skip(tag, depth)
      else if (tag >>> 3 === start >>> 3) return
      else throw new Error(`the group ${start >>> 3} ends as ${tag >>> 3}`)
    }
  }

  private take(length: number): number {
    const start = this.at
    if (length > this.end - start) truncated()
    this.at = start + length
    return start
  }

  private unsigned(): bigint {
    return this.high === 0
      ? BigInt(this.low >>> 0)
      : BigInt(this.high >>> 0) << 32n | BigInt(this.low >>> 0)
  }

  private exact(value: number, signed: boolean): number {
    if (Number.isSafeInteger(value)) return value
    const all = this.unsigned()
    throw new Error(
      `${signed ? BigInt.asIntN(64, all) : all} cannot be a number without being rounded; Schema.BigInt takes it`
    )
  }
}
