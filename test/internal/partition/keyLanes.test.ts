import { assert, describe, it } from "@effect/vitest"
import * as Arbitrary from "effect/Arbitrary"
import * as Schema from "effect/Schema"
import { KeyLanes } from "../../../src/internal/partition/keyLanes.ts"
import { randomOf } from "../loop/random.ts"

const Keys = Arbitrary.array(
  Arbitrary.schema(Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 4 }))),
  { minLength: 1, maxLength: 80 }
)
const Seed = Arbitrary.schema(Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 1_000_000 })))

describe("KeyLanes", () => {
  it.prop(
    "hands every item out until it is finished, per key in order and one at a time",
    { keys: Keys, seed: Seed },
    ({ keys, seed }) => {
      const random = randomOf(seed)
      const lanes = new KeyLanes<number>()
      const waiting = keys.map((key, item) => ({ key: `k${key}`, item }))
      const offered = new Map<string, Array<number>>()
      const out = new Map<string, number>()
      const taken: Array<number> = []
      while (taken.length < keys.length || out.size > 0) {
        const next = random.chance(0.5) ? waiting.shift() : undefined
        if (next !== undefined) {
          lanes.offer(next.key, next.item)
          offered.set(next.key, [...offered.get(next.key) ?? [], next.item])
        }
        const free = [...offered].filter(([key, items]) => items.length > 0 && !out.has(key)).length
        assert.strictEqual(lanes.available, free)
        if (random.chance(0.6)) {
          const got = lanes.take()
          assert.strictEqual(got === undefined, free === 0)
          if (got !== undefined) {
            assert.isFalse(out.has(got.key))
            assert.strictEqual(got.item, offered.get(got.key)!.shift())
            out.set(got.key, got.item)
            taken.push(got.item)
          }
        }
        const [busy] = out
        if (busy !== undefined && random.chance(0.5)) {
          const [key, item] = busy
          out.delete(key)
          if (random.chance(0.7)) lanes.release(key)
          else {
            lanes.giveBack(key)
            offered.get(key)!.unshift(item)
            taken.splice(taken.indexOf(item), 1)
          }
        }
      }
      assert.deepStrictEqual(taken.toSorted((a, b) => a - b), keys.map((_, item) => item))
      assert.isUndefined(lanes.take())
    }
  )

  it("goes on for as long as it likes without a barrier between the keys", () => {
    const lanes = new KeyLanes<number>()
    for (let i = 0; i < 5_000; i++) lanes.offer("hot", i)
    lanes.offer("cold", -1)
    assert.deepStrictEqual(lanes.take(), { key: "hot", item: 0 })
    assert.deepStrictEqual(lanes.take(), { key: "cold", item: -1 })
    for (let i = 1; i < 5_000; i++) {
      lanes.release("hot")
      assert.strictEqual(lanes.take()?.item, i)
    }
    assert.strictEqual(lanes.available, 0)
  })

  it("begins no more than so many keys, and takes up again what is back", () => {
    const lanes = new KeyLanes<number>(2)
    for (const [item, key] of ["a", "b", "c", "a"].entries()) lanes.offer(key, item)
    assert.strictEqual(lanes.available, 2)
    assert.deepStrictEqual([lanes.take()?.item, lanes.take()?.item, lanes.take()], [0, 1, undefined])
    lanes.giveBack("a")
    assert.strictEqual(lanes.available, 1)
    assert.deepStrictEqual([lanes.take()?.item, lanes.take()], [0, undefined])
    lanes.release("a")
    assert.strictEqual(lanes.available, 1)
    assert.deepStrictEqual([lanes.take()?.item, lanes.take()], [2, undefined])
    lanes.release("b")
    assert.strictEqual(lanes.take()?.item, 3)
  })

  it("takes what is back and what was not taken yet in turn", () => {
    const lanes = new KeyLanes<number>()
    for (const [item, key] of ["a", "b", "c", "d"].entries()) lanes.offer(key, item)
    lanes.take()
    lanes.take()
    lanes.giveBack("a")
    lanes.giveBack("b")
    const taken = [lanes.take()!.key]
    lanes.giveBack("a")
    for (let i = 0; i < 4; i++) taken.push(lanes.take()!.key)
    assert.deepStrictEqual(taken, ["a", "c", "b", "d", "a"])
  })
})
