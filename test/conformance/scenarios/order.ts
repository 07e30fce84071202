import { assert } from "@effect/vitest"
import * as Effect from "effect/Effect"
import type { Handler } from "millrace"
import { full } from "../../full.ts"
import type { Group, World } from "../harness.ts"
import { scenario } from "../harness.ts"
import { Ledger } from "../ledger.ts"
import { join, produce, sorted, texts } from "../members.ts"

const count = full ? 20_000 : 1_000
const partitions = 4

/** Handlers that take their time now and then, in a way that mixes up what may be mixed up. */
const uneven = (value: string) =>
  Number(value) % 97 === 0 ? Effect.sleep(5) : Number(value) % 7 === 0 ? Effect.yieldNow : Effect.void

const handleAll = (concurrency: Handler.Concurrency) =>
  Effect.fnUntraced(function*(world: World) {
    const topic = yield* world.topic(partitions)
    const ledger = new Ledger()
    yield* produce(topic, 0, count / 2, partitions)
    const member = yield* join(world, {
      group: world.name("group"),
      topics: [topic],
      ledger,
      concurrency,
      work: ({ value }) => uneven(value)
    })
    yield* produce(topic, count / 2, count, partitions)
    yield* world.until("all are handled", Effect.sync(() => ledger.handled.length >= count))
    yield* member.stop
    assert.deepStrictEqual(sorted(ledger.values), texts(0, count))
    assert.deepStrictEqual(ledger.duplicates, [])
    assert.deepStrictEqual(ledger.overlaps, [])
    return ledger
  })

export const order: Group = {
  title: "order",
  scenarios: [
    scenario(
      "holds in each partition",
      [],
      (world) => Effect.map(handleAll("partition")(world), (ledger) => assert.deepStrictEqual(ledger.disorder(), []))
    ),
    scenario(
      "holds for each key when keys are handled side by side",
      [],
      (world) =>
        Effect.map(handleAll({ keys: 8 })(world), (ledger) => assert.deepStrictEqual(ledger.disorder("key"), []))
    ),
    scenario(
      "does not hold without order, and nothing is missing or handled twice",
      [],
      (world) => Effect.map(handleAll({ unordered: 8 })(world), (ledger) => assert.isNotEmpty(ledger.disorder()))
    )
  ]
}
