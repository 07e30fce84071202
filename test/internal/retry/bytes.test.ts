import { assert, describe, it } from "@effect/vitest"
import * as Arbitrary from "effect/Arbitrary"
import * as Schema from "effect/Schema"
import * as Bytes from "../../../src/internal/retry/bytes.ts"
import { hex, text } from "./fixtures.ts"

const Safe = Arbitrary.schema(
  Schema.Int.check(Schema.isBetween({ minimum: -Number.MAX_SAFE_INTEGER, maximum: Number.MAX_SAFE_INTEGER }))
)
const Bits = Arbitrary.schema(Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 52 })))
const Limit = Arbitrary.schema(Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 40 })))

const show = (bytes: Uint8Array) => Buffer.from(bytes).toString("hex")

describe("bytes of Java clients", () => {
  it("are those of the JVM", () => {
    assert.strictEqual(show(Bytes.bigInteger(1_787_000_000_000)), "01a011800e00")
    assert.strictEqual(show(Bytes.int32(2)), "00000002")
    assert.strictEqual(show(Bytes.int64(1_795_445_339_639)), "000001a208e1b5f7")
    const table: ReadonlyArray<readonly [number, string]> = [
      [0, "00"],
      [127, "7f"],
      [128, "0080"],
      [255, "00ff"],
      [256, "0100"],
      [-1, "ff"],
      [-128, "80"],
      [-129, "ff7f"]
    ]
    for (const [value, bytes] of table) assert.strictEqual(show(Bytes.bigInteger(value)), bytes, String(value))
  })

  it.prop("come back as they went", { value: Safe, bits: Bits }, ({ bits, value }) => {
    const small = Math.trunc(value / 2 ** bits)
    assert.equal(Bytes.readInt64(Bytes.int64(small)), small)
    assert.equal(Bytes.readBigInteger(Bytes.bigInteger(small)), small)
    // Also as a long, which is how others write them.
    assert.equal(Bytes.readBigInteger(Bytes.int64(small)), small)
    const int = small | 0
    assert.strictEqual(Bytes.readInt32(Bytes.int32(int)), int)
  })

  it.prop("have no byte more than the sign needs", { value: Safe, bits: Bits }, ({ bits, value }) => {
    const small = Math.trunc(value / 2 ** bits)
    const bytes = Bytes.bigInteger(small)
    if (bytes.length > 1) assert.notEqual(Bytes.readBigInteger(bytes.subarray(1)), small)
  })

  it("are read at their own length alone", () => {
    for (const length of [0, 1, 3, 5, 8, 9]) assert.isUndefined(Bytes.readInt32(new Uint8Array(length)))
    for (const length of [0, 1, 4, 7, 9]) assert.isUndefined(Bytes.readInt64(new Uint8Array(length)))
    for (const length of [0, 9, 17]) assert.isUndefined(Bytes.readBigInteger(new Uint8Array(length)))
    assert.isUndefined(Bytes.readInt64(hex("7fffffffffffffff")))
    assert.isUndefined(Bytes.readBigInteger(text("17954452")))
    assert.isUndefined(Bytes.readInt32(null))
    assert.isUndefined(Bytes.readBigInteger(undefined))
  })

  it("of decimal texts are read when they are nothing else", () => {
    assert.strictEqual(Bytes.readDecimal(text("0")), 0)
    assert.strictEqual(Bytes.readDecimal(text("1795445271711")), 1_795_445_271_711)
    for (const bad of ["", "-1", "+1", "1.5", "1e9", "0x10", " 1", "1\n", "９", "9999999999999999", "1".repeat(400)]) {
      assert.isUndefined(Bytes.readDecimal(text(bad)), bad)
    }
    assert.strictEqual(Bytes.readSeconds(text("1795445271.711482")), 1_795_445_271_712)
    assert.strictEqual(Bytes.readSeconds(text("1795445271")), 1_795_445_271_000)
    for (const bad of ["", "-1.0", "1.", ".5", "NaN", "inf", "1e9", "1.0000000001", "9".repeat(14)]) {
      assert.isUndefined(Bytes.readSeconds(text(bad)), bad)
    }
  })
})

describe("cut texts", () => {
  const Text = Arbitrary.array(Arbitrary.schema(Schema.Literals(["a", "é", "漢", "😀", "\ud800"])), { maxLength: 30 })

  it.prop("end between two characters, and as late as possible", { parts: Text, limit: Limit }, ({ limit, parts }) => {
    const whole = parts.join("")
    const bytes = Bytes.utf8(whole, limit)
    const full = Buffer.from(whole)
    assert.isAtMost(bytes.length, limit)
    assert.deepStrictEqual(show(bytes), show(full.subarray(0, bytes.length)))
    assert.doesNotThrow(() => new TextDecoder("utf-8", { fatal: true }).decode(bytes))
    if (bytes.length < full.length) assert.isAbove(bytes.length, limit - 4)
    // Reading cuts the same way.
    assert.strictEqual(Bytes.readText(full, limit) ?? "", new TextDecoder().decode(bytes))
  })

  it("of bytes that are no text are still read", () => {
    assert.strictEqual(Bytes.readText(hex("ff61"), 10), "\ufffda")
    assert.isUndefined(Bytes.readText(hex("80808080"), 2))
    assert.isUndefined(Bytes.readText(new Uint8Array(0), 10))
    assert.isUndefined(Bytes.readText(null, 10))
  })
})
