import { assert } from "@effect/vitest"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import { Consumer, OnFailure, Topic } from "millrace"
import type { Handler, KafkaEngine } from "millrace"
import type { RawRecord } from "../../../src/engine/KafkaEngine.ts"
import * as Engine from "../../../src/engine/KafkaEngine.ts"
import { alive, collected } from "../../kit/garbage.ts"
import type { EngineContext, Group, World } from "../harness.ts"
import { scenario } from "../harness.ts"
import { produce, runMember, textTopic } from "../members.ts"

const partitions = 4
const count = 1_600
const settings = { chunkRecords: 20, bufferRecords: 100 } as const

/** An engine that tells which of the records that it handed out are still reachable. Each is handed out as a copy. */
const watched = (engine: EngineContext) => {
  const real = Context.get(engine, Engine.Service)
  let handedOut: Array<WeakRef<RawRecord>> = []
  const copied = (record: RawRecord): RawRecord => {
    const copy = { ...record }
    handedOut.push(new WeakRef(copy))
    return copy
  }
  const consumer: KafkaEngine.Service["Service"]["consumer"] = (options) =>
    Effect.map(real.consumer(options), (client) => ({
      ...client,
      poll: (records, bytes) =>
        client.poll(records, bytes).map((chunk) => ({ ...chunk, records: chunk.records.map(copied) }))
    }))
  const reachable = Effect.map(collected, () => {
    handedOut = alive(handedOut)
    return handedOut.length
  })
  return { engine: Context.make(Engine.Service, { ...real, consumer }), reachable }
}

/** Reads a backlog of many times the budget, and looks now and then at what is kept of it. */
const keepsLittle = Effect.fnUntraced(function*(
  world: World,
  holds: number,
  handlerOf: (topic: string, handled: (records: number) => void) => Handler.Handler<never, never>
) {
  const topic = yield* world.topic(partitions)
  yield* produce(topic, 0, count, partitions)
  const { engine, reachable } = watched(world.engine)
  let handled = 0
  const consumer = Consumer.make(world.name("group"), {
    offsetReset: "earliest",
    ...world.settings,
    ...settings,
    drainTimeout: 100,
    onFailure: OnFailure.stop,
    handlers: [handlerOf(topic, (records) => handled += records)]
  })
  const member = yield* runMember(world, consumer, { engine })
  const kept: Array<number> = []
  for (let part = 1; part <= 4; part++) {
    yield* world.until("a part is handled", Effect.sync(() => handled >= part * count / 5))
    kept.push(yield* reachable)
  }
  yield* member.stop
  // A chunk may come on top of the budget, and each worker may still have its last one in its hands.
  const most = settings.bufferRecords + (1 + partitions) * settings.chunkRecords + holds
  assert.isTrue(kept.every((records) => records <= most), `${kept.join(", ")} records kept, at most ${most}`)
})

export const memoryBound: Group = {
  title: "of a backlog of many times the budget",
  scenarios: [
    scenario(
      "no more is kept than the budget, record by record",
      [],
      (world) =>
        keepsLittle(
          world,
          partitions,
          (topic, handled) =>
            Topic.handle(textTopic(topic), () => Effect.andThen(Effect.yieldNow, Effect.sync(() => handled(1))))
        )
    ),
    scenario(
      "no more is kept than the budget, behind a record that is never finished",
      [],
      (world) =>
        keepsLittle(world, 8 * partitions, (topic, handled) =>
          Topic.handle(
            textTopic(topic),
            ({ offset }) =>
              offset === 50 ? Effect.never : Effect.andThen(Effect.yieldNow, Effect.sync(() => handled(1))),
            { concurrency: { unordered: 8 } }
          ))
    ),
    scenario(
      "no more is kept than the budget, in batches",
      [],
      (world) =>
        keepsLittle(world, 50 * partitions, (topic, handled) =>
          Topic.handleBatch(
            textTopic(topic),
            (records) => Effect.andThen(Effect.yieldNow, Effect.sync(() => handled(records.length))),
            { maxSize: 50, maxWait: 10 }
          ))
    )
  ]
}
