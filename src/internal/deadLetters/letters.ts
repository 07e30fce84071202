/** Reads the records of dead letter topics: what their headers say, and their decoded values. */
import * as Cause from "effect/Cause"
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import { Pending } from "../../Codec.ts"
import type { DeadLetter } from "../../DeadLetter.ts"
import type { RawRecord } from "../../engine/KafkaEngine.ts"
import { Poison } from "../../Poison.ts"
import type * as Record from "../../Record.ts"
import type { Codecs } from "../../Source.ts"
import * as Decoding from "../codec/decoding.ts"
import * as RetryHeaders from "../retry/retryHeaders.ts"
import type { Restored } from "./originals.ts"
import { type Pile, placeIn } from "./places.ts"

type Decoded = Effect.Effect<Record.Record<unknown, unknown>, Poison>

const decodeBy = (decode: Decoding.Decode, raw: RawRecord): Decoded => {
  try {
    const record = decode(raw)
    // `Decode` turns every failure of a pending part into poison.
    return record instanceof Pending ? record.effect as Decoded : Effect.succeed(record)
  } catch (poison) {
    return Effect.fail(poison as Poison)
  }
}

const unusable = (raw: RawRecord, cause: Cause.Cause<unknown>): Poison =>
  new Poison({
    topic: raw.topic,
    partition: raw.partition,
    offset: raw.offset,
    part: "value",
    problem: `the codecs cannot be used here: ${Cause.prettyErrors(cause)[0]?.message ?? "interrupted"}`,
    firstBytes: "",
    cause
  })

/** Decodes records of one source topic. The codecs are prepared when the first record is decoded. */
const decoderOf = (source: string, codecs: Codecs, context: Context.Context<never>) => {
  let decode: Decoding.Decode | undefined
  return (raw: RawRecord): Decoded =>
    Effect.suspend(() => {
      if (decode !== undefined) return decodeBy(decode, raw)
      return Decoding.prepare(codecs, source).pipe(
        Effect.provideContext(context as Context.Context<any>),
        // Codecs may need what only the application has.
        Effect.catchCause((cause) => Effect.fail(unusable(raw, cause))),
        Effect.flatMap((prepared) => decodeBy(decode = prepared, raw))
      )
    })
}

/** Makes a dead letter of a record. */
export type Read = (restored: Restored) => DeadLetter

/** How the dead letters of one source are read. */
export const reader = (
  source: string,
  codecs: Codecs,
  context: Context.Context<never>
): Read => {
  const decode = decoderOf(source, codecs, context)
  return ({ gone, raw }) => {
    const state = RetryHeaders.read(raw)
    return {
      topic: raw.topic,
      partition: raw.partition,
      offset: raw.offset,
      timestamp: raw.timestamp,
      key: raw.key,
      value: raw.value,
      headers: raw.headers ?? [],
      source,
      origin: state.origin,
      group: state.group,
      attempts: state.isCounted ? state.executions : undefined,
      errorTag: state.errorTag,
      errorMessage: state.errorMessage,
      errorFields: state.errorFields,
      firstFailedAt: state.firstFailedAt,
      failedAt: state.due ?? raw.timestamp,
      replays: state.replays,
      family: state.family,
      gone,
      decoded: gone === undefined ? decode(raw) : Effect.fail(lost(raw, gone))
    }
  }
}

const lost = (raw: RawRecord, gone: string): Poison =>
  new Poison({
    topic: raw.topic,
    partition: raw.partition,
    offset: raw.offset,
    part: "value",
    problem: `it is a reference to ${gone}, and that record is gone`,
    firstBytes: "",
    cause: undefined
  })

const noSource = (raw: RawRecord): Poison =>
  new Poison({
    topic: raw.topic,
    partition: raw.partition,
    offset: raw.offset,
    part: "headers",
    problem: "they name no source topic of this consumer, so its codecs are not known",
    firstBytes: "",
    cause: undefined
  })

/**
 * Makes the reader of a dead letter topic. A record that belongs to none of its sources has the source that its headers
 * name, or `""`.
 */
export const readerOf = (pile: Pile, context: Context.Context<never>): Read => {
  const [first, ...others] = pile.places
  const readFirst = reader(first.source, first.codecs, context)
  // With one source the headers are not needed: another toolkit may have written them, or they are lost.
  if (others.length === 0) return readFirst
  const readers = new Map(pile.places.map(({ codecs, source }) => [source, reader(source, codecs, context)]))
  return (restored) => {
    const { raw } = restored
    const origin = RetryHeaders.read(raw).origin?.topic
    const place = placeIn(pile, origin)
    return place === undefined
      ? { ...readFirst(restored), source: origin ?? "", decoded: Effect.fail(noSource(raw)) }
      : readers.get(place.source)!(restored)
  }
}
