import { assert, describe, it } from "@effect/vitest"
import type { RawHeader } from "../../../src/engine/KafkaEngine.ts"
import * as RetryHeaders from "../../../src/internal/retry/retryHeaders.ts"
import { hex, shown } from "./fixtures.ts"
import { hopOf, Hostile, now, recordOf, User, whole } from "./records.ts"

const stated = ["retry_topic-", "kafka_", "x-retry-", "RETRY_"]

describe("writing retry headers", () => {
  it.prop("keeps the user's as they are, in front, and each of ours once", {
    user: User,
    hostile: Hostile,
    attempts: whole(2, 32_767)
  }, ({ attempts, hostile, user }) => {
    const half = Math.floor(user.length / 2)
    const record = recordOf([...user.slice(0, half), ...hostile, ...user.slice(half)])
    const headers = RetryHeaders.write(record, hopOf({ attempts }))
    const kept = shown(headers).filter(([name]) => user.some((header) => header[0] === name))
    assert.deepStrictEqual(kept, shown(user))
    const ours = headers.map(([name]) => name)
      .filter((name) => stated.some((prefix) => name.startsWith(prefix)) && name !== "kafka_own")
      .filter((name) => !name.startsWith("kafka_dlt-original-") || name.endsWith("group"))
    assert.strictEqual(new Set(ours).size, ours.length)
    const before = RetryHeaders.read(record)
    const state = RetryHeaders.read({ ...record, headers })
    assert.deepStrictEqual(state, {
      attempts,
      executions: 4,
      isCounted: true,
      due: now + 10_000,
      origin: before.origin
        ?? { topic: "orders", partition: 3, offset: 42, timestamp: now - 5000, timestampType: "LogAppendTime" },
      firstFailedAt: now - 1000,
      errorTag: "CardDeclined",
      errorMessage: "no money",
      errorFields: undefined,
      group: "billing",
      replays: before.replays,
      policy: "0badcafe",
      family: "millrace"
    })
  })

  it("does not grow over a hundred hops, and keeps the first origin and the last error", () => {
    const user: ReadonlyArray<RawHeader> = [["bin", hex("00ff")], ["nil", null], ["bin", hex("01")]]
    let record = recordOf(user)
    const sizes = new Set<number>()
    for (let hop = 1; hop <= 100; hop++) {
      const headers = RetryHeaders.write(
        record,
        hopOf({
          attempts: 1000 + hop,
          executions: 1000 + hop,
          error: { tag: "Boom", message: `${hop}`.padStart(4), stack: "é".repeat(9000), causeName: undefined }
        })
      )
      sizes.add(headers.reduce((size, [name, value]) => size + name.length + (value?.length ?? 0), 0))
      record = recordOf(headers, { topic: "billing.orders.retry.1", partition: 0, offset: hop, timestamp: now + hop })
    }
    assert.strictEqual(sizes.size, 1)
    assert.isBelow([...sizes][0]!, 5500)
    const state = RetryHeaders.read(record)
    assert.strictEqual(state.attempts, 1100)
    assert.strictEqual(state.errorMessage, " 100")
    assert.deepInclude(state.origin!, { topic: "orders", partition: 3, offset: 42, timestamp: now - 5000 })
    assert.deepStrictEqual(shown(record.headers!.slice(0, 3)), shown(user))
  })

  it("bounds message and stack, and leaves them out of a bare copy", () => {
    const error = {
      tag: "T".repeat(999),
      message: "漢".repeat(999),
      stack: "é".repeat(9999),
      causeName: "C".repeat(999)
    }
    const sizesOf = (more: Partial<RetryHeaders.Hop>) =>
      Object.fromEntries(
        RetryHeaders.write(recordOf([]), hopOf({ error, ...more })).map(([name, value]) => [name, value!.length])
      )
    const full = sizesOf({})
    assert.strictEqual(full["kafka_exception-message"], 1023)
    assert.strictEqual(full["kafka_exception-stacktrace"], 4096)
    assert.strictEqual(full["kafka_exception-fqcn"], 256)
    assert.strictEqual(full["kafka_exception-cause-fqcn"], 256)
    const bare = sizesOf({ bare: true })
    assert.isUndefined(bare["kafka_exception-message"])
    assert.isUndefined(bare["kafka_exception-stacktrace"])
    assert.strictEqual(bare["kafka_exception-fqcn"], 256)
  })

  it("says the time of the failure on the way to a dead letter topic, and stops counting where readers do", () => {
    const state = RetryHeaders.read(
      recordOf(RetryHeaders.write(recordOf([]), hopOf({ due: undefined, attempts: 99_999 })))
    )
    assert.strictEqual(state.due, now)
    assert.strictEqual(state.attempts, 32_767)
  })

  it("tells nothing of a timestamp that is not known", () => {
    const headers = RetryHeaders.write(recordOf([], { timestamp: -1, timestampType: undefined }), hopOf())
    assert.isFalse(headers.some(([name]) => /original-timestamp/.test(name)))
    assert.strictEqual(RetryHeaders.read(recordOf(headers)).origin?.timestamp, -1)
  })

  it("does not take over the origin that a source record copied from another", () => {
    const copied = RetryHeaders.write(recordOf([], { topic: "foreign" }), hopOf())
    const topicOf = (fresh: boolean) =>
      RetryHeaders.read(recordOf(RetryHeaders.write(recordOf(copied), hopOf({ fresh })))).origin?.topic
    assert.strictEqual(topicOf(true), "orders")
    assert.strictEqual(topicOf(false), "foreign")
  })
})
