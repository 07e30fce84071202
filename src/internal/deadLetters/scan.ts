/** Reads partitions between two positions, without a group. */
import * as Arr from "effect/Array"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import type { ClientEvent, Position, RawRecord, TopicPartition } from "../../engine/KafkaEngine.ts"
import * as KafkaEngine from "../../engine/KafkaEngine.ts"
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

interface Part {
  readonly partition: TopicPartition
  readonly end: number
  left: number
  done: boolean
}

/** The records from `starts` to `ends`. `perPartition`: at most this many of each partition. */
export const scan = (
  starts: ReadonlyArray<Position>,
  ends: ReadonlyArray<Position>,
  perPartition = Infinity
): Stream.Stream<RawRecord, KafkaError, KafkaEngine.Service> =>
  Stream.unwrap(Effect.gen(function*() {
    const endOf = byPartition(ends)
    const wanted = starts.filter((start) => start.offset < (endOf.get(format(start)) ?? 0))
    if (wanted.length === 0) return Stream.empty
    const parts = new Map(wanted.map((start): [string, Part] => [format(start), {
      partition: { topic: start.topic, partition: start.partition },
      end: endOf.get(format(start))!,
      left: perPartition,
      done: false
    }]))
    const engine = yield* KafkaEngine.Service
    const signal = yield* Signal.make
    let fatal: KafkaError | undefined
    const client = yield* engine.consumer({
      subscription: { _tag: "Manual", positions: wanted },
      offsetReset: "earliest",
      config: {},
      signalEnd: true,
      onReady: () => signal.raise(),
      onEvent: (event) => {
        fatal ??= fatalOf(event)
        // Behind the last record there may be control records, which no chunk shows.
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
