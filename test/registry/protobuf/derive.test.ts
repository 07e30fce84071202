import { assert, describe, it } from "@effect/vitest"
import * as DateTime from "effect/DateTime"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import { reading } from "../../../src/registry/protobuf/binary/reading.ts"
import { writing } from "../../../src/registry/protobuf/binary/writing.ts"
import { derive } from "../../../src/registry/protobuf/derive/derive.ts"
import { firstDifference } from "../../../src/registry/protobuf/layout.ts"
import { parser } from "../../../src/registry/protobuf/library.ts"
import { print } from "../../../src/registry/protobuf/print.ts"

const at = (field: number) => ({ protobuf: { field } })

const textOf = (schema: Schema.Top, options?: Parameters<typeof derive>[1]) =>
  print(derive(schema, { name: "R", ...options }))

/** The line of a field in the text of its message. */
const line = (schema: Schema.Top) =>
  /^message R \{\n {2}(.*?)\n\}/ms.exec(textOf(Schema.Struct({ f: schema.pipe(Schema.annotateKey(at(1))) })))?.[1]

/** Encodes with the Schema and Protobuf, and back. */
const there = <A>(schema: Schema.Codec<A, any>, value: A): A => {
  const { shape } = derive(schema, { name: "R" })
  const bytes = writing(shape)(Schema.encodeSync(schema)(value))
  return Schema.decodeUnknownSync(schema)(reading(shape, shape.type)(bytes))
}

class Line extends Schema.Class<Line>("Line")({
  sku: Schema.String.annotateKey(at(1)),
  amount: Schema.Number.check(Schema.isInt32()).annotateKey(at(2))
}) {}

const Card = Schema.TaggedStruct("Card", { number: Schema.String.annotate(at(1)) })
const Cash = Schema.TaggedStruct("Cash", { coins: Schema.Array(Schema.Int).annotate(at(1)) })
const Payment = Schema.Union([Card, Cash]).annotate({ protobuf: { oneof: { Card: 10, Cash: 11 } } })

const Kind = Schema.Literals(["web", "shop"]).annotate({
  identifier: "Kind",
  protobuf: { values: { web: 1, shop: 2 } }
})

interface Node {
  readonly value: number
  readonly next?: Node
}
const Node: Schema.Codec<Node> = Schema.Struct({
  value: Schema.Finite.annotateKey(at(1)),
  next: Schema.optionalKey(Schema.suspend((): Schema.Codec<Node> => Node)).annotateKey(at(2))
}).annotate({ identifier: "Node" })

const Order = Schema.Struct({
  id: Schema.String.annotateKey(at(1)),
  lines: Schema.Array(Line).annotateKey(at(2)),
  first: Schema.optionalKey(Line).annotateKey(at(3)),
  kind: Kind.annotateKey(at(4)),
  kinds: Schema.Array(Kind).annotateKey(at(5)),
  tags: Schema.Record(Schema.String, Schema.Int).annotateKey(at(6)),
  byName: Schema.Record(Schema.String, Line).annotateKey(at(7)),
  at: Schema.Date.annotateKey(at(8)),
  took: Schema.NullOr(Schema.Duration).annotateKey(at(9)),
  payment: Payment,
  big: Schema.BigInt.annotateKey(at(12)),
  note: Schema.Option(Schema.String).annotateKey(at(13)),
  raw: Schema.Uint8Array.annotateKey(at(14)),
  node: Node.annotateKey(at(15)),
  maybe: Schema.NullOr(Schema.Boolean).annotateKey({ protobuf: { field: 16, type: "google.protobuf.BoolValue" } }),
  other: Payment.annotate({ identifier: "Other", protobuf: { oneof: { Card: 1, Cash: 2 } } }).annotateKey(at(17)),
  times: Schema.Array(Schema.DateTimeUtc).annotateKey(at(18))
}).annotate({ identifier: "Order" })

const order: typeof Order.Type = {
  id: "o-1",
  lines: [new Line({ sku: "a", amount: -1 }), new Line({ sku: "ä".repeat(100), amount: 0 })],
  kind: "shop",
  kinds: ["web", "shop"],
  tags: { ["__proto__"]: 1, x: Number.MAX_SAFE_INTEGER },
  byName: { a: new Line({ sku: "", amount: 0 }) },
  at: new Date(-1),
  took: Duration.nanos(-1_500_000_001n),
  payment: { _tag: "Cash", coins: [1, -2, 3] },
  big: 9_007_199_254_740_993n,
  note: Option.some(""),
  raw: new Uint8Array([0, 255]),
  node: { value: 1.5, next: { value: -0, next: { value: 3 } } },
  maybe: false,
  other: { _tag: "Card", number: "1" },
  times: [DateTime.makeUnsafe(1_700_000_000_123)]
}

