/** Decides for each record of a dead letter topic: pass it, park it or redrive it, and as which message. */
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as Codec from "../../Codec.ts"
import type { DeadLetter, Filter } from "../../DeadLetter.ts"
import type { RawMessage, RawRecord } from "../../engine/KafkaEngine.ts"
import { invalidSetting, KafkaError } from "../../KafkaError.ts"
import type { Codecs } from "../../Source.ts"
import * as OwnHeaders from "../shared/codecs/ownHeaders.ts"
import * as Destinations from "./destinations.ts"
import type { Read } from "./letters.ts"
import { restored } from "./originals.ts"
import * as Filters from "./selecting/filter.ts"

type AnyCodec = Codec.Codec<any, any, any>

/** A new value for a record, or an effect or a promise of one. */
export type Transform = (value: unknown, letter: DeadLetter) => unknown

/** How the letters of one dead letter topic are judged. */
export interface Rules {
  readonly read: Read
  /** Where the dead letters of each source go. An error is raised only when there is a letter of that source. */
  readonly sources: ReadonlyMap<string, { readonly codecs: Codecs; readonly target: Destinations.Target | KafkaError }>
  /** The target, if it is the same for all sources: then a letter without a known source can be sent, too. */
  readonly common: Destinations.Target | undefined
  readonly filter: Filter
  readonly parked: Effect.Effect<Destinations.Target, KafkaError>
  readonly maxReplays: number
  readonly transform: Transform | undefined
  readonly id: string
  /** The consumer's group. */
  readonly group: string
}

/** What is to be done with a record. `Broken`: it cannot be judged, and the redrive ends before it. */
export type Fate =
  | { readonly _tag: "Pass" }
  | {
    readonly _tag: "Park" | "Redrive"
    readonly letter: DeadLetter
    /** The message, if it is sent at this time (milliseconds). Makes the parked topic if it is missing. */
    readonly message: (at: number) => Effect.Effect<RawMessage, KafkaError>
  }
  | { readonly _tag: "Broken"; readonly error: KafkaError }

const pass: Fate = { _tag: "Pass" }

/** A value as the Schema of its codec has it when it is encoded, if that is what it is. */
const fromEncoded = (codec: AnyCodec, value: unknown): Effect.Effect<unknown, unknown, any> =>
  codec.schema === undefined
    ? Effect.fail("no Schema")
    : Schema.decodeUnknownEffect(Schema.toCodecJson(codec.schema))(value)

/**
 * The letter with the new value, which may be in its decoded or its encoded form, and with what its codec writes into
 * headers. Fails when the topic's codec refuses both forms.
 */
const transformed = Effect.fnUntraced(function*(transform: Transform, codecs: Codecs, letter: DeadLetter) {
  const decoded = yield* Effect.result(letter.decoded)
  const before = Result.isSuccess(decoded) ? decoded.success.value : decoded.failure
  const after = yield* Filters.settle(() => transform(before, letter))
  if (after === undefined) return yield* Effect.fail("returned undefined, not a new value")
  const site = { topic: letter.source, part: "value" } as const
  const encoder = yield* codecs.value.encoder(site)
  const encode = (value: unknown) =>
    Effect.flatMap(
      Filters.settle(() => encoder(value)),
      (output) =>
        output === null || output instanceof Uint8Array || output instanceof Codec.Encoded
          ? Effect.succeed(output)
          : Effect.fail("the codec returned neither bytes nor null")
    )
  const output = yield* Effect.catch(
    encode(after),
    (refused) => Effect.flatMap(Effect.mapError(fromEncoded(codecs.value, after), () => refused), encode)
  )
  const names = OwnHeaders.namesOf(codecs.value, site)
  const headers = OwnHeaders.merged(letter.headers, names, OwnHeaders.headersIn(output))
  return { ...letter, value: OwnHeaders.bytesIn(output), headers }
})

/**
 * The error for a letter of a shared dead letter topic whose headers name no source of the consumer: neither its
 * schedule nor its codecs are known. The redrive ends before it.
 */
const foundling = (letter: DeadLetter, { filter, sources }: Rules): KafkaError => {
  const { offset, origin, partition, topic } = letter
  const whence = origin === undefined
    ? "its headers do not say which topic it came from"
    : `it came from "${origin.topic}"`
  return invalidSetting(
    "to",
    `${Filters.placeOf(letter)}: ${whence}, and "${topic}" is shared by ${
      [...sources.keys()].join(", ")
    }; redrive each of `
      + `these by its topic, ${filter.parked ? "" : "park it, "}or pass it with discard (${
        filter.parked ? "parked, " : ""
      }`
      + `partition ${partition}, before ${offset + 1})`
  )
}

const judgeOne = Effect.fnUntraced(function*(
  rules: Rules,
  raw: RawRecord
): Effect.fn.Return<Fate, KafkaError, any> {
  const { common, filter, group, id, maxReplays, sources, transform } = rules
  const letter = rules.read(yield* restored(raw))
  if (!(yield* Filters.isMeant(filter, letter))) return pass
  const known = sources.get(letter.source)
  const target = known === undefined ? common : known.target
  if (target === undefined) return yield* foundling(letter, rules)
  if (target instanceof KafkaError) return yield* target
  if (target.parks || letter.replays >= maxReplays) {
    const message = Effect.map(
      target.parks ? Effect.succeed(target) : rules.parked,
      (target) => Destinations.parked(letter, target)
    )
    return { _tag: "Park", letter, message: () => message }
  }
  if (letter.gone !== undefined) {
    return yield* invalidSetting(
      "parked",
      `${
        Filters.placeOf(letter)
      }: it is a reference to ${letter.gone}, and that record is gone: there is nothing to send; `
        + `park it, or pass it with discard (partition ${letter.partition}, before ${letter.offset + 1})`
    )
  }
  if (transform !== undefined && known === undefined) return yield* foundling(letter, rules)
  const sent = transform === undefined ? letter : yield* Effect.mapError(
    Effect.catchDefect(transformed(transform, known!.codecs, letter), Effect.fail),
    (error) => Filters.failedAt("transform", letter, error)
  )
  return {
    _tag: "Redrive",
    letter,
    message: (at) => Effect.sync(() => Destinations.redriven(sent, target, { at, group, id }))
  }
})

/** The fate of one record. A failure of the judging is the fate `Broken`. */
export const judge = (rules: Rules, raw: RawRecord): Effect.Effect<Fate, never, any> =>
  Effect.catch(judgeOne(rules, raw), (error) => Effect.succeed<Fate>({ _tag: "Broken", error }))

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
  spend({ _tag }: Fate): void {
    if (_tag === "Park" || _tag === "Redrive") this.moves--
    if (_tag === "Redrive") this.redrives--
  }
}
