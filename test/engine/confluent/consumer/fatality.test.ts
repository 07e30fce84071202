import { assert, describe, it } from "@effect/vitest"
import { vi } from "vitest"
import { Fatality } from "../../../../src/engine/confluent/consumer/fatality.ts"
import type { NativeError } from "../../../../src/engine/confluent/shared/native.ts"

const error: NativeError = { code: -150, message: "Local: Fatal error" }

const told = () => {
  const messages: Array<string> = []
  return { messages, fatality: new Fatality(({ message }) => messages.push(message)) }
}

describe("the end of a native client", () => {
  it("is told once, with its reason, whichever comes first", () => {
    for (const order of [["log", "error", "error"], ["error", "log", "error"]] as const) {
      const { fatality, messages } = told()
      for (const one of order) {
        if (one === "log") fatality.onLog("fenced")
        else fatality.onError(error)
      }
      assert.deepStrictEqual(messages, ["fenced"])
    }
  })

  it("is told by the log alone, because the error gets lost behind records", () => {
    const { fatality, messages } = told()
    fatality.onLog("fenced")
    assert.deepStrictEqual(messages, ["fenced"])
  })

  it("is told without its reason when that does not come", () => {
    vi.useFakeTimers()
    try {
      const { fatality, messages } = told()
      fatality.onError(error)
      vi.advanceTimersByTime(1_000)
      assert.deepStrictEqual(messages, [])
      vi.advanceTimersByTime(1_000)
      assert.deepStrictEqual(messages, [error.message])
    } finally {
      vi.useRealTimers()
    }
  })

  it("is not told to who has closed the client", () => {
    const { fatality, messages } = told()
    fatality.onError(error)
    fatality.stop()
    fatality.onLog("fenced")
    assert.deepStrictEqual(messages, [])
  })
})
