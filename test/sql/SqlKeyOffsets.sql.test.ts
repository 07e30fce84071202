import { assert, layer } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import { KeyOffsetStore } from "millrace"
import { Migrations, SqlKeyOffsets } from "millrace/sql"
import { database } from "../services/database.ts"

const prepared = Layer.provideMerge(
  Layer.merge(Layer.effectDiscard(Migrations.run()), SqlKeyOffsets.layer()),
  database()
)

const at = (topic: string, partition: number, offset: number, key: string | Uint8Array | null) => ({
  topic,
  partition,
  offset,
  key: typeof key === "string" ? Buffer.from(key) : key
})

layer(prepared)("a store of the latest offsets in SQL", (it) => {
  const latest = (topic: string, key: string | Uint8Array) =>
    KeyOffsetStore.KeyOffsetStore.use((store) => store.latest(topic, Buffer.from(key as string)))
  const observe = (...records: ReadonlyArray<KeyOffsetStore.Observed>) =>
    KeyOffsetStore.KeyOffsetStore.use((store) => store.observe(records))

  it.effect("knows the last record of each key, of each topic, however large its offset", () =>
    Effect.gen(function*() {
      const large = Number.MAX_SAFE_INTEGER
      yield* observe(at("t", 0, 1, "a"), at("t", 0, large, "a"), at("u", 1, 5, "a"), at("t", 0, 9, null))
      assert.deepStrictEqual(yield* latest("t", "a"), Option.some({ partition: 0, offset: large }))
      assert.deepStrictEqual(yield* latest("u", "a"), Option.some({ partition: 1, offset: 5 }))
      assert.deepStrictEqual(yield* latest("t", "b"), Option.none())
    }))

  it.effect("never lowers an offset in its partition, and follows a key to another one", () =>
    Effect.gen(function*() {
      yield* observe(at("p", 0, 7, "a"))
      yield* observe(at("p", 0, 3, "a"))
      assert.deepStrictEqual(yield* latest("p", "a"), Option.some({ partition: 0, offset: 7 }))
      yield* observe(at("p", 1, 2, "a"))
      assert.deepStrictEqual(yield* latest("p", "a"), Option.some({ partition: 1, offset: 2 }))
    }))

  it.effect("keeps keys of any bytes, but for very long ones, and forgets a topic", () =>
    Effect.gen(function*() {
      const bytes = new Uint8Array([0, 255, 34, 92, 123])
      yield* observe(at("b", 0, 1, bytes), at("b", 0, 2, ""), at("b", 0, 3, "x".repeat(1_025)))
      const store = yield* KeyOffsetStore.KeyOffsetStore
      assert.deepStrictEqual(yield* store.latest("b", bytes), Option.some({ partition: 0, offset: 1 }))
      assert.deepStrictEqual(yield* latest("b", ""), Option.some({ partition: 0, offset: 2 }))
      assert.deepStrictEqual(yield* latest("b", "x".repeat(1_025)), Option.none())
      yield* store.forget("b")
      assert.deepStrictEqual(yield* store.latest("b", bytes), Option.none())
    }))

  it.effect("lets members write the same keys at once", () =>
    Effect.gen(function*() {
      const keys = Array.from({ length: 50 }, (_, i) => String(i))
      const chunk = (partition: number) =>
        observe(...(partition % 2 === 0 ? keys : keys.toReversed()).map((key, i) => at("w", partition, i, key)))
      yield* Effect.forEach(Array.from({ length: 20 }, (_, i) => i), chunk, { concurrency: 10 })
      assert.isTrue(Option.isSome(yield* latest("w", "7")))
    }))
})
