import * as Arbitrary from "effect/Arbitrary"
import * as Schema from "effect/Schema"
import type { Scalar } from "../../../src/registry/protobuf/protoType.ts"

const scalars: ReadonlyArray<Scalar> = [
  ...["double", "float", "int32", "int64", "uint32", "uint64", "sint32", "sint64"] as const,
  ...["fixed32", "fixed64", "sfixed32", "sfixed64", "bool", "string", "bytes"] as const
]

/** A text that is derived again as it is, letter by letter. */
export const order = `syntax = "proto3";

package shop;

import "google/protobuf/duration.proto";
import "google/protobuf/timestamp.proto";
import "google/protobuf/wrappers.proto";

message Order {
  string id = 1;
  repeated order_line lines = 2;
  order_line first = 3;
  Kind kind = 4;
  repeated Kind kinds = 5;
  map<string, int64> tags = 6;
  map<sint32, order_line> by_number = 7;
  google.protobuf.Timestamp at = 8;
  google.protobuf.Duration took = 9;
  oneof payment {
    Card card = 10;
    string voucher = 11;
    google.protobuf.Timestamp paid_at = 19;
    Kind channel = 20;
    sint64 credit = 21;
  }
  int64 big = 12;
  optional string note = 13;
  bytes raw = 14;
  Node node = 15;
  google.protobuf.BoolValue maybe = 16;
  repeated google.protobuf.StringValue texts = 17;
  repeated google.protobuf.Timestamp times = 18;
  Level level = 22;
}

message order_line {
  string sku = 1;
  uint32 amount = 2;
  fixed64 hash = 3;
  optional float weight = 4;
}

enum Kind {
  KIND_UNSPECIFIED = 0;
  KIND_WEB = 1;
  KIND_TO_SHOP = -2;
}

message Card {
  string number = 1;
}

message Node {
  double value = 1;
  Node next = 2;
  repeated Node others = 3;
  map<string, Node> named = 4;
  oneof link {
    Node inner = 5;
    Empty none = 6;
  }
}

message Empty {
}

enum Level {
  low = 0;
  High2 = 1;
}
`

/** Texts of every kind, from which modules are generated. */
export const texts: { readonly [name: string]: string } = {
  order,
  nested: `syntax = "proto3";
    package shop.v1;
    import "google/protobuf/any.proto";
    import "google/protobuf/duration.proto";
    import "google/protobuf/struct.proto";
    import "google/protobuf/empty.proto";
    // An order, as */ it came in.
    // Of any channel.
    message Order {
      // Given by the shop.
      string id = 1; // never empty
      Line line = 2;
      message Line {
        string sku = 1;
        // In which state.
        enum Kind {
          NEW = 0;
          USED = 1;
          // As new.
          REFURBISHED = 2;
        }
        Kind kind = 2;
      }
      Other.Line other = 3;
      google.protobuf.Any any = 4;
      google.protobuf.Struct data = 5;
      google.protobuf.Empty empty = 6;
      oneof outcome { bool done = 7; google.protobuf.Duration left = 8; }
      map<bool, Line.Kind> kinds = 9;
      reserved 10 to 20;
    }
    message Other { message Line { Order order = 1; string constructor = 2; } }`,
  proto2: `syntax = "proto2";
    message Old {
      required string id = 1;
      optional int32 count = 2 [default = 5];
      repeated int32 numbers = 3 [packed = true];
      enum Kind { option allow_alias = true; FIRST = 1; SECOND = 2; TWO = 2; }
      optional Kind kind = 4;
      repeated Kind kinds = 5;
      extensions 100 to 200;
    }`,
  names: `syntax = "proto3";
    message schema { order order = 1; Order other = 2; a_b ab = 3; A_b ab2 = 4; string default = 5; }
    message order { string class = 1; }
    message Order { string _private = 1; }
    message a_b { enum single { only = 0; } single value = 1; single again = 2; }
    message A_b { a_b.single one = 1; }`
}

const Field = Schema.Struct({
  kind: Schema.Literals(["plain", "optional", "repeated", "map", "oneof", "enum", "message", "wrapper"]),
  scalar: Schema.Literals(scalars),
  key: Schema.Literals(["string", "bool", "int32", "uint64", "sfixed32", "sint64"]),
  isNested: Schema.Boolean
})

/** A message of any fields. */
export const anyText = Arbitrary.map(Arbitrary.array(Arbitrary.schema(Field), { maxLength: 12 }), (fields) => {
  const parts = fields.map(({ isNested, key, kind, scalar }, i) => {
    const [name, number] = [`field_${i}`, 7 * i + 1]
    const declared = (text: string, field: string) => ({
      inner: `${isNested ? text : ""} ${field}`,
      outer: isNested ? "" : text
    })
    switch (kind) {
      case "plain":
        return declared("", `${scalar} ${name} = ${number};`)
      case "optional":
        return declared("", `optional ${scalar} ${name} = ${number};`)
      case "repeated":
        return declared("", `repeated ${scalar} ${name} = ${number};`)
      case "map":
        return declared("", `map<${key}, ${scalar}> ${name} = ${number};`)
      case "oneof":
        return declared(
          "",
          `oneof one_${i} { ${scalar} ${name} = ${number}; Any ${name}_b = ${number + 1}; bool ${name}_c = ${
            number + 2
          }; }`
        )
      case "enum":
        return declared(
          `enum type_${i} { ZERO_${i} = 0; a${i} = ${i + 1}; }`,
          `repeated type_${i} ${name} = ${number};`
        )
      case "message":
        return declared(`message Type${i} { ${scalar} a = ${i + 1}; Any b = 20; }`, `Type${i} ${name} = ${number};`)
      default:
        return declared("", `google.protobuf.StringValue ${name} = ${number};`)
    }
  })
  const imported = "import \"google/protobuf/wrappers.proto\";"
  const text = (pick: (part: (typeof parts)[number]) => string) => parts.map(pick).join("\n")
  return `syntax = "proto3"; ${imported}\nmessage Any {\n${text(({ inner }) => inner)}\n}\n${
    text(({ outer }) => outer)
  }`
})
