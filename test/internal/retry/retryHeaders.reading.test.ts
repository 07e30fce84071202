import { assert, describe, it } from "@effect/vitest"
import type { RawHeader } from "../../../src/engine/KafkaEngine.ts"
import * as Bytes from "../../../src/internal/retry/bytes.ts"
import * as RetryHeaders from "../../../src/internal/retry/retryHeaders.ts"
import { hex, shown, text } from "./fixtures.ts"
import { hopOf, Hostile, recordOf } from "./records.ts"

const isAbout = (value: number | undefined, min: number, max: number) =>
  assert.isTrue(value === undefined || Number.isSafeInteger(value) && value >= min && value <= max, String(value))

describe("reading retry headers", () => {
  it("tells the first delivery of a record without any", () => {
    const nothing = {
      attempts: 1,
      executions: 0,
      isCounted: false,
      due: undefined,
      origin: undefined,
      firstFailedAt: undefined,
      errorTag: undefined,
      errorMessage: undefined,
      errorFields: undefined,
      group: undefined,
      replays: 0,
      policy: undefined,
      family: undefined
    }
    assert.deepStrictEqual(RetryHeaders.read(recordOf([["trace", null]])), nothing)
    assert.deepStrictEqual(RetryHeaders.read({ ...recordOf([]), headers: undefined }), nothing)
  })

  it("counts attempts as Spring does, and an attempt that cannot be as the first", () => {
    const attemptsOf = (value: Uint8Array | null) =>
      RetryHeaders.read(recordOf([["retry_topic-attempts", value]])).attempts
    const table: ReadonlyArray<readonly [string, number]> = [
      ["00000002", 2],
      ["00007fff", 32_767],
      ["00008000", 1],
      ["7fffffff", 1],
      ["00000000", 1],
      ["ffffffff", 1],
      ["", 1],
      ["0002", 1],
      ["0000000000000002", 1],
      ["000000000000000002", 1],
      // One byte is the old form, without a sign: the text "2" is attempt 50.
      ["32", 50],
      ["ff", 255],
      ["00", 1]
    ]
    for (const [value, attempts] of table) assert.strictEqual(attemptsOf(hex(value)), attempts, value)
    assert.strictEqual(attemptsOf(null), 1)
    assert.strictEqual(RetryHeaders.read(recordOf([]), { attempts: 4 }).attempts, 4)
    assert.strictEqual(RetryHeaders.read(recordOf([]), { attempts: 4 }).executions, 3)
    assert.strictEqual(RetryHeaders.read(recordOf([]), { attempts: 99_999 }).attempts, 1)
    assert.strictEqual(
      RetryHeaders.read(recordOf([["retry_topic-attempts", hex("00000007")]]), { attempts: 4 }).attempts,
      7
    )
  })

  it("takes no due time that cannot be one", () => {
    const dueOf = (value: Uint8Array | null) =>
      RetryHeaders.read(recordOf([["retry_topic-backoff-timestamp", value]])).due
    assert.strictEqual(dueOf(hex("01a011800e00")), 1_787_000_000_000)
    assert.strictEqual(dueOf(hex("000001a011800e00")), 1_787_000_000_000)
    // The first moment of a test's clock is a time like any other.
    assert.strictEqual(dueOf(hex("00")), 0)
    const bad = ["", "ff", "ffffffffffff", "7fffffffffffffff", "8000000000000000", "00000001a011800e00"]
    for (const value of bad) assert.isUndefined(dueOf(hex(value)), value)
    assert.isUndefined(dueOf(null))
    assert.isUndefined(dueOf(text("1795445271.711482")))
    assert.isUndefined(dueOf(text("17954452")))
  })

  it("takes the last of repeated values", () => {
    const state = RetryHeaders.read(recordOf([
      ["retry_topic-attempts", hex("00000009")],
      ["retry_topic-attempts", hex("00000002")],
      ["x-retry-replays", text("2")],
      ["x-retry-replays", text("two")]
    ]))
    assert.strictEqual(state.attempts, 2)
    assert.strictEqual(state.replays, 0)
  })

  it("believes an origin as a whole or not at all", () => {
    const headers: ReadonlyArray<RawHeader> = [
      ["kafka_original-topic", text("first")],
      ["kafka_original-partition", hex("00000001")],
      ["kafka_original-offset", hex("0000000000000005")]
    ]
    const origin = { topic: "first", partition: 1, offset: 5, timestamp: -1, timestampType: undefined }
    assert.deepStrictEqual(RetryHeaders.read(recordOf(headers)).origin, origin)
    const bad: ReadonlyArray<RawHeader> = [
      ["kafka_original-topic", text("no topic")],
      ["kafka_original-topic", text("x".repeat(250))],
      ["kafka_original-topic", text(`${"x".repeat(249)}é`)],
      ["kafka_original-topic", text("..")],
      ["kafka_original-topic", null],
      ["kafka_original-partition", hex("ffffffff")],
      ["kafka_original-partition", text("1")],
      ["kafka_original-offset", hex("00000005")],
      ["kafka_original-offset", hex("ffffffffffffffff")],
      ["kafka_original-offset", hex("7fffffffffffffff")]
    ]
    for (const header of bad) {
      assert.isUndefined(RetryHeaders.read(recordOf([...headers, header])).origin, shown([header]).join())
    }
    for (const timestamp of ["ffffffffffffffff", "00", "7fffffffffffffff"]) {
      const state = RetryHeaders.read(recordOf([...headers, ["kafka_original-timestamp", hex(timestamp)]]))
      assert.deepStrictEqual(state.origin, origin, timestamp)
    }
  })

  it("recognises the dead letters of other toolkits", () => {
    const families: ReadonlyArray<
      readonly [string, string, string | undefined, ReadonlyArray<readonly [string, string]>]
    > = [
      ["smallrye", "dead-letter-", "IllegalStateException", [
        ["dead-letter-exception-class-name", "java.lang.IllegalStateException"],
        ["dead-letter-reason", "broken"]
      ]],
      ["smallrye", "delayed-retry-", "IllegalStateException", [
        ["delayed-retry-exception-class-name", "java.lang.IllegalStateException"],
        ["delayed-retry-reason", "broken"]
      ]],
      ["connect", "__connect.errors.", "DataException", [
        ["__connect.errors.exception.class.name", "org.apache.kafka.connect.errors.DataException"],
        ["__connect.errors.exception.message", "broken"]
      ]],
      ["streams", "__streams.errors.", "StreamsException", [
        ["__streams.errors.exception", "org.apache.kafka.streams.errors.StreamsException"],
        ["__streams.errors.message", "broken"]
      ]],
      ["share", "__dlq.errors.", undefined, [["__dlq.errors.message", "broken"]]],
      ["django-kafka", "DEAD_LETTER_MESSAGE_", undefined, [["DEAD_LETTER_SUMMARY", "broken"]]]
    ]
    for (const [family, prefix, errorTag, more] of families) {
      const at = (name: string) => prefix + (prefix.startsWith("DEAD") ? name.toUpperCase() : name)
      const state = RetryHeaders.read(recordOf([
        ...more.map(([name, value]): RawHeader => [name, text(value)]),
        [at("topic"), text("elsewhere")],
        [at("partition"), text("7")],
        [at("offset"), text("1234567890123")]
      ]))
      assert.deepInclude(state, { family, errorTag, errorMessage: "broken" } as Partial<RetryHeaders.RetryState>)
      const origin = {
        topic: "elsewhere",
        partition: 7,
        offset: 1_234_567_890_123,
        timestamp: -1,
        timestampType: undefined
      }
      assert.deepStrictEqual(state.origin, origin, prefix)
    }
    // A user's header may well have the name of a family.
    assert.isUndefined(RetryHeaders.read(recordOf([["connect", text("a")], ["spring", text("b")]])).family)
  })

  it.prop("never throws, and never tells what cannot be", { headers: Hostile }, ({ headers }) => {
    const state = RetryHeaders.read(recordOf(headers))
    isAbout(state.attempts, 1, 32_767)
    isAbout(state.executions, 0, 2_147_483_647)
    isAbout(state.due, 0, 8.64e15)
    isAbout(state.firstFailedAt, 0, 8.64e15)
    isAbout(state.replays, 0, 2_147_483_647)
    isAbout(state.origin?.partition, 0, 2_147_483_647)
    isAbout(state.origin?.offset, 0, Number.MAX_SAFE_INTEGER)
  })

  it("counts and names what failed at another toolkit after us, not our own earlier failure", () => {
    const ours = RetryHeaders.write(recordOf([]), hopOf({ attempts: 2, executions: 3 }))
    // As Spring does: its headers replace those of the same name, or come after them.
    const theirs: ReadonlyArray<RawHeader> = [
      ...ours,
      ["retry_topic-attempts", Bytes.int32(6)],
      ["kafka_exception-fqcn", text("com.bank.Declined")],
      ["kafka_exception-message", text("fifth")]
    ]
    assert.deepInclude(RetryHeaders.read(recordOf(ours)), { attempts: 2, executions: 3, errorTag: "CardDeclined" })
    assert.deepInclude(RetryHeaders.read(recordOf(theirs)), {
      attempts: 6,
      executions: 7,
      errorTag: "Declined",
      errorMessage: "fifth"
    })
    const sameNumber = [...ours, ["kafka_exception-fqcn", text("com.bank.Declined")] as const]
    assert.strictEqual(RetryHeaders.read(recordOf(sameNumber)).errorTag, "Declined")
  })

  it("knows whether anything tells how many times a handler ran", () => {
    const countOf = (...headers: ReadonlyArray<RawHeader>) => {
      const { executions, isCounted } = RetryHeaders.read(recordOf(headers))
      return isCounted ? executions : undefined
    }
    assert.isUndefined(countOf(["__connect.errors.topic", text("orders")]))
    assert.isUndefined(countOf(["DEAD_LETTER_MESSAGE_TOPIC", text("orders")]))
    assert.strictEqual(countOf(["__dlq.errors.delivery.count", text("5")]), 5)
    assert.strictEqual(countOf(["retry_topic-attempts", Bytes.int32(4)]), 3)
  })
})
