import { assert, describe, it } from "@effect/vitest"
import { resetIn } from "../../../../src/engine/confluent/consumer/resets.ts"

const line = (rest: string) => ({
  fac: "OFFSET",
  message: `[thrd:main]: my.topic-1 [3]: offset reset (at offset 1000 (leader epoch 4), broker 1) to ${rest}`
})

describe("resets in the log of librdkafka", () => {
  it("name the partition, and whether records may have been missed", () => {
    const range = resetIn(line("offset BEGINNING (leader epoch -1): fetch failed: Broker: Offset out of range"))
    assert.deepInclude(range, { topic: "my.topic-1", partition: 3, outOfRange: true })
    assert.include(range?.problem, "offset 1000")
    assert.include(range?.problem, "Offset out of range")
    assert.isTrue(resetIn(line("offset 7 (leader epoch 4): Partition log truncation detected"))?.outOfRange)
    assert.isFalse(resetIn(line("offset END (leader epoch -1): Failed to query"))?.outOfRange)
  })

  it("are not read into other lines", () => {
    assert.strictEqual(resetIn({ fac: "FAIL", message: line("x").message }), undefined)
    assert.strictEqual(resetIn({ fac: "OFFSET", message: "my.topic-1 [3]: something else" }), undefined)
  })
})
