import { assert, describe, it } from "@effect/vitest"
import * as DateTime from "effect/DateTime"
import { toMillis } from "../../../src/internal/shared/times.ts"

const noon = Date.UTC(2026, 0, 31, 12)

describe("toMillis", () => {
  it("takes what people and drivers write for a time", () => {
    const inputs = [
      noon,
      new Date(noon),
      DateTime.makeUnsafe(noon),
      "2026-01-31T12:00:00Z",
      "2026-01-31T13:00:00+01:00"
    ]
    for (const input of inputs) assert.strictEqual(toMillis(input), noon)
    assert.strictEqual(toMillis("2024-02-29"), Date.UTC(2024, 1, 29))
  })

  it("takes a text without a zone in UTC", () => {
    assert.strictEqual(toMillis("2026-01-31T12:00:00"), noon)
  })

  it("refuses what is no time", () => {
    const inputs = [
      Number.NaN,
      Number.POSITIVE_INFINITY,
      "",
      "soon",
      "2026-02-30",
      "2026-02-30T12:00:00Z",
      "2026-13-01"
    ]
    for (const input of inputs) assert.strictEqual(toMillis(input), undefined, String(input))
  })
})
