/**
 * Records that cannot be decoded.
 *
 * @stability unstable
 * @since 0.1.0
 */
import * as Data from "effect/Data"
import * as Predicate from "effect/Predicate"
import { readOr } from "./internal/shared/causes.ts"

/**
 * @stability unstable
 * @since 0.1.0
 * @category type IDs
 */
export const TypeId = "~millrace/Poison"

/**
 * @stability unstable
 * @since 0.1.0
 * @category type IDs
 */
export type TypeId = typeof TypeId

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
 * (with an override per kind, `OnFailure.poison`), and is never skipped silently. Its message names the place of the
 * record, the part, and what is wrong where in it.
 *
 * @example
 * ```ts
 * import { Effect } from "effect"
 * import { Poison } from "millrace"
 *
 * const poison = new Poison({
 *   topic: "orders",
 *   partition: 0,
 *   offset: 5,
 *   part: "value",
 *   problem: "Expected string at [\"id\"]",
 *   firstBytes: "7b226964223a317d"
 * })
 *
 * // orders/0 at offset 5: undecodable value: Expected string at ["id"] (starts with 7b226964223a317d)
 * export const program = Effect.log(poison.message)
 * ```
 *
 * @stability unstable
 * @since 0.1.0
 * @category errors
 */
export class Poison extends Data.TaggedError("Poison")<{
  /** The topic of the record. */
  readonly topic: string
  /** Its partition. */
  readonly partition: number
  /** Its offset. */
  readonly offset: number
  /** The part that could not be decoded. */
  readonly part: Part
  /** What is wrong with it; of a Schema, with the path to it. */
  readonly problem: string
  /** At most 32 bytes of the part in hex; empty for a null, and for headers. */
  readonly firstBytes: string
  /** What the codec threw or failed with. */
  readonly cause?: unknown
}> {
  /** Marks it for {@link isPoison}. */
  readonly [TypeId]: TypeId = TypeId
  override get message(): string {
    const bytes = this.firstBytes === "" ? "" : ` (starts with ${this.firstBytes})`
    return `${this.topic}/${this.partition} at offset ${this.offset}: undecodable ${this.part}: ${this.problem}${bytes}`
  }
}

/**
 * Whether an error is a {@link Poison}, also one of another copy of this package. Any value can be asked about.
 *
 * @example
 * ```ts
 * import { isPoison } from "millrace"
 *
 * export const describe = (error: unknown): string => isPoison(error) ? `cannot read the ${error.part}` : "failed"
 * ```
 *
 * @stability unstable
 * @since 0.1.0
 * @category guards
 */
export const isPoison = (error: unknown): error is Poison => readOr(() => Predicate.hasProperty(error, TypeId), false)

const shownBytes = 32

/**
 * Shows the first bytes of an undecodable part in hex.
 *
 * @internal
 */
export const hex = (bytes: Uint8Array | null): string =>
  bytes === null ? "" : Buffer.from(bytes.buffer, bytes.byteOffset, Math.min(bytes.length, shownBytes)).toString("hex")
