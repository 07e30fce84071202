/** The settings of a topic that the in-memory cluster knows, with Kafka's own defaults. Pure. */

/** What `describeConfigs` returns for a topic that was created without settings. */
export const topicDefaults: Readonly<{ [name: string]: string }> = {
  "cleanup.policy": "delete",
  "compression.type": "producer",
  "delete.retention.ms": "86400000",
  "max.message.bytes": "1048588",
  "message.timestamp.after.max.ms": "3600000",
  "message.timestamp.before.max.ms": "9223372036854775807",
  "message.timestamp.type": "CreateTime",
  "min.cleanable.dirty.ratio": "0.5",
  "min.compaction.lag.ms": "0",
  "min.insync.replicas": "1",
  "retention.bytes": "-1",
  "retention.ms": "604800000",
  "segment.bytes": "1073741824",
  "segment.ms": "604800000",
  "unclean.leader.election.enable": "false"
}

/** The settings of one topic: the defaults and what was changed. */
export class TopicConfig {
  private readonly changed = new Map<string, string>()

  /** The problem with a change, if there is one. */
  static problem(changes: Readonly<{ [name: string]: string | null }>): string | undefined {
    for (const [name, value] of Object.entries(changes)) {
      if (!Object.hasOwn(topicDefaults, name)) return `the in-memory cluster does not know the setting ${name}`
      const isNumber = !Number.isNaN(Number(topicDefaults[name]))
      if (value !== null && isNumber && (value === "" || Number.isNaN(Number(value)))) return `${name} must be a number`
      if (name === "message.timestamp.type" && value !== null && !/^(CreateTime|LogAppendTime)$/.test(value)) {
        return `${name} must be CreateTime or LogAppendTime`
      }
      if (name === "cleanup.policy" && value !== null && !/^(delete|compact)(,(delete|compact))?$/.test(value)) {
        return `${name} must be delete, compact, or both`
      }
    }
    return undefined
  }

  /** `null` goes back to the default. */
  change(changes: Readonly<{ [name: string]: string | null }>): void {
    for (const [name, value] of Object.entries(changes)) {
      if (value === null) this.changed.delete(name)
      else this.changed.set(name, value)
    }
  }

  toRecord(): Readonly<{ [name: string]: string }> {
    return { ...topicDefaults, ...Object.fromEntries(this.changed) }
  }

  get maxMessageBytes(): number {
    return this.number("max.message.bytes")
  }

  get retentionMillis(): number {
    return unlimited(this.number("retention.ms"))
  }

  get retentionBytes(): number {
    return unlimited(this.number("retention.bytes"))
  }

  get tombstoneMillis(): number {
    return this.number("delete.retention.ms")
  }

  /** How far a record's own timestamp may be before the broker's time, and after it, in milliseconds. */
  get timestampRange(): readonly [before: number, after: number] {
    return [this.number("message.timestamp.before.max.ms"), this.number("message.timestamp.after.max.ms")]
  }

  get appendTime(): boolean {
    return this.text("message.timestamp.type") === "LogAppendTime"
  }

  /** Whether old records are removed. */
  get deletes(): boolean {
    return this.text("cleanup.policy").includes("delete")
  }

  /** Whether only the last record of a key is kept. */
  get compacts(): boolean {
    return this.text("cleanup.policy").includes("compact")
  }

  private text(name: string): string {
    return this.changed.get(name) ?? topicDefaults[name]!
  }

  private number(name: string): number {
    return Number(this.text(name))
  }
}

const unlimited = (value: number): number => value < 0 ? Number.POSITIVE_INFINITY : value
