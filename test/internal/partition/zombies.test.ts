import { assert, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import { ofGroup, Zombies } from "../../../src/internal/partition/zombies.ts"

it.effect("zombies are those of their group and partition, for as long as they live", () =>
  Effect.gen(function*() {
    const engine = {}
    const place = { topic: "t", partition: 1 }
    const fiber = yield* Effect.forkDetach(Effect.never)
    ofGroup(engine, "g").add(place, fiber)
    assert.deepStrictEqual(ofGroup(engine, "g").of(place), [fiber])
    assert.deepStrictEqual(ofGroup(engine, "h").of(place), [])
    assert.deepStrictEqual(ofGroup({}, "g").of(place), [])
    assert.deepStrictEqual(ofGroup(engine, "g").of({ topic: "t", partition: 2 }), [])
    yield* Fiber.interrupt(fiber)
    assert.deepStrictEqual(ofGroup(engine, "g").of(place), [])
  }))

it.effect("nothing is kept of zombies that have ended, nor of their topics", () =>
  Effect.gen(function*() {
    const all: ConstructorParameters<typeof Zombies>[0] = new Map()
    const zombies = new Zombies(all, "g")
    const fibers = yield* Effect.forEach(Array.from({ length: 20 }), () => Effect.forkDetach(Effect.never))
    for (const [i, fiber] of fibers.entries()) zombies.add({ topic: `t${i % 10}`, partition: 0 }, fiber)
    assert.strictEqual(all.size, 10)
    yield* Fiber.interruptAll(fibers.slice(0, 10))
    assert.strictEqual(all.size, 10)
    yield* Fiber.interruptAll(fibers)
    assert.strictEqual(all.size, 0)
  }))
