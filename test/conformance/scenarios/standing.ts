import { assert } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"
import { type Consumer, Retry } from "millrace"
import type { Group, World } from "../harness.ts"
import { scenario } from "../harness.ts"
import { Ledger } from "../ledger.ts"
import { join, produce } from "../members.ts"

const partitions = 24
const each = 100

/** Half of the partitions stand still at their first record; the other half gets all of its records handled. */
const othersGoOn = Effect.fnUntraced(function*(
  world: World,
  how: "waiting" | "hanging",
  settings: Partial<Consumer.Settings>
) {
  const topic = yield* world.topic(partitions)
  const ledger = new Ledger()
  const released = yield* Deferred.make<void>()
  yield* produce(topic, 0, partitions * each, partitions)
  const member = yield* join(world, {
    group: world.name("group"),
    topics: [topic],
    ledger,
    settings,
    onFailure: Retry.blocking(Schedule.spaced("1 hour")),
    work: ({ partition }) =>
      partition < partitions / 2 ? how === "waiting" ? Effect.fail("no") : Deferred.await(released) : Effect.void
  })
  yield* world.until("the others are handled", Effect.sync(() => ledger.handled.length === partitions / 2 * each))
  assert.isTrue(ledger.handled.every(({ partition }) => partition >= partitions / 2))
  yield* produce(topic, partitions * each, 2 * partitions * each, partitions)
  yield* world.until("so are the next ones", Effect.sync(() => ledger.handled.length === partitions * each))
  yield* Deferred.succeed(released, undefined)
  yield* member.stop
})

export const standing: Group = {
  title: "partitions that stand still",
  scenarios: [
    scenario(
      "leave the others their share of the records, waiting",
      ["any partition count"],
      (world) => othersGoOn(world, "waiting", { chunkRecords: 100, bufferRecords: 400 })
    ),
    scenario(
      "leave the others their share of the bytes, waiting",
      ["any partition count"],
      (world) => othersGoOn(world, "waiting", { bufferBytes: 400 })
    ),
    scenario(
      "leave the others their share of the records, hanging",
      ["any partition count"],
      (world) => othersGoOn(world, "hanging", { chunkRecords: 100, bufferRecords: 400 })
    )
  ]
}
