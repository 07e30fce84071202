/** Topics that cannot be written to for now: their rows are left out, so that they do not hold up others. Pure. */

/** How long a topic is left out after its first failure, and at most, in milliseconds. */
const shortest = 1_000
const longest = 30_000

interface Pause {
  readonly millis: number
  readonly until: number
  /** The shard that tries the topic again: the others wait for what comes of it. */
  readonly trial: number | undefined
}

/** `now` is a time that never goes back, in milliseconds. */
export class TopicPauses {
  private readonly pauses = new Map<string, Pause>()

  /**
   * Writing to a topic failed. Returns for how many milliseconds it is left out, each time twice as long, and
   * `undefined` if it is left out already.
   */
  failed(topic: string, now: number): number | undefined {
    const before = this.pauses.get(topic)
    if (before !== undefined && before.until > now) return undefined
    const millis = before === undefined ? shortest : Math.min(before.millis * 2, longest)
    this.pauses.set(topic, { millis, until: now + millis, trial: undefined })
    return millis
  }

  /** The broker takes long: until it is known whether it takes the records, no other shard waits for the topic. */
  suspected(topic: string, now: number): void {
    const millis = this.pauses.get(topic)?.millis ?? shortest / 2
    this.pauses.set(topic, { millis, until: now + longest, trial: undefined })
  }

  /** Writing to a topic succeeded. */
  succeeded(topic: string): void {
    this.pauses.delete(topic)
  }

  /** The topics that a shard leaves out. After a pause one shard alone tries, until it has `ended`. */
  leftOut(shard: number, now: number): ReadonlyArray<string> {
    const out: Array<string> = []
    for (const [topic, pause] of this.pauses) {
      if (pause.until > now || (pause.trial !== undefined && pause.trial !== shard)) out.push(topic)
      else this.pauses.set(topic, { ...pause, trial: shard })
    }
    return out
  }

  /** A shard has tried what it wanted. */
  ended(shard: number): void {
    for (const [topic, pause] of this.pauses) {
      if (pause.trial === shard) this.pauses.set(topic, { ...pause, trial: undefined })
    }
  }
}
