import { assert, describe, it } from "@effect/vitest"
import { endIn, resetIn } from "../../../../src/engine/confluent/consumer/resets.ts"

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

  it("name the partition that ends a client under offsetReset none, and why", () => {
    const context = { operation: "consume", bootstrapServers: "b:1", group: "g" }
    const reasonOf = (rest: string) => endIn(line(rest), context)?.reason
    const place = { topic: "my.topic-1", partition: 3 }
    assert.deepInclude(reasonOf("INVALID (leader epoch -1): fetch failed: Broker: Offset out of range"), {
      _tag: "OffsetOutOfRange",
      ...place,
      offset: 1000
    })
    assert.deepInclude(reasonOf("INVALID (leader epoch -1): no previously committed offset: Local: No offset stored"), {
      _tag: "NoOffset",
      ...place,
      group: "g"
    })
    assert.deepInclude(reasonOf("INVALID (leader epoch -1): failed to query: Broker: Topic authorization failed"), {
      _tag: "AuthorizationFailed",
      name: "my.topic-1"
    })
    assert.strictEqual(endIn({ fac: "FAIL", message: line("x").message }, context), undefined)
  })
})
