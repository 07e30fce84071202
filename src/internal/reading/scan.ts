/** Reads partitions from some positions on, without a group. */
import * as Arr from "effect/Array"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import type { ClientEvent, Position, RawRecord, TopicPartition } from "../../engine/KafkaEngine.ts"
import * as KafkaEngine from "../../engine/KafkaEngine.ts"
import type { ConsumerConfig } from "../../KafkaConfig.ts"
import type { KafkaError } from "../../KafkaError.ts"
import { format } from "../../TopicPartition.ts"
import * as Signal from "../shared/signal.ts"

const pollRecords = 500
const pollBytes = 8_388_608

/** Offsets by partition. */
export const byPartition = (positions: ReadonlyArray<Position>): ReadonlyMap<string, number> =>
  new Map(positions.map((position) => [format(position), position.offset]))

/** An event that ends the read: the client would wait until the topic is created or the ACL is granted. */
export const fatalOf = (event: ClientEvent): KafkaError | undefined => {
  if (event._tag === "Failed") return event.error
  if (event._tag !== "Disturbed") return undefined
  const { _tag } = event.error.reason
  return _tag === "UnknownTopic" || _tag === "AuthorizationFailed" ? event.error : undefined
}

/** `perPartition`: at most this many records of each partition. */
export interface Options extends Pick<ConsumerConfig, "isolation"> {
  readonly perPartition?: number | undefined
}

interface Part {
  readonly partition: TopicPartition
  readonly end: number
  left: number
  done: boolean
}

const partsOf = (starts: ReadonlyArray<Position>, ends: ReadonlyArray<Position> | undefined, perPartition: number) => {
  const endOf = ends === undefined ? undefined : byPartition(ends)
  return new Map(starts.flatMap((start): ReadonlyArray<[string, Part]> => {
    const { partition, topic } = start
    const end = endOf === undefined ? Infinity : endOf.get(format(start)) ?? 0
    return start.offset < end
      ? [[format(start), { partition: { topic, partition }, end, left: perPartition, done: false }]]
      : []
  }))
}

/** The records from `starts` to `ends`; without `ends` the stream goes on. */
export const scan = (
  starts: ReadonlyArray<Position>,
  ends: ReadonlyArray<Position> | undefined,
  { isolation, perPartition = Infinity }: Options = {}
): Stream.Stream<RawRecord, KafkaError, KafkaEngine.Service> =>
  Stream.unwrap(Effect.gen(function*() {
    const parts = partsOf(starts, ends, perPartition)
    const wanted = starts.filter((start) => parts.has(format(start)))
    if (wanted.length === 0) return Stream.empty
    const engine = yield* KafkaEngine.Service
    const signal = yield* Signal.make
    let fatal: KafkaError | undefined
    const client = yield* engine.consumer({
      subscription: { _tag: "Manual", positions: wanted },
      offsetReset: "earliest",
      config: { isolation },
      signalEnd: ends !== undefined,
      onReady: () => signal.raise(),
      onEvent: (event) => {
        fatal ??= fatalOf(event)
        // After the last record there may be control records, which are in no chunk.
        if (event._tag === "EndOfPartition") {
          const part = parts.get(format(event))
          if (part !== undefined && event.offset >= part.end) part.done = true
        }
        signal.raise()
      }
    })
    const pull = Effect.gen(function*() {
      while (true) {
        if (fatal !== undefined) return yield* fatal
        const records: Array<RawRecord> = []
        for (const chunk of client.poll(pollRecords, pollBytes)) {
          const part = parts.get(format(chunk))
          if (part === undefined) continue
          for (const record of chunk.records) {
            if (record.offset >= part.end || part.left === 0) break
            part.left--
            records.push(record)
          }
          if (chunk.next >= part.end || part.left === 0) {
            part.done = true
            client.pause([part.partition])
          }
        }
        if (Arr.isArrayNonEmpty(records)) return records
        if ([...parts.values()].every(({ done }) => done)) return yield* Cause.done()
        yield* signal.wait
      }
    })
    return Stream.fromPull(Effect.succeed(pull))
  }))
