import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { readFileSync } from "node:fs"
import protobuf from "protobufjs"
import { reading } from "../../../src/registry/protobuf/binary/reading.ts"
import { writing } from "../../../src/registry/protobuf/binary/writing.ts"
import { derive } from "../../../src/registry/protobuf/derive/derive.ts"
import { parser } from "../../../src/registry/protobuf/library.ts"
import { print } from "../../../src/registry/protobuf/print.ts"
import { namesOf, pathOf } from "../../../src/registry/protobuf/protoType.ts"

interface Fixture {
  readonly request: { readonly body: { readonly schema: string } }
  readonly response: { readonly body: { readonly schema: string } }
}

const at = (field: number, type?: string) => ({ protobuf: { field, type } })
const hex = (text: string) => new Uint8Array(Buffer.from(text, "hex"))

/** Reads bytes of a writer's message `M` as a Schema's. */
const readAs = Effect.fnUntraced(function*(schema: Schema.Top, fields: string, more = "") {
  const parse = yield* parser
  const { shape } = derive(schema, { name: "M" })
  const file = parse(`syntax = "proto3"; message M { ${fields} } ${more}`, [])
  const read = reading(shape, file.messages[0]!.message)
  return (bytes: string) => read(hex(bytes))
})

const oneField = (schema: Schema.Top) => Schema.Struct({ f: schema.pipe(Schema.annotateKey(at(1))) })

class Line extends Schema.Class<Line>("Line")({
  sku: Schema.String.annotateKey(at(1)),
  amount: Schema.Int.annotateKey(at(2, "sint64")),
  at: Schema.Date.annotateKey(at(3))
}) {}

const integer = (least: number, most: number) => Schema.Int.check(Schema.isBetween({ minimum: least, maximum: most }))
const bigint = (least: bigint, most: bigint) =>
  Schema.BigInt.check(Schema.isBetweenBigInt({ minimum: least, maximum: most }))
const [int64Least, int64Most, uint64Most] = [-(2n ** 63n), 2n ** 63n - 1n, 2n ** 64n - 1n]

const Card = Schema.TaggedStruct("Card", { number: Schema.String.annotateKey(at(1)) })
const Cash = Schema.TaggedStruct("Cash", { coins: Schema.Array(integer(0, 9)).annotateKey(at(1)) })

/** A field of every type, at numbers with tags of one byte and of more. */
const Everything = Schema.Struct({
  double: Schema.Finite.annotateKey(at(1)),
  int32: Schema.Number.check(Schema.isInt32()).annotateKey(at(2)),
  uint32: Schema.Number.check(Schema.isUint32()).annotateKey(at(3)),
  sint32: integer(-2_147_483_648, 2_147_483_647).annotateKey(at(4, "sint32")),
  fixed32: integer(0, 4_294_967_295).annotateKey(at(5, "fixed32")),
  sfixed32: integer(-2_147_483_648, 2_147_483_647).annotateKey(at(6, "sfixed32")),
  int64: bigint(int64Least, int64Most).annotateKey(at(7)),
  uint64: bigint(0n, uint64Most).annotateKey(at(15, "uint64")),
  sint64: bigint(int64Least, int64Most).annotateKey(at(16, "sint64")),
  fixed64: bigint(0n, uint64Most).annotateKey(at(2_047, "fixed64")),
  sfixed64: bigint(int64Least, int64Most).annotateKey(at(2_048, "sfixed64")),
  number64: Schema.Int.annotateKey(at(536_870_911)),
  bool: Schema.Boolean.annotateKey(at(21)),
  text: Schema.String.annotateKey(at(22)),
  bytes: Schema.Uint8Array.annotateKey(at(23)),
  kind: Schema.Literals(["a", "b"]).annotate({ protobuf: { type: "Kind", values: { a: 0, b: -1 } } }).annotateKey(
    at(24)
  ),
  line: Schema.optionalKey(Line).annotateKey(at(25)),
  lines: Schema.Array(Line).annotateKey(at(26)),
  doubles: Schema.Array(Schema.Finite).annotateKey(at(27)),
  bools: Schema.Array(Schema.Boolean).annotateKey(at(28)),
  texts: Schema.Array(Schema.String).annotateKey(at(29)),
  map: Schema.Record(Schema.String, Line).annotateKey(at(30)),
  numbers: Schema.Record(Schema.String, Schema.Int).annotateKey(at(31)),
  maybe: Schema.NullOr(Schema.Int).annotateKey(at(32)),
  option: Schema.Option(Schema.String).annotateKey(at(33)),
  wrapped: Schema.NullOr(Schema.String).annotateKey(at(34, "google.protobuf.StringValue")),
  payment: Schema.Union([Card, Cash]).annotate({ protobuf: { oneof: { Card: 35, Cash: 36 } } })
})

