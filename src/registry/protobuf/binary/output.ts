/** Protobuf's wire format, written into one buffer that grows. */

export class Output {
  private bytes: Buffer = Buffer.allocUnsafeSlow(1_024)
  private at = 0

  /** Begins again, with a prefix; what was written before is gone. */
  start(prefix: Uint8Array): void {
    this.at = prefix.length
    // One large record must not be remembered for good.
    if (this.bytes.length > 1_048_576) this.bytes = Buffer.allocUnsafeSlow(1_024)
    this.bytes.set(prefix)
  }

  /** A copy of what was written. */
  finish(): Uint8Array {
    const written = Buffer.allocUnsafe(this.at)
    this.bytes.copy(written, 0, 0, this.at)
    return written
  }

  private resize(size: number): void {
    const next = Buffer.allocUnsafeSlow(size)
    this.bytes.copy(next, 0, 0, this.at)
    this.bytes = next
  }

  private room(size: number): void {
    if (this.at + size > this.bytes.length) this.resize(Math.max(this.at + size, this.bytes.length * 2))
  }

  uint32(value: number): void {
    this.room(5)
    let rest = value
    while (rest > 0x7f) {
      this.bytes[this.at++] = rest & 0x7f | 0x80
      rest >>>= 7
    }
    this.bytes[this.at++] = rest
  }

  /** A whole number of up to 53 bits; negative ones take ten bytes. */
  int(value: number): void {
    if (value >= 0 && value <= 0xffff_ffff) return this.uint32(value)
    this.halves(value >>> 0, Math.floor(value / 4_294_967_296) >>> 0)
  }

  /** A number of 64 bits without a sign. */
  big(value: bigint): void {
    this.halves(Number(value & 0xffff_ffffn), Number(value >> 32n))
  }

  private halves(lower: number, upper: number): void {
    this.room(10)
    let low = lower
    let high = upper
    while (high > 0 || low > 0x7f) {
      this.bytes[this.at++] = low & 0x7f | 0x80
      low = (low >>> 7 | high << 25) >>> 0
      high >>>= 7
    }
    this.bytes[this.at++] = low
  }

  fixed32(value: number): void {
    this.room(4)
    this.bytes.writeInt32LE(value | 0, this.at)
    this.at += 4
  }

  fixed64(value: bigint): void {
    this.room(8)
    this.bytes.writeBigUInt64LE(value, this.at)
    this.at += 8
  }

  float(value: number): void {
    this.room(4)
    this.bytes.writeFloatLE(value, this.at)
    this.at += 4
  }

  double(value: number): void {
    this.room(8)
    this.bytes.writeDoubleLE(value, this.at)
    this.at += 8
  }

  octets(value: Uint8Array): void {
    this.uint32(value.length)
    this.room(value.length)
    this.bytes.set(value, this.at)
    this.at += value.length
  }

  /** A text that is well formed. */
  string(value: string): void {
    this.room(value.length * 3 + 5)
    const start = this.at++
    if (value.length >= 24 || !this.shortText(value)) this.at = start + 1 + this.bytes.write(value, start + 1)
    this.close(start)
  }

  /** Short texts of ASCII: a call into native code costs more than their characters. */
  private shortText(value: string): boolean {
    let at = this.at
    for (let i = 0; i < value.length; i++) {
      const code = value.charCodeAt(i)
      if (code >= 0x80) return false
      this.bytes[at++] = code
    }
    this.at = at
    return true
  }

  /** Begins something whose length is not known yet; `close` writes that in front. */
  open(): number {
    this.room(1)
    return this.at++
  }

  close(start: number): void {
    const length = this.at - start - 1
    if (length < 0x80) {
      this.bytes[start] = length
      return
    }
    const more = length < 0x4000 ? 1 : length < 0x20_0000 ? 2 : length < 0x1000_0000 ? 3 : 4
    this.room(more)
    this.bytes.copyWithin(start + 1 + more, start + 1, this.at)
    const end = this.at + more
    this.at = start
    this.uint32(length)
    this.at = end
  }
}
