import { assert, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import { ofGroup } from "../../../src/internal/partition/zombies.ts"

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
