/**
 * Records that their handler decodes itself, right before it uses them. A value that is used at once dies young, which
 * costs the garbage collector less than a batch of values that live until it is stored.
 */
import type * as Effect from "effect/Effect"
import type { RawRecord } from "../../engine/KafkaEngine.ts"
import { Pending } from "./codecModel.ts"

/** What decodes the records of a partition. */
export interface Decoding<A> {
  /** Throws, or fails with, `Poison`. */
  readonly decode: (raw: RawRecord) => A | Pending<A>
  /** Knows what is waited for, and that something was. */
  readonly state: {
    readonly decoding: <B, E>(offset: number, decode: Effect.Effect<B, E>) => Effect.Effect<B, E>
    readonly turn: () => void
  }
}

/** A record that is decoded each time it is asked for. */
export class Undecoded<A> {
  readonly raw: RawRecord
  private readonly decoding: Decoding<A>

  constructor(raw: RawRecord, decoding: Decoding<A>) {
    this.raw = raw
    this.decoding = decoding
  }

  /** Throws, or fails with, `Poison`, which is this record's failure. */
  decoded(): A | Pending<A> {
    const { decode, state } = this.decoding
    const record = decode(this.raw)
    if (!(record instanceof Pending)) return record
    // Each wait counts by itself: many short ones are no stall.
    state.turn()
    return new Pending(state.decoding(this.raw.offset, record.effect))
  }
}
