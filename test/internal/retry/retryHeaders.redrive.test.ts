import { assert, describe, it } from "@effect/vitest"
import type { RawHeader } from "../../../src/engine/KafkaEngine.ts"
import * as Bytes from "../../../src/internal/retry/bytes.ts"
import * as RetryHeaders from "../../../src/internal/retry/retryHeaders.ts"
import { hex, shown, text } from "./fixtures.ts"
import { hopOf, now, recordOf } from "./records.ts"

describe("headers of a redrive", () => {
  const user: ReadonlyArray<RawHeader> = [["bin", hex("00ff")], ["nil", null], ["bin", hex("01")], ["", text("é")]]
  const dead = recordOf(RetryHeaders.write(recordOf(user), hopOf({ due: undefined })), { topic: "billing.orders.dlt" })
  const again = RetryHeaders.replayed(dead, { group: "billing", replays: 1, at: now, id: "run-1" })

  it("start anew but for the origin", () => {
    assert.deepStrictEqual(shown(again.slice(0, 4)), shown(user))
    assert.deepStrictEqual(RetryHeaders.read(recordOf(again)), {
      attempts: 1,
      executions: 0,
      isCounted: false,
      due: undefined,
      origin: { topic: "orders", partition: 3, offset: 42, timestamp: now - 5000, timestampType: "LogAppendTime" },
      firstFailedAt: undefined,
      errorTag: undefined,
      errorMessage: undefined,
      errorFields: undefined,
      group: "billing",
      replays: 1,
      policy: undefined,
      family: "millrace"
    })
    const texts = Object.fromEntries(again.map(([name, value]) => [name, value && Bytes.readText(value, 99)]))
    assert.deepInclude(texts, {
      "x-retry-replays": "1",
      "x-retry-replayed-at": String(now),
      "x-retry-replay-id": "run-1"
    })
  })

  it("are carried through the hops that follow", () => {
    const failed = RetryHeaders.write(recordOf(again), hopOf())
    const names = failed.map(([name]) => name)
    for (const name of ["x-retry-replays", "x-retry-replayed-at", "x-retry-replay-id"]) {
      assert.strictEqual(names.filter((other) => other === name).length, 1, name)
    }
    assert.strictEqual(RetryHeaders.read(recordOf(failed)).replays, 1)
    const twice = RetryHeaders.replayed(recordOf(failed), { group: "billing", replays: 2, at: now, id: "run-2" })
    assert.strictEqual(twice.length, again.length)
    assert.strictEqual(RetryHeaders.read(recordOf(twice)).replays, 2)
  })

  const replay = { group: "billing", replays: 1, at: now, id: "r" }
  const written = ["kafka_dlt-original-consumer-group", "x-retry-replays", "x-retry-replayed-at", "x-retry-replay-id"]

  it("drop what other toolkits tell of the failure and of the origin, which ours have", () => {
    const theirs: ReadonlyArray<RawHeader> = [
      ["RETRY_TIMESTAMP", text("1795445271.5")],
      ["RETRY_MESSAGE", text("boom")],
      ["kafka_dlt-exception-stacktrace", text("at x")],
      ["kafka_dlt-original-topic", text("orders")],
      ["DEAD_LETTER_MESSAGE", text("boom")],
      ["DEAD_LETTER_SUMMARY", text("Boom: boom")],
      ["__connect.errors.exception.stacktrace", text("at y".repeat(900))],
      ["__streams.errors.message", text("no")],
      ["__dlq.errors.message", text("no")],
      ["dead-letter-reason", text("no")]
    ]
    const headers = RetryHeaders.replayed(recordOf([...theirs, ["trace", text("kept")]]), replay)
    assert.deepStrictEqual(headers.map(([name]) => name), ["trace", ...written])
    // On a record that failed here they came with it from its source.
    const own = RetryHeaders.write(recordOf(theirs), hopOf({ due: undefined, fresh: true }))
    const kept = RetryHeaders.replayed(recordOf(own), replay).map(([name]) => name)
    for (const name of ["DEAD_LETTER_MESSAGE", "__connect.errors.exception.stacktrace"]) assert.include(kept, name)
  })

  it("count redrives of the record itself, not of one whose headers were copied", () => {
    const replaysOf = (headers: ReadonlyArray<RawHeader>, topic: string, group = "billing") => {
      const hop = hopOf({ fresh: true, group })
      return RetryHeaders.read(recordOf(RetryHeaders.write(recordOf(headers, { topic }), hop))).replays
    }
    assert.strictEqual(replaysOf(again, "orders"), 1)
    assert.strictEqual(replaysOf(again, "invoices"), 0)
    assert.strictEqual(replaysOf(again, "orders", "shipping"), 0)
  })
})