const isWellFormed = (value: unknown): boolean => {
  if (typeof value === "string") return value.isWellFormed()
  if (typeof value !== "object" || value === null || value instanceof Uint8Array) return true
  return Object.entries(value).every(([name, each]) => name.isWellFormed() && isWellFormed(each))
}

describe("values of every type", () => {
  const derived = derive(Everything, { name: "Everything" })
  const write = writing(derived.shape)
  const read = reading(derived.shape, derived.shape.type)
  const encode = Schema.encodeSync(Everything)
  const decode = Schema.decodeUnknownSync(Everything)
  const equal = Schema.toEquivalence(Everything)
  const root = protobuf.parse(print(derived), new protobuf.Root(), { keepCase: true }).root
  root.addJSON(protobuf.common.get("google/protobuf/timestamp.proto")!.nested!)
  root.addJSON(protobuf.common.get("google/protobuf/wrappers.proto")!.nested!)
  const Type = root.lookupType("Everything")

  it.prop("survive, also by way of another library", [Everything], ([value]) => {
    if (!isWellFormed(value)) return true
    const bytes = write(encode(value))
    assert.isTrue(equal(decode(read(bytes)), value))
    const foreign = Type.encode(Type.decode(bytes)).finish()
    assert.isTrue(equal(decode(read(foreign)), value))
    return true
  }, { arbitrary: { runs: 100 } })

  it.prop("are refused where bytes are cut off, or are read as far as whole fields go", [Everything], ([value]) => {
    if (!isWellFormed(value)) return true
    const bytes = write(encode(value))
    for (let end = 0; end < Math.min(bytes.length, 64); end++) {
      try {
        read(bytes.subarray(0, end))
      } catch (error) {
        assert.instanceOf(error, Error)
        assert.notInstanceOf(error, TypeError)
      }
    }
    return true
  }, { arbitrary: { runs: 30 } })

  it("write the bytes of Protobuf's documentation", () => {
    const bytes = (schema: Schema.Top, value: unknown) =>
      Buffer.from(writing(derive(oneField(schema), { name: "M" }).shape)({ f: value })).toString("hex")
    assert.strictEqual(bytes(Schema.Int, 150), "089601")
    assert.strictEqual(bytes(Schema.Int, -1), "08ffffffffffffffffff01")
    assert.strictEqual(bytes(Schema.String, "testing"), "0a0774657374696e67")
    assert.strictEqual(bytes(Schema.Array(Schema.Int), [3, 270, 86_942]), "0a06038e029ea705")
    assert.strictEqual(bytes(Schema.Int, 0), "")
    assert.strictEqual(bytes(Schema.Finite, -0), "090000000000000080")
    assert.strictEqual(bytes(Schema.optionalKey(Schema.Int), 0), "0800")
    assert.strictEqual(bytes(Schema.optionalKey(Schema.Int), undefined), "")
  })
})

