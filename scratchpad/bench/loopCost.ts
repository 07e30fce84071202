/**
 * O: what the run loop itself costs. A scripted engine hands out chunks that were built before; the same handler over
 * the same chunks in one `Effect.forEach` each is subtracted.
 */
import { Deferred, Effect, Layer } from "effect"
import { Codec, Consumer, KafkaEngine, OnFailure, Topic } from "millrace"
import { median } from "./meter.ts"

const partitions = 6
const perChunk = 500

const chunksOf = (records: number): ReadonlyArray<KafkaEngine.Chunk> => {
  const value = new Uint8Array(256)
  const next = new Array<number>(partitions).fill(0)
  return Array.from({ length: records / perChunk }, (_, i): KafkaEngine.Chunk => {
    const partition = i % partitions
    const made = Array.from({ length: perChunk }, (): KafkaEngine.RawRecord => {
      const offset = next[partition]!++
      return { topic: "t", partition, offset, timestamp: 0, key: null, value, size: 256 }
    })
    return { topic: "t", partition, records: made, bytes: perChunk * 256, next: next[partition]! }
  })
}

/** An engine of one consumer that is assigned everything and hands out the chunks, one per poll. */
const scripted = (chunks: ReadonlyArray<KafkaEngine.Chunk>) => {
  const consumer = (options: KafkaEngine.ConsumerClientOptions) =>
    Effect.sync((): KafkaEngine.ConsumerClient => {
      let given = 0
      let assigned = false
      const all = Array.from({ length: partitions }, (_, partition) => ({ topic: "t", partition }))
      queueMicrotask(() => options.onEvent({ _tag: "Rebalance", id: 1, kind: "assign", partitions: all }))
      return {
        poll: (records) => records === 0 || !assigned || given === chunks.length ? [] : [chunks[given++]!],
        answer: () =>
          Effect.sync(() => {
            assigned = true
          }),
        store: () => true,
        commit: () => Effect.void,
        committed: () => Effect.succeed([]),
        pause: () => {},
        resume: () => {},
        seek: () => Effect.void,
        highWatermark: () => undefined,
        groupMetadata: () => ({ groupId: "g" }) as KafkaEngine.GroupMetadata,
        close: () => Effect.void
      }
    })
  const engine = {
    name: "scripted",
    capabilities: new Set(),
    consumer
  } as unknown as KafkaEngine.Service["Service"]
  return Layer.succeed(KafkaEngine.Service, engine)
}

/** Microseconds per record, the median of five rounds after one to warm up. */
export const loopCost = async (records: number): Promise<number> => {
  const chunks = chunksOf(records)
  const topic = Topic.make("t", { key: Codec.none, value: Codec.bytes })
  let count = 0
  let began = 0
  let done = () => {}
  const handler = () =>
    Effect.sync(() => {
      if (count === 0) began = performance.now()
      if (++count === records) done()
    })
  const microsSince = (start: number) => (performance.now() - start) * 1_000 / records
  const loop = Effect.gen(function*() {
    const finished = yield* Deferred.make<number>()
    count = 0
    done = () => Deferred.doneUnsafe(finished, Effect.succeed(microsSince(began)))
    const consumer = Consumer.make("g", {
      offsetReset: "earliest",
      onFailure: OnFailure.stop,
      handlers: [Topic.handle(topic, handler)]
    })
    return yield* Effect.raceFirst(Effect.andThen(Consumer.run(consumer), Effect.never), Deferred.await(finished))
  }).pipe(Effect.provide(scripted(chunks)))
  const plain = Effect.gen(function*() {
    count = 0
    done = () => {}
    const start = performance.now()
    for (const chunk of chunks) yield* Effect.forEach(chunk.records, handler, { discard: true })
    return microsSince(start)
  })
  const costs: Array<number> = []
  for (let round = 0; round < 6; round++) {
    const cost = await Effect.runPromise(loop) - await Effect.runPromise(plain)
    if (round > 0) costs.push(cost)
  }
  return median(costs)
}
