import { assert, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as TestClock from "effect/testing/TestClock"
import { keyText, type Look } from "../../../src/sql/verify/differences.ts"
import type { Key } from "../../../src/sql/verify/ranges.ts"
import { settled } from "../../../src/sql/verify/walking.ts"

const look = (key: string, state: string): Look => ({ key: [key], kind: "different", places: [0], state })

/** What each look finds. Databases cannot be made to change between two looks exactly. */
const reading = (looks: ReadonlyArray<ReadonlyArray<Look>>) => {
  const asked: Array<ReadonlyArray<string>> = []
  return {
    asked,
    looks: (keys: ReadonlyArray<Key>) =>
      Effect.sync(() => {
        asked.push(keys.map(keyText))
        return looks[Math.min(asked.length, looks.length) - 1]!
      })
  }
}

const pauses = (keys: ReadonlyArray<string>, looks: ReadonlyArray<ReadonlyArray<Look>>, rechecks = 3) =>
  Effect.gen(function*() {
    const stub = reading(looks)
    const fiber = yield* Effect.forkChild(
      settled(stub, keys.map((key) => [key]), { pause: "2 seconds", rechecks, batchSize: 3 })
    )
    while (fiber.pollUnsafe() === undefined) yield* TestClock.adjust("2 seconds")
    return { asked: stub.asked, seen: yield* Fiber.join(fiber) }
  })

it.effect("rows that become alike are forgotten, and those that stay are reported after one pause", () =>
  Effect.gen(function*() {
    const { asked, seen } = yield* pauses(["a", "b"], [[look("a", "1"), look("b", "1")], [look("b", "1")], [
      look("b", "1")
    ]])
    assert.deepStrictEqual(asked, [["a", "b"], ["a", "b"], ["b"]])
    assert.deepStrictEqual(seen.map(({ isMoving, key }) => [keyText(key), isMoving]), [["b", false]])
  }))

it.effect("nothing is waited for when nothing differs at the second look", () =>
  Effect.gen(function*() {
    const { asked, seen } = yield* pauses(["a"], [[]])
    assert.deepStrictEqual([asked.length, seen.length], [1, 0])
  }))

it.effect("a row that still changes at the last look is marked", () =>
  Effect.gen(function*() {
    const { asked, seen } = yield* pauses(["a"], [[look("a", "1")], [look("a", "2")], [look("a", "3")]], 2)
    assert.strictEqual(asked.length, 3)
    assert.deepStrictEqual(seen.map(({ isMoving }) => isMoving), [true])
  }))

it.effect("many rows are looked at in batches, and wait together", () =>
  Effect.gen(function*() {
    const keys = ["a", "b", "c", "d", "e"]
    const all = keys.map((key) => look(key, "1"))
    const { asked, seen } = yield* pauses(keys, [all.slice(0, 3), all.slice(3), all.slice(0, 3), all.slice(3)])
    assert.deepStrictEqual(asked, [["a", "b", "c"], ["d", "e"], ["a", "b", "c"], ["d", "e"]])
    assert.lengthOf(seen, 5)
  }))
