/**
 * Records that cannot be decoded.
 *
 * @stability unstable
 * @since 0.1.0
 */
import * as Data from "effect/Data"

/**
 * Which part of a record could not be decoded.
 *
 * @stability unstable
 * @since 0.1.0
 * @category models
 */
export type Part = "key" | "value" | "headers"

/**
 * A record that the topic's codecs cannot decode. It goes through the handler's `onFailure` like any other failure
 * (with an override per kind, `OnFailure.poison`), and is never skipped silently.
 *
 * `firstBytes` holds at most 32 bytes of the part in hex; it is empty for a null.
 *
 * @stability unstable
 * @since 0.1.0
 * @category errors
 */
export class Poison extends Data.TaggedError("Poison")<{
  readonly topic: string
  readonly partition: number
  readonly offset: number
  readonly part: Part
  readonly problem: string
  readonly firstBytes: string
  readonly cause?: unknown
}> {
  override get message(): string {
    const bytes = this.firstBytes === "" ? "" : ` (starts with ${this.firstBytes})`
    return `${this.topic}/${this.partition} at offset ${this.offset}: undecodable ${this.part}: ${this.problem}${bytes}`
  }
}

const shownBytes = 32

/**
 * Shows the first bytes of an undecodable part in hex.
 *
 * @internal
 */
export const hex = (bytes: Uint8Array | null): string =>
  bytes === null ? "" : Buffer.from(bytes.buffer, bytes.byteOffset, Math.min(bytes.length, shownBytes)).toString("hex")