describe("Protobuf's rules of reading", () => {
  it.effect("take lists packed or not, the last of several values, and merge messages", () =>
    Effect.gen(function*() {
      const ints = yield* readAs(oneField(Schema.Array(Schema.Int)), "repeated int64 f = 1;")
      assert.deepStrictEqual(ints("0801" + "0a020203" + "0804"), { f: [1, 2, 3, 4] })
      const int = yield* readAs(oneField(Schema.Int), "int64 f = 1;")
      assert.deepStrictEqual(int("0801" + "0802"), { f: 2 })
      const line = yield* readAs(
        oneField(Line),
        "Line f = 1;",
        "message At { int64 seconds = 1; int32 nanos = 2; }"
          + "message Line { string sku = 1; sint64 amount = 2; At at = 3; }"
      )
      assert.deepStrictEqual(line("0a07" + "0a0161" + "1a020801" + "0a08" + "1004" + "1a0410c0843d"), {
        f: { sku: "a", amount: 2, at: new Date(1_001) }
      })
      const union = Schema.Struct({
        f: Schema.Union([Card, Cash]).annotate({ protobuf: { oneof: { Card: 1, Cash: 2 } } })
      })
      const pay = yield* readAs(
        union,
        "Card a = 1; Cash b = 2;",
        "message Card { string n = 1; } message Cash { repeated int64 c = 1; }"
      )
      assert.deepStrictEqual(pay("0a030a0161" + "12020801" + "12020802"), { f: { _tag: "Cash", coins: [1, 2] } })
    }))

  it.effect("pass over unknown fields, groups too, and give what is missing its default", () =>
    Effect.gen(function*() {
      const schema = Schema.Struct({
        id: Schema.String.annotateKey(at(1)),
        added: Schema.Int.annotateKey(at(9)),
        maybe: Schema.optionalKey(Schema.Int).annotateKey(at(10)),
        none: Schema.NullOr(Schema.Int).annotateKey(at(11)),
        list: Schema.Array(Schema.Int).annotateKey(at(12)),
        line: Schema.optionalKey(Line).annotateKey(at(13))
      })
      const read = yield* readAs(schema, "string id = 1;")
      const unknown = "1005" + "190102030405060708" + "220161" + "2b" + "0801" + "2b2c" + "2c" + "3501020304"
      assert.deepStrictEqual(read(unknown + "0a0161"), { id: "a", added: 0, none: null, list: [] })
    }))

  it.effect("know that a field without presence had its default", () =>
    Effect.gen(function*() {
      const schema = oneField(Schema.optionalKey(Schema.Int))
      assert.deepStrictEqual((yield* readAs(schema, "int64 f = 1;"))(""), { f: 0 })
      assert.deepStrictEqual((yield* readAs(schema, "optional int64 f = 1;"))(""), {})
      assert.deepStrictEqual((yield* readAs(schema, "int64 other = 2;"))(""), {})
    }))

  it.effect("let a type change within its group, exactly", () =>
    Effect.gen(function*() {
      const big = yield* readAs(oneField(Schema.BigInt), "uint64 f = 1;")
      assert.deepStrictEqual(big("08ffffffffffffffff7f"), { f: 2n ** 63n - 1n })
      assert.throws(() => big("08ffffffffffffffffff01"), /M\.f: 18446744073709551615 does not fit into int64/)
      const int32 = yield* readAs(oneField(Schema.Number.check(Schema.isInt32())), "int64 f = 1;")
      assert.deepStrictEqual(int32("08ffffffffffffffffff01"), { f: -1 })
      assert.throws(() => int32("088080808008"), /M\.f: 2147483648 does not fit into int32/)
      const number = yield* readAs(oneField(Schema.Int), "int64 f = 1;")
      assert.throws(() => number("0881808080808080" + "10"), /9007199254740993 cannot be a number .*Schema\.BigInt/)
      const flag = yield* readAs(oneField(Schema.Boolean), "int32 f = 1;")
      assert.deepStrictEqual(flag("0801"), { f: true })
      assert.throws(() => flag("0802"), /M\.f: 2 does not fit into bool/)
      const text = yield* readAs(oneField(Schema.String), "bytes f = 1;")
      assert.deepStrictEqual(text("0a0161"), { f: "a" })
      const list = yield* readAs(oneField(Schema.Array(Schema.String)), "string f = 1;")
      assert.deepStrictEqual(list("0a0161"), { f: ["a"] })
      const Kind = Schema.Literals(["a", "b"]).annotate({ protobuf: { type: "Kind", values: { a: 1, b: 2 } } })
      const kind = yield* readAs(oneField(Kind), "K f = 1;", "enum K { Z = 0; A = 1; B = 2; C = 3; }")
      assert.deepStrictEqual(kind("0802"), { f: "b" })
      assert.throws(() => kind("0803"), /M\.f: 3 is not a value of Kind/)
      assert.deepStrictEqual(kind(""), {})
    }))

  it.effect("refuse a type of another group, with the path", () =>
    Effect.gen(function*() {
      const refused = Effect.fnUntraced(function*(schema: Schema.Top, fields: string, problem: RegExp) {
        const exit = yield* Effect.exit(readAs(oneField(schema), fields, "message Line { int32 sku = 1; }"))
        assert.match(String(exit), problem)
      })
      yield* refused(Schema.Int, "sint64 f = 1;", /M\.f: the field 1 is sint64 there, and cannot be read as int64/)
      yield* refused(Schema.Finite, "float f = 1;", /M\.f: the field 1 is float there/)
      yield* refused(Schema.Int, "repeated int64 f = 1;", /M\.f: the field 1 is repeated int64 there/)
      yield* refused(Schema.String, "map<string, string> f = 1;", /M\.f: the field 1 is map<string, string> there/)
      yield* refused(Line, "Line f = 1;", /M\.f\.sku: the field 1 is int32 there, and cannot be read as string/)
      yield* refused(Line, "string f = 1;", /M\.f: the field 1 is string there/)
    }))
})

