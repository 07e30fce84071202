import { assert, describe, it } from "@effect/vitest"
import * as Schema from "effect/Schema"
import { murmur2 } from "../../../../src/engine/memory/producer/murmur2.ts"
import { Partitioner, partitionOf, stickyBytes } from "../../../../src/engine/memory/producer/partitioner.ts"
import { bytes } from "../owner.ts"

describe("murmur2", () => {
  // The vectors of Kafka's own UtilsTest.
  it.each([
    ["21", -973932308],
    ["foobar", -790332482],
    ["a-little-bit-long-string", -985981536],
    ["a-little-bit-longer-string", -1486304829],
    ["lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58897971],
    ["abc", 479470107]
  ])("hashes %s as Java does", (text, hash) => {
    assert.strictEqual(murmur2(bytes(text)), hash)
  })
})

describe("the partitioner", () => {
  const message = { topic: "t", key: null, value: bytes("v") }

  it.prop("sends a key to one partition that exists", [Schema.String, Schema.Int], ([key, number]) => {
    const partitions = 1 + Math.abs(number % 50)
    const first = new Partitioner().choose({ ...message, key: bytes(key) }, partitions)
    const other = new Partitioner()
    other.choose(message, partitions)
    assert.strictEqual(other.choose({ ...message, key: bytes(key) }, partitions), first)
    assert.strictEqual(first, partitionOf(bytes(key), partitions))
    assert.isTrue(first >= 0 && first < partitions)
  })

  it("obeys a named partition", () => {
    assert.strictEqual(new Partitioner().choose({ ...message, key: bytes("21"), partition: 5 }, 3), 5)
  })

  it("keeps records without a key together for a batch, then takes turns", () => {
    const partitioner = new Partitioner()
    const chosen: Array<number> = []
    for (let batch = 0; batch < 4; batch++) {
      chosen.push(partitioner.choose(message, 3), partitioner.choose(message, 3))
      partitioner.endBatch()
    }
    assert.deepStrictEqual(chosen, [0, 0, 1, 1, 2, 2, 0, 0])
  })

  it("goes on to the next partition when a batch is full", () => {
    const partitioner = new Partitioner()
    const large = { ...message, value: new Uint8Array(stickyBytes) }
    assert.deepStrictEqual([0, 1, 2].map(() => partitioner.choose(large, 2)), [0, 1, 0])
  })
})
