import { assert, describe, it } from "@effect/vitest"
import type { RawHeader } from "../../../src/engine/KafkaEngine.ts"
import * as Bytes from "../../../src/internal/retry/bytes.ts"
import * as RetryHeaders from "../../../src/internal/retry/retryHeaders.ts"
import { hex, shown, text } from "./fixtures.ts"
import { hopOf, now, recordOf } from "./records.ts"

describe("headers of a redrive", () => {
  const user: ReadonlyArray<RawHeader> = [["bin", hex("00ff")], ["nil", null], ["bin", hex("01")], ["", text("é")]]
  const dead = recordOf(RetryHeaders.write(recordOf(user), hopOf({ due: undefined })), { topic: "billing.orders.dlt" })
  const again = RetryHeaders.replayed(dead, { replays: 1, at: now, id: "run-1" })

  it("start anew but for the origin", () => {
    assert.deepStrictEqual(shown(again.slice(0, 4)), shown(user))
    assert.deepStrictEqual(RetryHeaders.read(recordOf(again)), {
      attempts: 1,
      executions: 0,
      due: undefined,
      origin: { topic: "orders", partition: 3, offset: 42, timestamp: now - 5000, timestampType: "LogAppendTime" },
      firstFailedAt: undefined,
      errorTag: undefined,
      errorMessage: undefined,
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
    const twice = RetryHeaders.replayed(recordOf(failed), { replays: 2, at: now, id: "run-2" })
    assert.strictEqual(twice.length, again.length)
    assert.strictEqual(RetryHeaders.read(recordOf(twice)).replays, 2)
  })

  it("drop the due time and the stack that other toolkits left", () => {
    const headers = RetryHeaders.replayed(
      recordOf([
        ["RETRY_TIMESTAMP", text("1795445271.5")],
        ["RETRY_MESSAGE", text("boom")],
        ["kafka_dlt-exception-stacktrace", text("at x")],
        ["kafka_dlt-original-topic", text("kept")]
      ]),
      { replays: 1, at: now, id: "r" }
    )
    assert.deepStrictEqual(headers.map(([name]) => name), [
      "kafka_dlt-original-topic",
      "x-retry-replays",
      "x-retry-replayed-at",
      "x-retry-replay-id"
    ])
  })
})
