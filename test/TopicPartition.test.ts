/** Partitions as keys, compared and sorted. */
import { assert, it } from "@effect/vitest"
import * as Arr from "effect/Array"
import * as TopicPartition from "../src/TopicPartition.ts"

const { make } = TopicPartition

it("names a partition", () => {
  assert.deepStrictEqual(make("orders", 3), { topic: "orders", partition: 3 })
  assert.strictEqual(TopicPartition.format(make("orders", 3)), "orders/3")
})

it("compares by topic and partition, whatever else there is", () => {
  const position = { ...make("orders", 3), offset: 7 }
  assert.isTrue(TopicPartition.Equivalence(position, make("orders", 3)))
  assert.isFalse(TopicPartition.Equivalence(position, make("orders", 4)))
  assert.isFalse(TopicPartition.Equivalence(position, make("order", 3)))
})

it("sorts by topic, then by the partition's number", () => {
  const sorted = Arr.sort([make("b", 1), make("a", 10), make("b", 0), make("a", 9)], TopicPartition.Order)
  assert.deepStrictEqual(sorted.map(TopicPartition.format), ["a/9", "a/10", "b/0", "b/1"])
})
