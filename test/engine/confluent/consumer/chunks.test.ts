import { assert, describe, it } from "@effect/vitest"
import { group, pairs, take } from "../../../../src/engine/confluent/consumer/chunks.ts"
import type { NativeMessage } from "../../../../src/engine/confluent/shared/native.ts"

const message = (
  topic: string,
  partition: number,
  offset: number,
  extra: Partial<NativeMessage> = {}
): NativeMessage => ({
  topic,
  partition,
  offset,
  timestamp: 0,
  key: null,
  value: new Uint8Array(10),
  size: 10,
  ...extra
})
const all = () => true

describe("chunks of a fetch", () => {
  it("hold one partition each, in order, however the fetch mixed them", () => {
    const chunks = group(
      [message("a", 0, 1), message("a", 0, 2), message("b", 0, 7), message("a", 1, 5), message("a", 0, 4)],
      all
    )
    assert.deepStrictEqual(
      chunks.map((
        { next, partition, records, topic }
      ) => [topic, partition, records.map(({ offset }) => offset), next]),
      [["a", 0, [1, 2, 4], 5], ["b", 0, [7], 8], ["a", 1, [5], 6]]
    )
  })

  it("leave out partitions that are not wanted", () => {
    const chunks = group(
      [message("a", 0, 1), message("a", 1, 1), message("a", 0, 2)],
      (_, partition) => partition === 1
    )
    assert.deepStrictEqual(chunks.map(({ partition }) => partition), [1])
  })

  it("count the bytes of key and value, and of a tombstone none", () => {
    const chunks = group([
      message("a", 0, 1, { key: new Uint8Array(3) }),
      message("a", 0, 2, { value: null })
    ], all)
    assert.strictEqual(chunks[0]?.bytes, 13)
  })

  it("count the bytes of headers", () => {
    const [chunk] = group([message("a", 0, 1, { headers: [{ name: new Uint8Array(100) }, { h: "xyz" }] })], all)
    assert.strictEqual(chunk?.records[0]?.size, 118)
    assert.strictEqual(chunk?.bytes, 118)
  })

  it("keep repeated and binary headers", () => {
    const value = new Uint8Array([0, 255])
    assert.deepStrictEqual(pairs([{ h: value }, { h: value }, { g: value }]), [["h", value], ["h", value], [
      "g",
      value
    ]])
  })

  it("keep a header whose name is special to JavaScript", () => {
    const value = new Uint8Array([1])
    const header: { [name: string]: Uint8Array } = {}
    // What the binding does: here it sets the prototype.
    header["__proto__"] = value
    assert.deepStrictEqual(pairs([header, { constructor: value }]), [["__proto__", value], ["constructor", value]])
  })

  it("are taken within the limits, split without losing a record or a byte", () => {
    const chunks = group([1, 2, 3, 5].map((offset) => message("a", 0, offset)), all)
    const { rest, taken: [head] } = take(chunks, 3, 1_000)
    assert.deepStrictEqual([head?.records.length, head?.next, head?.bytes], [3, 5, 30])
    assert.deepStrictEqual([rest[0]?.records.length, rest[0]?.next, rest[0]?.bytes], [1, 6, 10])
    assert.deepStrictEqual(take(rest, 3, 1_000).rest, [])
  })

  it("are taken by bytes over several partitions, and one record always fits", () => {
    const chunks = group([message("a", 0, 1), message("a", 1, 7), message("a", 1, 8), message("a", 2, 4)], all)
    const { rest, taken } = take(chunks, 10, 25)
    assert.deepStrictEqual(taken.map(({ partition, records }) => [partition, records.length]), [[0, 1], [1, 1]])
    assert.deepStrictEqual(rest.map(({ partition, records }) => [partition, records.length]), [[1, 1], [2, 1]])
    assert.deepStrictEqual(take(chunks, 10, 3).taken.map(({ records }) => records.length), [1])
    assert.deepStrictEqual(take(chunks, 2, 1_000).taken.map(({ records }) => records.length), [1, 1])
  })
})
