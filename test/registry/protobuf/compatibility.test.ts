import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { differences } from "../../../src/registry/protobuf/compatibility.ts"
import { parser } from "../../../src/registry/protobuf/library.ts"

const found = Effect.fnUntraced(function*(reader: string, writer: string) {
  const parse = yield* parser
  const file = (text: string) => parse(`syntax = "proto3"; ${text}`, [])
  return differences(file(reader), file(writer)).map(({ message, path, type }) => `${path}: ${type}: ${message}`)
})

describe("compatible files of messages", () => {
  it.effect("may add and remove fields, rename them, and change types within a group", () =>
    Effect.gen(function*() {
      const before = "message A { int32 n = 1; string t = 2; B b = 3; } message B { bytes x = 1; }"
      const after = "message A { uint64 m = 1; B b = 3; bool more = 4; } message B { string x = 1; } message C {}"
      assert.deepStrictEqual(yield* found(after, before), [])
    }))

  it.effect("keep their messages, and the groups of types", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual(
        yield* found("package p; message A { message B {} }", "package p; message A {} message B {}"),
        [
          "p.B: MESSAGE_REMOVED: the reader has no message of this name"
        ]
      )
      assert.deepStrictEqual(
        yield* found("message A { A a = 1; sint32 n = 2; }", "message A { A a = 1; int32 n = 2; }"),
        [
          "A.n: FIELD_CHANGED: the field 2 is int32 there, and cannot be read as sint32"
        ]
      )
      assert.deepStrictEqual(yield* found("message A { int32 n = 2; }", "message A { repeated int32 n = 2; }"), [
        "A.n: FIELD_CHANGED: the field 2 is repeated int32 there, and cannot be read as int32"
      ])
    }))
})
