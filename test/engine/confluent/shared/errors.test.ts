import { assert, describe, it } from "@effect/vitest"
import { fromNative } from "../../../../src/engine/confluent/shared/errors.ts"

const context = { operation: "produce", bootstrapServers: "b:1", topic: "t", group: "g", sizeBytes: 5, timeoutMs: 9 }
const tagOf = (error: Parameters<typeof fromNative>[0], extra: object = {}) =>
  fromNative(error, { ...context, ...extra }).reason._tag

describe("errors of librdkafka", () => {
  it("get their reason from the code", () => {
    const expected: ReadonlyArray<readonly [number, string]> = [
      [-195, "BrokerUnreachable"],
      [-169, "AuthenticationFailed"],
      [29, "AuthorizationFailed"],
      [30, "AuthorizationFailed"],
      [3, "UnknownTopic"],
      [-188, "UnknownTopic"],
      [36, "TopicExists"],
      [1, "OffsetOutOfRange"],
      [10, "RecordTooLarge"],
      [-185, "Timeout"],
      [-192, "Timeout"],
      [-144, "Fenced"],
      [27, "BrokerError"],
      [9999, "BrokerError"]
    ]
    for (const [code, tag] of expected) assert.strictEqual(tagOf({ code, message: "x" }), tag, String(code))
  })

  it("get their reason from the text where the code was lost", () => {
    assert.strictEqual(tagOf({ message: "authentication failure" }), "AuthenticationFailed")
    assert.strictEqual(tagOf({ code: -1, message: "broker transport failure" }), "BrokerUnreachable")
    assert.strictEqual(tagOf({ code: -1, message: "something new" }), "BrokerError")
  })

  it("of a transaction say whether the whole of it may be tried again", () => {
    const abortable = fromNative({ code: 89, message: "x", isTxnRequiresAbort: true }, {
      ...context,
      transactionalId: "tx"
    })
    assert.strictEqual(abortable.reason._tag, "TransactionFailed")
    assert.isTrue(abortable.isRetryable)
    assert.strictEqual(tagOf({ code: -144, message: "x", isFatal: true }, { transactionalId: "tx" }), "Fenced")
    assert.strictEqual(tagOf({ code: 53, message: "x" }, { transactionalId: "tx" }), "AuthorizationFailed")
  })

  it("know which of the broker's errors pass by themselves", () => {
    assert.isTrue(fromNative({ code: 27, message: "x" }, context).isRetryable)
    assert.isTrue(fromNative({ code: 74, message: "x" }, context).isRetryable)
    assert.isFalse(fromNative({ code: 40, message: "x" }, context).isRetryable)
  })
})
