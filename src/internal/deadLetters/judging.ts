/** Decides for each record of a dead letter topic: leave it out, park it, or send it once more, and as what. */
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import { Pending } from "../../Codec.ts"
import type { DeadLetter, Filter } from "../../DeadLetter.ts"
import type { RawMessage, RawRecord } from "../../engine/KafkaEngine.ts"
import type { KafkaError } from "../../KafkaError.ts"
import type { Codecs } from "../../Topic.ts"
import * as Destinations from "./destinations.ts"
import * as Filters from "./filter.ts"

/** A new value for a record, or an effect of one. */
export type Transform = (value: unknown, letter: DeadLetter) => unknown

/** How the letters of one dead letter topic are judged. */
export interface Rules {
  readonly read: (raw: RawRecord) => DeadLetter
  readonly codecs: Codecs
  readonly filter: Filter
  readonly target: Destinations.Target
  readonly parked: Effect.Effect<Destinations.Target, KafkaError>
  readonly maxReplays: number
  readonly transform: Transform | undefined
  readonly id: string
}

/** What is to be done with a record. `Broken` ends the work in front of it. */
export type Verdict =
  | { readonly _tag: "Pass" }
  | {
    readonly _tag: "Park" | "Redrive"
    readonly letter: DeadLetter
    /** What is sent at a moment. Only then a topic is made for it. */
    readonly message: (at: number) => Effect.Effect<RawMessage, KafkaError>
  }
  | { readonly _tag: "Broken"; readonly error: KafkaError }

const pass: Verdict = { _tag: "Pass" }

const settle = (answer: () => unknown): Effect.Effect<unknown, unknown> =>
  Effect.suspend(() => {
    const value = answer()
    if (value instanceof Pending) return value.effect
    return Effect.isEffect(value) ? value as Effect.Effect<unknown, unknown> : Effect.succeed(value)
  }).pipe(Effect.catchDefect(Effect.fail))

/** The bytes of the new value. The codec has the last word on whether it is one. */
const transformed = Effect.fnUntraced(function*(transform: Transform, codecs: Codecs, letter: DeadLetter) {
  const decoded = yield* Effect.result(letter.decoded)
  const before = Result.isSuccess(decoded) ? decoded.success.value : decoded.failure
  const after = yield* settle(() => transform(before, letter))
  const encode = yield* codecs.value.encoder({ topic: letter.source, part: "value" })
  const bytes = yield* settle(() => encode(after))
  if (bytes === null || bytes instanceof Uint8Array) return bytes
  return yield* Effect.fail("the codec answered neither bytes nor null")
})

const judgeOne = Effect.fnUntraced(function*(
  rules: Rules,
  raw: RawRecord
): Effect.fn.Return<Verdict, KafkaError, any> {
  const { filter, id, maxReplays, target } = rules
  const letter = rules.read(raw)
  if (!(yield* Filters.isMeant(filter, letter))) return pass
  if (target.parks || letter.replays >= maxReplays) {
    const message = Effect.map(
      target.parks ? Effect.succeed(target) : rules.parked,
      (target) => Destinations.parked(letter, target)
    )
    return { _tag: "Park", letter, message: () => message }
  }
  const value = rules.transform === undefined ? letter.value : yield* Effect.mapError(
    Effect.catchDefect(transformed(rules.transform, rules.codecs, letter), Effect.fail),
    (error) => Filters.failedAt("transform", letter, error)
  )
  return {
    _tag: "Redrive",
    letter,
    message: (at) => Effect.sync(() => Destinations.redriven(letter, value, target, { at, id }))
  }
})

/** The verdict on one record; what cannot be judged is a verdict as well. */
export const judge = (rules: Rules, raw: RawRecord): Effect.Effect<Verdict, never, any> =>
  Effect.catch(judgeOne(rules, raw), (error) => Effect.succeed<Verdict>({ _tag: "Broken", error }))

/** How many records may still be moved. */
export class Budget {
  private moves: number
  private redrives: number

  constructor(max: number, canary: number) {
    this.moves = max
    this.redrives = canary
  }

  /** Whether nothing more may be done. */
  get isSpent(): boolean {
    return this.moves <= 0 || this.redrives <= 0
  }

  /** Counts a move. */
  spend({ _tag }: Verdict): void {
    if (_tag === "Park" || _tag === "Redrive") this.moves--
    if (_tag === "Redrive") this.redrives--
  }
}
