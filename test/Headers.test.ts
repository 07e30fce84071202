import { assert, describe, it } from "@effect/vitest"
import { Headers } from "millrace"

const bytes = (value: string) => new TextEncoder().encode(value)

describe("Headers", () => {
  const list: Headers.Headers = [["a", bytes("1")], ["b", null], ["a", bytes("2")], ["c", new Uint8Array([0xff])]]

  it("the last of a repeated name counts, all of them are kept", () => {
    assert.strictEqual(Headers.get(list, "a"), "2")
    assert.deepStrictEqual(Headers.getAll(list, "a"), [bytes("1"), bytes("2")])
  })

  it("a null value is found as bytes and absent as text", () => {
    assert.strictEqual(Headers.getBytes(list, "b"), null)
    assert.strictEqual(Headers.get(list, "b"), undefined)
    assert.strictEqual(Headers.getBytes(list, "z"), undefined)
  })

  it("a later null takes an earlier text away from the object form", () => {
    assert.deepStrictEqual(Headers.toTexts([["x", bytes("1")], ["x", null]]), {})
  })

  it("set replaces every one of the name, append and remove do what they say", () => {
    assert.deepStrictEqual(Headers.set(list, "a", "3").map(([name]) => name), ["b", "c", "a"])
    assert.strictEqual(Headers.append(list, "a", "3").length, 5)
    assert.deepStrictEqual(Headers.remove(list, "a").map(([name]) => name), ["b", "c"])
  })

  it("makes headers of an object, and takes a list as it is", () => {
    assert.deepStrictEqual(Headers.fromInput({ a: "1", b: null }), [["a", bytes("1")], ["b", null]])
    assert.strictEqual(Headers.fromInput(list), list)
  })
})
