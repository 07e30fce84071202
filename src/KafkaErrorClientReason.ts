/**
 * Reasons that arise in the client, without a request to a broker. Part of `KafkaError`.
 *
 * @stability unstable
 * @since 0.1.0
 */
import * as Data from "effect/Data"

/**
 * A record breaks a rule of Kafka or of its codecs (key, value, header, partition, timestamp). Nearly all are found
 * before the record is handed to the client; the broker refuses a timestamp that is too far from its own time, and a
 * record without a key for a compacted topic.
 *
 * @stability unstable
 * @since 0.1.0
 * @category errors
 */
export class InvalidRecord extends Data.TaggedError("InvalidRecord")<{
  readonly topic: string
  readonly problem: string
}> {
  override get message(): string {
    return `a record for topic "${this.topic}" cannot be sent: ${this.problem}`
  }
  get isRetryable(): boolean {
    return false
  }
}

/**
 * A setting, or a combination of settings, is wrong. The program must be changed.
 *
 * @stability unstable
 * @since 0.1.0
 * @category errors
 */
export class InvalidSetting extends Data.TaggedError("InvalidSetting")<{
  readonly setting: string
  readonly problem: string
}> {
  override get message(): string {
    return `setting \`${this.setting}\`: ${this.problem}`
  }
  get isRetryable(): boolean {
    return false
  }
}

/**
 * A handler, or `startOffsets`, did not return within `maxHandlerStall`.
 *
 * @stability unstable
 * @since 0.1.0
 * @category errors
 */
export class Stalled extends Data.TaggedError("Stalled")<{
  readonly group: string
  readonly topic: string
  readonly partition: number
  readonly offset: number
  readonly stalledMs: number
  readonly problem: string
}> {
  override get message(): string {
    const place = `${this.topic}/${this.partition}`
    return this.offset < 0
      ? `group "${this.group}": ${place} has waited for ${this.stalledMs} ms: ${this.problem}; give it a timeout, or `
        + "raise maxHandlerStall"
      : `group "${this.group}": the handler of ${place} has been at offset ${this.offset} for `
        + `${this.stalledMs} ms; give the handler a timeout, or raise maxHandlerStall`
  }
  get isRetryable(): boolean {
    return false
  }
}

/**
 * The client was closed while, or before, it was used.
 *
 * @stability unstable
 * @since 0.1.0
 * @category errors
 */
export class Closed extends Data.TaggedError("Closed")<{ readonly client: string }> {
  override get message(): string {
    return `the ${this.client} is closed; use it inside of the scope that made it`
  }
  get isRetryable(): boolean {
    return false
  }
}

/**
 * The engine cannot do this. `KafkaError` of this reason never comes from a broker.
 *
 * @stability unstable
 * @since 0.1.0
 * @category errors
 */
export class Unsupported extends Data.TaggedError("Unsupported")<{
  readonly engine: string
  readonly capability: string
}> {
  override get message(): string {
    return `the ${this.engine} engine does not support ${this.capability}; use another engine for it`
  }
  get isRetryable(): boolean {
    return false
  }
}

/**
 * An optional package that the engine needs is not installed, or its native part was not built.
 *
 * @stability unstable
 * @since 0.1.0
 * @category errors
 */
export class DriverMissing extends Data.TaggedError("DriverMissing")<{
  readonly driver: string
  readonly problem: string
  readonly command: string
}> {
  override get message(): string {
    return `${this.driver} cannot be loaded (${this.problem}); run: ${this.command}`
  }
  get isRetryable(): boolean {
    return false
  }
}
