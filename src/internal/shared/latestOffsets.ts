/** The latest offset of each key, for at most `maxKeys` keys: the key that was seen longest ago is dropped first. */

interface Latest {
  readonly partition: number
  readonly offset: number
}

interface Observed extends Latest {
  readonly topic: string
  readonly key: Uint8Array | null
}

/** A character per byte: exact also for keys that are no text. The separator occurs in no name of a topic. */
const idOf = (topic: string, key: Uint8Array): string =>
  `${topic}\0${Buffer.from(key.buffer, key.byteOffset, key.byteLength).toString("latin1")}`

export class LatestOffsets {
  /** In the order in which they were last seen, the oldest first. */
  private readonly entries = new Map<string, Latest>()
  private readonly maxKeys: number
  private readonly maxKeyBytes: number

  constructor(maxKeys: number, maxKeyBytes: number) {
    this.maxKeys = maxKeys
    this.maxKeyBytes = maxKeyBytes
  }

  get size(): number {
    return this.entries.size
  }

  get(topic: string, key: Uint8Array): Latest | undefined {
    return key.byteLength > this.maxKeyBytes ? undefined : this.entries.get(idOf(topic, key))
  }

  observe(records: ReadonlyArray<Observed>): void {
    for (const { key, offset, partition, topic } of records) {
      if (key === null || key.byteLength > this.maxKeyBytes) continue
      const id = idOf(topic, key)
      const known = this.entries.get(id)
      // When records are read again, the latest offset of a key stays the highest.
      const latest = known?.partition === partition && known.offset >= offset ? known : { partition, offset }
      this.entries.delete(id)
      this.entries.set(id, latest)
      if (this.entries.size > this.maxKeys) this.dropOldest()
    }
  }

  forget(topic: string): void {
    for (const id of this.entries.keys()) if (id.startsWith(`${topic}\0`)) this.entries.delete(id)
  }

  private dropOldest(): void {
    for (const oldest of this.entries.keys()) {
      this.entries.delete(oldest)
      return
    }
  }
}
