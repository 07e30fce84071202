import { assert, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { Codec } from "millrace"
import { SchemaRegistry } from "millrace/registry"
import { readers } from "../../../src/registry/codec/readers.ts"

const framed = (id: number): Uint8Array => {
  const bytes = Buffer.alloc(6)
  bytes.writeInt32BE(id, 1)
  return bytes
}

it.effect("the reader of the latest of more than a thousand schemas of a topic is prepared once", () =>
  Effect.gen(function*() {
    const registry = yield* SchemaRegistry.Service
    let prepared = 0
    const find = readers(
      { ...registry, byId: () => Effect.succeed({ type: "AVRO", text: "\"string\"" }) },
      "t-value",
      "AVRO",
      () => {
        prepared++
        return () => "read"
      }
    )
    const load = (id: number) => {
      const found = find(framed(id))
      return found instanceof Codec.Pending ? found.effect : Effect.succeed(found)
    }
    for (let id = 1; id <= 1_200; id++) yield* load(id)
    assert.strictEqual(prepared, 1_200)
    assert.isFunction(find(framed(1_200)))
    yield* load(1)
    assert.isFunction(find(framed(1)))
    assert.strictEqual(prepared, 1_201)
  }).pipe(Effect.provide(SchemaRegistry.layerMemory)))
