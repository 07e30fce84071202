import { assert, describe, it } from "@effect/vitest"
import * as Schema from "effect/Schema"
import type { RawHeader } from "../../../src/engine/Model.ts"
import * as Wire from "../../../src/registry/format/wireFormat.ts"

const bytes = (text: string) => Uint8Array.from(text.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16))
const guid = "89791762-2336-4186-9674-299b90a802e2"

describe("the id of a schema", () => {
  it("is read from a prefix, as Confluent writes it", () => {
    assert.deepStrictEqual(Wire.read(bytes("0000000007ff")), { _tag: "Id", id: 7 })
    assert.deepStrictEqual(Wire.read(bytes("007fffffff")), { _tag: "Id", id: 2_147_483_647 })
    const framed = bytes("0189791762233641869674299b90a802e2ab")
    assert.deepStrictEqual(Wire.read(framed), { _tag: "Guid", guid })
    assert.deepStrictEqual([Wire.sizeOf(framed), Wire.numberOf(framed)], [17, undefined])
    assert.deepStrictEqual([bytes("00fffffffeff"), bytes("00ffff"), bytes("")].map(Wire.numberOf), [
      4_294_967_294,
      undefined,
      undefined
    ])
  })

  it("is refused with what was found", () => {
    assert.throws(() => Wire.read(bytes("")), /empty/)
    assert.throws(() => Wire.read(bytes("7b22")), /0x7b.*without a registry/)
    assert.throws(() => Wire.read(bytes("0000")), /cut off: 2 bytes instead of 5/)
    assert.throws(() => Wire.read(bytes("01aa")), /cut off: 2 bytes instead of 17/)
    // A registry says of more than an int32 that it knows no such path, as a proxy would.
    assert.throws(() => Wire.read(bytes("0080000000")), /the id of the schema is 2147483648.*above 2147483647/)
    assert.throws(() => Wire.idBytes({ _tag: "Guid", guid: "nope" }), /"nope" is not a GUID/)
  })

  it("is found in the last of its headers", () => {
    const headers: ReadonlyArray<RawHeader> = [
      ["__value_schema_id", bytes("0000000001")],
      ["__value_schema_id", bytes("0000000002")],
      ["__key_schema_id", null]
    ]
    assert.deepStrictEqual(Wire.headerOf(headers, "value"), bytes("0000000002"))
    assert.isUndefined(Wire.headerOf(headers, "key"))
  })

  it.prop("survives the way there and back", [Schema.Int, Schema.Boolean], ([number, isGuid]) => {
    const id = Math.abs(number) % 2 ** 32
    const schema: Wire.SchemaId = isGuid ? { _tag: "Guid", guid } : { _tag: "Id", id }
    const framed = Wire.idBytes(schema, bytes("0102"))
    assert.deepStrictEqual(Wire.read(framed), schema)
    assert.strictEqual(Wire.numberOf(framed), isGuid ? undefined : id)
    assert.deepStrictEqual(framed.subarray(Wire.sizeOf(framed)), bytes("0102"))
  })
})

describe("Protobuf's message indexes", () => {
  const hexOf = (path: ReadonlyArray<number>) => Buffer.from(Wire.indexBytes(path)).toString("hex")

  it("are zig-zag varints after their count, and a single 00 for the first type", () => {
    assert.strictEqual(hexOf([0]), "00")
    assert.strictEqual(hexOf([1]), "0202")
    assert.strictEqual(hexOf([2, 0]), "040400")
    assert.strictEqual(hexOf([300]), "02d804")
  })

  it("are refused where they are hostile", () => {
    assert.throws(() => Wire.readIndexes(bytes("01"), 0), /-1 message indexes/)
    assert.throws(() => Wire.readIndexes(bytes("ffffffff0f"), 0), /message indexes/)
    assert.throws(() => Wire.readIndexes(bytes("ffffffffff0f"), 0), /more than five bytes/)
    assert.throws(() => Wire.readIndexes(bytes("0201"), 0), /index -1 is negative/)
    assert.throws(() => Wire.readIndexes(bytes("04"), 0), /cut off/)
  })

  it.prop("survive the way there and back", [Schema.Array(Schema.Int)], ([numbers]) => {
    const path = [1, ...numbers].slice(0, 10).map((number) => Math.abs(number) % 2 ** 30)
    const read = Wire.readIndexes(Wire.indexBytes(path), 0)
    assert.deepStrictEqual(read.path, path)
    assert.strictEqual(read.at, Wire.indexBytes(path).length)
  })
})
