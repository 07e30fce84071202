import { assert, describe, it } from "@effect/vitest"
import { pipe } from "effect/Function"
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

  it("bytes that are no UTF-8 are no text, and nothing is replaced", () => {
    assert.strictEqual(Headers.get(list, "c"), undefined)
    assert.deepStrictEqual(Headers.getBytes(list, "c"), new Uint8Array([0xff]))
    assert.deepStrictEqual(Headers.toTexts(list), { a: "2" })
    assert.strictEqual(Headers.get([["x", bytes("a\ufffd")]], "x"), "a\ufffd")
  })

  it("a byte order mark is part of a text", () => {
    const marked: Headers.Headers = [["x", bytes("\ufeffa")], ["y", bytes("\ufeffa\ufffd")]]
    assert.strictEqual(Headers.get(marked, "x"), "\ufeffa")
    assert.deepStrictEqual(Headers.toTexts(marked), { x: "\ufeffa", y: "\ufeffa\ufffd" })
  })

  it("a header may have the name of anything", () => {
    const names = ["__proto__", "constructor", "toString", "7", ""]
    const odd: Headers.Headers = names.map((name) => [name, bytes(name)])
    const texts = Headers.toTexts(odd)
    assert.sameMembers(Object.keys(texts), names)
    for (const name of names) {
      assert.strictEqual(Headers.get(odd, name), name)
      assert.strictEqual(Object.getOwnPropertyDescriptor(texts, name)?.value, name)
    }
    assert.deepStrictEqual(Headers.fromInput({ ["__proto__"]: "a" }), [["__proto__", bytes("a")]])
  })

  it("a text that UTF-8 cannot express is refused by its header's name", () => {
    const half = "\udc00"
    for (const wrong of [() => Headers.fromInput({ h: half }), () => Headers.set(list, "h", half)]) {
      assert.throws(wrong, /header "h": .*surrogate/)
    }
  })

  it("reads from left to right in a pipe", () => {
    const piped = pipe(list, Headers.remove("a"), Headers.append("n", "1"), Headers.set("b", "2"), Headers.toTexts)
    assert.deepStrictEqual(piped, { n: "1", b: "2" })
    assert.strictEqual(pipe(list, Headers.get("a")), "2")
    assert.strictEqual(pipe(list, Headers.getBytes("b")), null)
    assert.strictEqual(pipe(list, Headers.getAll("a")).length, 2)
  })
})
