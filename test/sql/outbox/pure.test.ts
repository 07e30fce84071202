/** The pure parts of the outbox: rows, shards, what becomes of rows, pauses of topics. */
import { assert, describe, it } from "@effect/vitest"
import { KafkaError } from "millrace"
import { FirstRows } from "../../../src/sql/outbox/firstRows.ts"
import { partsOf, rowOf } from "../../../src/sql/outbox/rows.ts"
import { settle } from "../../../src/sql/outbox/settling.ts"
import { shards, slotOf } from "../../../src/sql/outbox/shards.ts"
import { TopicPauses } from "../../../src/sql/outbox/topicPauses.ts"

const row = (id: number, key: string | null, topic = "t") =>
  rowOf([String(id), topic, null, key === null ? null : Buffer.from(key), null, null, "0"])

const acknowledged = { topic: "t", partition: 0, offset: 1, timestamp: 0 }
const temporary = KafkaError.make("produce", new KafkaError.Timeout({ operation: "produce", timeoutMs: 1 }))
const forGood = KafkaError.make("produce", new KafkaError.InvalidRecord({ topic: "t", problem: "no" }))
const isTemporary = (error: KafkaError.KafkaError) => error === temporary

describe("settle", () => {
  it("keeps rows of a key behind one that is sent again, also those that arrived", () => {
    const rows = [row(1, "a"), row(2, "b"), row(3, "a"), row(4, "a"), row(5, "b"), row(6, "a", "u")]
    const { failed, published, refused } = settle(
      rows,
      [acknowledged, acknowledged, temporary, acknowledged, acknowledged, acknowledged],
      isTemporary
    )
    assert.deepStrictEqual(published.map(({ id }) => id), ["1", "2", "5", "6"])
    assert.deepStrictEqual(refused, [])
    assert.deepStrictEqual([...failed.keys()], ["t"])
  })

  it("takes a row out that is refused for good, and goes on behind it", () => {
    const { failed, published, refused } = settle(
      [row(1, "a"), row(2, "a"), row(3, null), row(4, null)],
      [forGood, acknowledged, temporary, acknowledged],
      isTemporary
    )
    assert.deepStrictEqual(published.map(({ id }) => id), ["2", "4"])
    assert.deepStrictEqual(refused.map(({ row }) => row.id), ["1"])
    assert.strictEqual(failed.size, 1)
  })
})

describe("slotOf", () => {
  it("is the same for a key, and spreads keys and records without one over all shards", () => {
    const slots = Array.from({ length: 400 }, (_, i) => slotOf({ topic: "t", key: Buffer.from(`key ${i}`) }, i))
    assert.strictEqual(new Set(slots.map(({ shard }) => shard)).size, shards)
    assert.isAbove(new Set(slots.map(({ lock }) => lock)).size, 250)
    assert.deepStrictEqual(slotOf({ topic: "t", key: Buffer.from("key 7") }, 99), slots[7])
    assert.notDeepEqual(slotOf({ topic: "u", key: Buffer.from("key 7") }, 7), slots[7])
    const without = Array.from({ length: 16 }, (_, i) => slotOf({ topic: "t", key: null }, i))
    assert.strictEqual(new Set(without.map(({ shard }) => shard)).size, shards)
    assert.isUndefined(without[0]!.lock)
  })
})

describe("TopicPauses", () => {
  it("leaves a topic out for longer each time, until it takes a record", () => {
    const pauses = new TopicPauses()
    assert.deepStrictEqual([pauses.failed("t", 0), pauses.failed("t", 10)], [1_000, undefined])
    assert.deepStrictEqual(pauses.leftOut(0, 999), ["t"])
    assert.deepStrictEqual(pauses.leftOut(0, 1_000), [])
    assert.strictEqual(pauses.failed("t", 1_000), 2_000)
    pauses.succeeded("t")
    assert.strictEqual(pauses.failed("t", 5_000), 1_000)
  })

  it("lets one shard try after a pause, and another one when it has ended", () => {
    const pauses = new TopicPauses()
    pauses.failed("t", 0)
    assert.deepStrictEqual(pauses.leftOut(3, 1_000), [])
    assert.deepStrictEqual(pauses.leftOut(4, 1_000), ["t"])
    assert.deepStrictEqual(pauses.leftOut(3, 1_001), [])
    pauses.ended(4)
    assert.deepStrictEqual(pauses.leftOut(4, 1_002), ["t"])
    pauses.ended(3)
    assert.deepStrictEqual(pauses.leftOut(4, 1_003), [])
  })

  it("leaves a topic out for others while nobody knows whether the broker takes its records", () => {
    const pauses = new TopicPauses()
    pauses.suspected("t", 10_000)
    assert.deepStrictEqual(pauses.leftOut(3, 39_999), ["t"])
    assert.strictEqual(pauses.failed("t", 120_000), 1_000)
  })
})

describe("rowOf", () => {
  it("says what is wrong with rows of others, and does not fail", () => {
    const headers = ["{\"a\":\"b\"}", "[[\"a\"]]", "[[1,\"00\"]]", "[[\"a\",\"0\"]]", "[[\"a\",5]]", "7"]
    for (const each of headers) {
      assert.include(rowOf(["1", "t", null, null, null, each, "0"]).problem, "headers", each)
    }
    assert.include(rowOf(["1", "a/b", null, null, null, null, "0"]).problem, "\"a/b\" is no name for a topic")
    assert.isUndefined(rowOf(["1", "t", null, null, null, "[[\"a\",\"00FF\"],[\"b\",null]]", "0"]).problem)
  })
})

describe("partsOf", () => {
  const message = (bytes: number) => ({ topic: "t", key: null, value: new Uint8Array(bytes) })

  it("has at most 2,000 messages, or 16 MiB, but one in any case", () => {
    const sizes = (messages: Parameters<typeof partsOf>[0]) => partsOf(messages).map(({ length }) => length)
    assert.deepStrictEqual(sizes(Array.from({ length: 4_001 }, () => message(1))), [2_000, 2_000, 1])
    const mega = 1_024 * 1_024
    assert.deepStrictEqual(sizes([message(20 * mega), message(1), message(10 * mega), message(7 * mega)]), [1, 2, 1])
  })
})

describe("FirstRows", () => {
  it("knows since when a row is the first of its queue", () => {
    const firsts = new FirstRows()
    firsts.observe([[3, 7n], [4, 8n]], 100)
    firsts.observe([[3, 7n], [4, 9n]], 200)
    assert.deepStrictEqual([3, 4, 5].map((queue) => firsts.since(queue)), [100, 200, undefined])
  })

  it("forgets a row that is gone, so that the next one is not taken for one that stays", () => {
    const firsts = new FirstRows()
    firsts.observe([[3, 7n]], 100)
    firsts.observe([], 200)
    assert.isUndefined(firsts.since(3))
  })

  it("takes the oldest of several rows of a queue, in any order", () => {
    const firsts = new FirstRows()
    firsts.observe([[16, 8n], [16, 7n]], 100)
    firsts.observe([[16, 7n], [16, 8n]], 200)
    assert.strictEqual(firsts.since(16), 100)
  })
})
