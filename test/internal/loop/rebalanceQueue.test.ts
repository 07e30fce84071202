import { assert, describe, it } from "@effect/vitest"
import * as Arbitrary from "effect/Arbitrary"
import * as Schema from "effect/Schema"
import { drainStep, interruptGrace, Rebalances, startDraining } from "../../../src/internal/loop/rebalanceQueue.ts"
import { randomOf } from "./random.ts"

const Seed = Arbitrary.schema(Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 1_000_000 })))
const Budget = Arbitrary.schema(Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 60_000 })))

const partition = (partition: number) => ({ topic: "t", partition })

describe("Rebalances", () => {
  it.prop("hands out what came in, once and in order", { seed: Seed }, ({ seed }) => {
    const random = randomOf(seed)
    const queue = new Rebalances()
    const settled: Array<number> = []
    let id = 0
    for (let step = 0; step < 50; step++) {
      if (random.chance(0.5)) {
        queue.add({ id: ++id, kind: random.pick(["assign", "revoke", "lost"]), partitions: [partition(id)] })
      } else if (queue.head !== undefined) {
        assert.strictEqual(queue.head.phase, "queued")
        settled.push(queue.head.id)
        queue.settle()
      }
      assert.strictEqual(queue.isEmpty, settled.length === id)
    }
    assert.deepStrictEqual(settled, settled.map((_, i) => i + 1))
  })

  it.prop("interrupts once, at the budget, and gives up after the grace", { budget: Budget, seed: Seed }, (input) => {
    const random = randomOf(input.seed)
    const queue = new Rebalances()
    queue.add({ id: 1, kind: "revoke", partitions: [] })
    const pending = queue.head!
    let now = random.between(0, 1_000)
    startDraining(pending, now, input.budget)
    const deadline = now + input.budget
    let interruptedAt: number | undefined
    while (true) {
      const step = drainStep(pending, now, false)
      if (step === "interrupt") {
        assert.isUndefined(interruptedAt)
        assert.isAtLeast(now, deadline)
        interruptedAt = now
      } else if (step === "giveUp") {
        assert.isAtLeast(now, interruptedAt! + interruptGrace)
        break
      } else {
        assert.strictEqual(step, "wait")
        assert.isTrue(interruptedAt === undefined ? now < deadline : now < interruptedAt + interruptGrace)
      }
      now += random.between(1, 5_000)
    }
    assert.strictEqual(drainStep(pending, now, true), "done")
  })

  it("knows which partitions are about to leave", () => {
    const queue = new Rebalances()
    queue.add({ id: 1, kind: "assign", partitions: [partition(1)] })
    queue.add({ id: 2, kind: "revoke", partitions: [partition(2)] })
    queue.add({ id: 3, kind: "lost", partitions: [partition(3)] })
    assert.deepStrictEqual([1, 2, 3].map((one) => queue.takes(partition(one))), [false, true, true])
  })
})