describe("Schemas in Protobuf", () => {
  it("are messages of their encoded sides, with all they need", () => {
    assert.strictEqual(
      textOf(Order, { package: "shop" }),
      `syntax = "proto3";

package shop;

import "google/protobuf/duration.proto";
import "google/protobuf/timestamp.proto";
import "google/protobuf/wrappers.proto";

message Order {
  string id = 1;
  repeated Line lines = 2;
  Line first = 3;
  Kind kind = 4;
  repeated Kind kinds = 5;
  map<string, int64> tags = 6;
  map<string, Line> byName = 7;
  google.protobuf.Timestamp at = 8;
  google.protobuf.Duration took = 9;
  oneof payment {
    Card card = 10;
    Cash cash = 11;
  }
  int64 big = 12;
  optional string note = 13;
  bytes raw = 14;
  Node node = 15;
  google.protobuf.BoolValue maybe = 16;
  Other other = 17;
  repeated google.protobuf.Timestamp times = 18;
}

message Line {
  string sku = 1;
  int32 amount = 2;
}

enum Kind {
  KIND_UNSPECIFIED = 0;
  KIND_WEB = 1;
  KIND_SHOP = 2;
}

message Card {
  string number = 1;
}

message Cash {
  repeated int64 coins = 1;
}

message Node {
  double value = 1;
  Node next = 2;
}

message Other {
  oneof value {
    Card card = 1;
    Cash cash = 2;
  }
}
`
    )
  })

  it.effect("have a text that is read as what was derived", () =>
    Effect.gen(function*() {
      const parse = yield* parser
      const derived = derive(Order, { package: "shop" })
      const file = parse(print(derived), [])
      assert.strictEqual(file.package, "shop")
      assert.strictEqual(file.messages.length, 6)
      assert.isUndefined(firstDifference(file.messages[0]!.message, derived.shape.type, { others: false }))
    }))

  it("have Protobuf's types for numbers, texts, bytes and times", () => {
    const typed = (type: string) => ({ protobuf: { type } })
    assert.strictEqual(line(Schema.Int), "int64 f = 1;")
    assert.strictEqual(line(Schema.Number.check(Schema.isInt32())), "int32 f = 1;")
    assert.strictEqual(line(Schema.Number.check(Schema.isUint32())), "uint32 f = 1;")
    assert.strictEqual(line(Schema.Finite), "double f = 1;")
    assert.strictEqual(line(Schema.Finite.annotate(typed("float"))), "float f = 1;")
    assert.strictEqual(line(Schema.Int.annotate(typed("sint32"))), "sint32 f = 1;")
    assert.strictEqual(line(Schema.BigInt), "int64 f = 1;")
    assert.strictEqual(line(Schema.BigInt.annotate(typed("fixed64"))), "fixed64 f = 1;")
    assert.strictEqual(line(Schema.Boolean), "bool f = 1;")
    assert.strictEqual(line(Schema.Uint8Array), "bytes f = 1;")
    assert.strictEqual(line(Schema.DateTimeUtc), "google.protobuf.Timestamp f = 1;")
    assert.strictEqual(line(Schema.Literals(["a-b", "c"])), "string f = 1;")
    assert.strictEqual(line(Schema.Literals([1, 2])), "int64 f = 1;")
  })

  it("are optional where something may be missing", () => {
    assert.strictEqual(line(Schema.optionalKey(Schema.String)), "optional string f = 1;")
    assert.strictEqual(line(Schema.optional(Schema.String)), "optional string f = 1;")
    assert.strictEqual(line(Schema.NullOr(Schema.String)), "optional string f = 1;")
    assert.strictEqual(line(Schema.Option(Schema.String)), "optional string f = 1;")
    assert.strictEqual(line(Schema.OptionFromNullOr(Schema.String)), "optional string f = 1;")
    assert.strictEqual(line(Schema.optionalKey(Schema.Date)), "google.protobuf.Timestamp f = 1;")
  })

  it("take the number from the key, the Schema, or what it is made of", () => {
    const one = (f: Schema.Top) => textOf(Schema.Struct({ f })).split("\n")[3]
    assert.strictEqual(one(Schema.optionalKey(Schema.String.annotate(at(7)))), "  optional string f = 7;")
    assert.strictEqual(one(Schema.NullOr(Schema.String.annotate(at(7)))), "  optional string f = 7;")
    assert.strictEqual(one(Schema.Int.annotate(at(7)).check(Schema.isGreaterThan(0))), "  int64 f = 7;")
    assert.strictEqual(one(Schema.FiniteFromString.annotate(at(7))), "  string f = 7;")
    const named = Schema.String.annotateKey({ protobuf: { field: 7, name: "other_name" } })
    assert.strictEqual(one(named), "  string other_name = 7;")
  })

  it("may be a tagged union, whose message holds one of its members", () => {
    const Event = Schema.Union([Card, Cash]).annotate({ protobuf: { oneof: { Card: 1, Cash: 2 } } })
    assert.include(
      textOf(Event, { name: "Event" }),
      "message Event {\n  oneof value {\n    Card card = 1;\n    Cash cash = 2;\n  }\n}"
    )
    assert.deepStrictEqual(there(Event, { _tag: "Card", number: "4" }), { _tag: "Card", number: "4" })
  })

  it("say the path and what to do where they have none", () => {
    const refused = (schema: Schema.Top, problem: RegExp) => assert.throws(() => derive(schema, { name: "R" }), problem)
    const f = (schema: Schema.Top) => Schema.Struct({ a: schema.pipe(Schema.annotateKey(at(1))) })
    refused(Schema.Struct({ a: Schema.String }), /^a: it has no field number/)
    refused(f(Schema.Struct({ b: Schema.String })), /^a\.b: it has no field number/)
    refused(f(Schema.Array(Schema.Struct({ b: Schema.String }))), /^a\.\[\]\.b: it has no field number/)
    refused(f(Schema.Unknown), /^a: Unknown has no Protobuf type/)
    refused(f(Schema.BigDecimal), /^a: BigDecimal has no Protobuf type; encode it/)
    refused(f(Schema.Tuple([Schema.String, Schema.Int])), /^a: a tuple/)
    refused(f(Schema.Array(Schema.Array(Schema.String))), /^a\.\[\]: a list within a list/)
    refused(f(Schema.Array(Schema.NullOr(Schema.String))), /^a\.\[\]: only a field can be missing/)
    refused(f(Schema.Union([Schema.String, Schema.Finite])), /^a: a union has a Protobuf type if/)
    refused(f(Schema.optionalKey(Schema.NullOr(Schema.String))), /^a: Protobuf has one way to be missing/)
    refused(f(Schema.Option(Schema.Option(Schema.String))), /^a: Protobuf has one way to be missing/)
    refused(f(Schema.UndefinedOr(Schema.String)), /^a: undefined has no Protobuf value.*Schema\.optional/)
    refused(f(Schema.Finite.annotate({ protobuf: { typ: "float" } })), /^a: annotation protobuf\.typ: .*"type"/)
    refused(f(Schema.Array(Schema.Int.annotate({ protobuf: { type: 7 } }))), /^a\.\[\]: annotation protobuf\.type: 7/)
    refused(f(Schema.optionalKey(Schema.Array(Schema.String))), /^a: Protobuf does not tell an empty list/)
    refused(Schema.Struct({ a: Schema.Union([Card, Cash]) }), /^a\.Card: it has no field number: .*oneof/)
    refused(Schema.Struct({ a: Schema.String.annotate(at(0)) }), /^a: 0 is not a field number/)
    refused(Schema.Struct({ a: Schema.String.annotate(at(19_000)) }), /^a: 19000 is not a field number/)
    refused(Schema.Struct({ a: Schema.String.annotate(at(1)), b: Schema.Int.annotate(at(1)) }), /^b: two fields/)
    refused(Schema.Struct({ "a-b": Schema.String.annotate(at(1)) }), /^a-b: "a-b" is not a field's name/)
    refused(f(Schema.String.annotate({ protobuf: { type: "int32" } })), /^a: a string cannot be "int32"/)
    refused(f(Schema.Literals(["x", "y"]).annotate({ protobuf: { values: { x: 1 } } })), /^a: the literal "y" has no/)
    refused(Schema.String, /^the Schema: a record's value is a message/)
    assert.throws(
      () => derive(Schema.Struct({ a: Schema.String.annotate(at(1)) })),
      /^the Schema: a message needs a na/
    )
    const twice = { ...Line.fields, x: Schema.String.annotate(at(3)) }
    refused(
      Schema.Struct({
        a: Line.annotateKey(at(1)),
        b: Schema.Struct(twice).annotate({ identifier: "Line" })
          .annotateKey(at(2))
      }),
      /^b: two types would have the name "Line"/
    )
  })

  it("keep values on the way there and back", () => {
    const back = there(Order, order)
    assert.isTrue(Schema.toEquivalence(Order)(back, order))
    assert.deepStrictEqual(Object.keys(back.tags), ["__proto__", "x"])
    assert.isFalse("first" in back)
    assert.instanceOf(back.lines[0], Line)
    assert.isTrue(Object.is(back.node.next?.value, -0))
  })

  it("refuse what a type cannot hold, with the path", () => {
    const refused = <A>(schema: Schema.Codec<A, any>, value: A, problem: RegExp) =>
      assert.throws(() => there(Schema.Struct({ f: schema.pipe(Schema.annotateKey(at(1))) }), { f: value }), problem)
    refused(Schema.BigInt, 2n ** 63n, /R\.f: 9223372036854775808 does not fit into int64/)
    refused(Schema.BigInt.annotate({ protobuf: { type: "uint64" } }), -1n, /R\.f: -1 does not fit into uint64/)
    refused(Schema.Finite.annotate({ protobuf: { type: "int32" } }), 1.5, /R\.f: 1\.5 does not fit into int32/)
    refused(Schema.Int.annotate({ protobuf: { type: "uint32" } }), 2 ** 32, /R\.f: 4294967296 does not fit into uint32/)
    refused(Schema.String, "\ud800", /R\.f: the text has half of a surrogate pair/)
  })
})
