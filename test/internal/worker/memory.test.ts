/** What a consumer keeps of the records it fetched, over a backlog that lasts: counted by what is still reachable. */
import { assert, describe, it } from "@effect/vitest"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Schedule from "effect/Schedule"
import * as Stream from "effect/Stream"
import { Codec, Consumer, ConsumerControl, ConsumerEvent, Health, KafkaEngine, OnFailure, Retry, Topic } from "millrace"
import type { Handler } from "millrace"
import { InMemoryKafka } from "millrace/testing"
import { own, spring } from "../../../src/internal/retry/headerNames.ts"
import { endlessEngine } from "../../kit/endlessEngine.ts"

const encoder = new TextEncoder()
const Numbers = Topic.make("t", { key: Codec.string, value: Codec.string })

const partitions = 2
const chunkRecords = 50
const bufferRecords = 400
const size = 1_000
const bufferBytes = 300 * size
const keys = 5_000
const wanted = 6_000
/** The records of these numbers are never finished, where the kind of worker goes on without them. */
const hanging = [107, 1_211, 2_345]

const settings = {
  offsetReset: "earliest",
  onFailure: OnFailure.stop,
  chunkRecords,
  bufferRecords,
  bufferBytes,
  drainTimeout: "10 millis"
} as const

interface Kind {
  /** How many records its handlers hold at once. */
  readonly holds: number
  readonly group?: string
  readonly run: (seen: (count: number) => void) => Effect.Effect<unknown, unknown, KafkaEngine.Service>
}

const run = <E>(handler: Handler.Handler<E, never>): Effect.Effect<unknown, unknown, KafkaEngine.Service> =>
  Consumer.run(Consumer.make("g", { ...settings, handlers: [handler] }))

const slow = (seen: (count: number) => void) => Effect.andThen(Effect.yieldNow, Effect.sync(() => seen(1)))

const inLanes = (seen: (count: number) => void) => ({ offset }: { readonly offset: number }) =>
  hanging.includes(offset) ? Effect.never : slow(seen)

const batches = (seen: (count: number) => void) => (records: ReadonlyArray<unknown>) =>
  Effect.andThen(Effect.yieldNow, Effect.sync(() => seen(records.length)))

const kinds: { readonly [name: string]: Kind } = {
  record: { holds: 2, run: (seen) => run(Topic.handle(Numbers, () => slow(seen))) },
  batch: { holds: 2 * 130, run: (seen) => run(Topic.handleBatch(Numbers, batches(seen), { maxSize: 130 })) },
  owned: {
    holds: 2 * 130,
    run: (seen) =>
      run(
        Topic.handleOwningOffsets(Numbers, ({ records }) => batches(seen)(records), {
          maxSize: 130,
          startOffsets: () => Effect.succeed([])
        })
      )
  },
  "{ keys }": {
    holds: 2 * 10,
    run: (seen) => run(Topic.handle(Numbers, inLanes(seen), { concurrency: { keys: 10 } }))
  },
  "{ unordered }": {
    holds: 2 * 10,
    run: (seen) => run(Topic.handle(Numbers, inLanes(seen), { concurrency: { unordered: 10 } }))
  },
  stream: {
    holds: 2,
    run: (seen) =>
      Consumer.records("g", Numbers, { offsetReset: "earliest", chunkRecords, bufferRecords, bufferBytes }).pipe(
        Stream.runForEach(({ commit }) => Effect.andThen(commit, Effect.sync(() => seen(1)))),
        Effect.scoped
      )
  },
  retry: {
    holds: 2,
    group: "g.retry",
    run: (seen) =>
      run(
        Topic.handle(Numbers, () => slow(seen), {
          onFailure: Retry.nonBlocking(Schedule.recurs(1)).pipe(OnFailure.andThen(OnFailure.stop))
        })
      )
  }
}

const isolated = Layer.mergeAll(
  InMemoryKafka.layer,
  Layer.sync(ConsumerControl.Registry, () => new Set()),
  Layer.sync(Health.Registry, () => new Set()),
  Layer.effect(ConsumerEvent.Bus, ConsumerEvent.makeBus),
  Logger.layer([])
)

describe("what is kept of a backlog that lasts", () => {
  for (const [name, { group = "g", holds, run }] of Object.entries(kinds)) {
    it.live(`is the budget and what handlers hold: ${name}`, () =>
      Effect.gen(function*() {
        const { admin } = yield* KafkaEngine.Service
        yield* Effect.flatMap(admin, (admin) => admin.createTopic({ name: "t", partitions }))
        const headers = [[own.executions, encoder.encode("1")], [
          spring.attempts,
          new Uint8Array([0, 0, 0, 2])
        ]] as const
        const { made, service } = endlessEngine(
          yield* KafkaEngine.Service,
          group,
          group === "g" ? "t" : "g.t.retry.1",
          {
            partitions,
            record: (offset) => ({
              key: encoder.encode(`k${offset % keys}`),
              value: encoder.encode(String(offset)),
              headers: group === "g" ? undefined : headers,
              size
            })
          }
        )
        let handled = 0
        const kept: Array<number> = []
        const consumer = Effect.provideService(run((count) => handled += count), KafkaEngine.Service, service)
        const sample = Effect.gen(function*() {
          for (let at = 1; at <= 4; at++) {
            while (handled < at * wanted / 4) yield* Effect.sleep(1)
            kept.push(yield* made.reachable)
          }
        })
        yield* Effect.raceFirst(consumer, Effect.timeout(sample, Duration.seconds(20)))
        // A chunk may come on top of the budget, and each worker may still have its last one in its hands.
        const most = bufferBytes / size + (1 + partitions) * chunkRecords + holds
        assert.isTrue(kept.every((count) => count <= most), `${kept.join(", ")} records kept, at most ${most}`)
      }).pipe(Effect.provide(isolated)))
  }
})
