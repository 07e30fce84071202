/** Decodes raw records of the topics of a source. */
import * as Arr from "effect/Array"
import * as Effect from "effect/Effect"
import type * as Pull from "effect/Pull"
import * as Stream from "effect/Stream"
import { Pending } from "../../Codec.ts"
import type { RawRecord } from "../../engine/KafkaEngine.ts"
import type { Poison } from "../../Poison.ts"
import type * as Record from "../../Record.ts"
import type { Codecs } from "../../Source.ts"
import type { Decode } from "../codec/decoding.ts"
import * as Decoding from "../codec/decoding.ts"

type AnyRecord = Record.Record<any, any, any>

/** Decodes records until one whose codec has to wait. */
const decodeSome = (
  raws: ReadonlyArray<RawRecord>,
  from: number,
  decoders: ReadonlyMap<string, Decode>
): { readonly records: Array<AnyRecord>; readonly special: Effect.Effect<AnyRecord, Poison> | undefined } => {
  const records: Array<AnyRecord> = []
  for (let i = from; i < raws.length; i++) {
    const raw = raws[i]!
    try {
      const record = decoders.get(raw.topic)!(raw)
      // `Decode` turns every failure of a pending part into poison.
      if (record instanceof Pending) return { records, special: record.effect as Effect.Effect<AnyRecord, Poison> }
      records.push(record)
    } catch (poison) {
      return { records, special: Effect.fail(poison as Poison) }
    }
  }
  return { records, special: undefined }
}

/**
 * Decodes the records of a stream, array by array. At poison the stream fails, after the records before it.
 */
export const decoded = <E, R>(
  raws: Stream.Stream<RawRecord, E, R>,
  codecs: Codecs
): Stream.Stream<AnyRecord, E | Poison, R> =>
  Stream.transformPull(raws, (pull) =>
    Effect.sync(() => {
      const decoders = new Map<string, Decode>()
      let waiting: ReadonlyArray<RawRecord> = []
      let at = 0
      const prepare = (raws: ReadonlyArray<RawRecord>) =>
        Effect.forEach(
          new Set(raws.map(({ topic }) => topic).filter((topic) => !decoders.has(topic))),
          (topic) => Effect.map(Decoding.prepare(codecs, topic), (decode) => decoders.set(topic, decode)),
          { discard: true }
        )
      const next: Pull.Pull<Arr.NonEmptyReadonlyArray<AnyRecord>, E | Poison, void, R> = Effect.gen(function*() {
        if (at === waiting.length) {
          waiting = yield* pull
          at = 0
          yield* prepare(waiting)
        }
        const { records, special } = decodeSome(waiting, at, decoders)
        at += records.length
        if (Arr.isArrayNonEmpty(records)) return records
        const record = yield* special!
        at++
        return [record]
      })
      return next
    }))