describe("hostile bytes", () => {
  const Deep: Schema.Codec<{ readonly next?: unknown }> = Schema.Struct({
    next: Schema.optionalKey(Schema.suspend((): Schema.Codec<unknown> => Deep)).annotateKey(at(1))
  }).annotate({ identifier: "Deep" }) as never
  const nested = (depth: number) => {
    let bytes = Buffer.alloc(0)
    for (let i = 0; i < depth; i++) {
      const length = bytes.length < 128 ? [bytes.length] : [bytes.length & 0x7f | 0x80, bytes.length >> 7]
      bytes = Buffer.concat([Buffer.from([0x0a, ...length]), bytes])
    }
    return bytes
  }

  it("end at once: lengths, depths, groups and numbers beyond what there is", () => {
    const { shape } = derive(oneField(Schema.String), { name: "M" })
    const read = reading(shape, shape.type)
    const cases: ReadonlyArray<readonly [string, RegExp]> = [
      ["0affffffff0f61", /truncated: 4294967295 bytes should follow, of 1/],
      ["0affffffffffffffffff0161", /truncated/],
      ["0a8080808080808080808001", /more than ten bytes/],
      ["00", /a number that no field has/],
      ["80808080808001", /a number that no field has/],
      ["0c", /the field 1 has the wire type 4/],
      ["14", /the field 2 has the wire type 4, which nothing may have here/],
      ["16", /the field 2 has the wire type 6/],
      ["13", /truncated/],
      ["131c", /the group 2 ends as 3/],
      ["13".repeat(100_000), /nested more than 100 deep/],
      ["12ffffff7f", /truncated/],
      ["0a02c328", /not UTF-8/]
    ]
    for (const [bytes, problem] of cases) assert.throws(() => read(hex(bytes)), problem)
    const deep = derive(Deep)
    const readDeep = reading(deep.shape, deep.shape.type)
    readDeep(nested(99))
    assert.throws(() => readDeep(nested(100)), /Deep: messages are nested more than 100 deep/)
    let value = {}
    for (let i = 0; i < 100; i++) value = { next: value }
    assert.throws(() => writing(deep.shape)(value), /nested more than 100 deep, which no reader takes/)
  })
})

describe("the library", () => {
  it.effect("generates no code: it works where that is forbidden", () =>
    Effect.gen(function*() {
      const original = globalThis.Function
      const forbidden = new Proxy(original, {
        apply: () => assert.fail("code is generated"),
        construct: () => assert.fail("code is generated")
      })
      const parse = yield* parser
      globalThis.Function = forbidden
      try {
        parse("syntax = \"proto3\"; message A { string a = 1; map<string, A> m = 2; }", [])
      } finally {
        globalThis.Function = original
      }
    }))

  it.effect("reads Google's own types, also where they are registered as references", () =>
    Effect.gen(function*() {
      const parse = yield* parser
      const text = "syntax = \"proto3\"; import \"google/protobuf/timestamp.proto\";"
        + "message A { google.protobuf.Timestamp t = 1; }"
      const timestamp =
        "syntax = \"proto3\"; package google.protobuf; message Timestamp { int64 seconds = 1; int32 nanos = 2; }"
      for (const references of [[], [{ text: timestamp }, { text: timestamp }]]) {
        const { type } = parse(text, references).messages[0]!.message.fields[0]!
        assert.strictEqual(type.kind === "message" && type.fields.length, 2)
      }
    }))

  it.effect("reads what a real registry returned, with a reference", () =>
    Effect.gen(function*() {
      const parse = yield* parser
      const bodyOf = (name: string) => {
        const path = new URL(`../../fixtures/registry/${name}.json`, import.meta.url)
        return (JSON.parse(readFileSync(path, "utf8")) as Fixture).response.body.schema
      }
      const orders = parse(bodyOf("version-proto"), [])
      assert.deepStrictEqual(namesOf(orders), ["Order", "Order.Line", "Other"])
      assert.deepStrictEqual(pathOf(orders, "Order.Line"), [0, 0])
      assert.deepStrictEqual(pathOf(orders, "Other"), [1])
      const money = (JSON.parse(
        readFileSync(new URL("../../fixtures/registry/register-ref-base-proto.json", import.meta.url), "utf8")
      ) as Fixture).request.body.schema
      const [sum] = parse(bodyOf("version-ref-proto"), [{ text: money }]).messages[0]!.message.fields
      assert.strictEqual(sum!.type.kind === "message" && sum!.type.name, "shop.Money")
    }))

  it.effect("says what is wrong with a text", () =>
    Effect.gen(function*() {
      const parse = yield* parser
      const message = (text: string) => `syntax = "proto3"; package p; ${text}`
      assert.throws(() => parse(message("message A {} message A {}"), []), /duplicate name 'A'/)
      assert.throws(
        () => parse(message("message A {}"), [{ text: message("message A { int32 n = 1; }") }]),
        /duplicate name 'A'/
      )
      assert.throws(() => parse(message("message A { B b = 1; }"), []), /no such Type or Enum 'B'/)
      assert.throws(() => parse(message("message A { int32 a = 1; int32 b = 1; }"), []), /duplicate id 1/)
      assert.throws(() => parse("no schema", []), /illegal token/)
    }))
})
