/** Values that are nested too deeply for the stack, of a codec that returns at once and of one that waits. */
import { assert, describe, it } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import { Codec, Consumer, KafkaError, OnFailure, Producer, Topic } from "millrace"
import { Codec as Registered, SchemaRegistry } from "millrace/registry"
import { InMemoryKafka } from "millrace/testing"

interface Tree {
  readonly next?: Tree
}
const Tree: Schema.Codec<Tree> = Schema.Struct({
  next: Schema.optionalKey(Schema.suspend((): Schema.Codec<Tree> => Tree))
}).annotate({ identifier: "Tree" })

const deep = (levels: number): Tree => {
  let tree: Tree = {}
  for (let i = 0; i < levels; i++) tree = { next: tree }
  return tree
}

const words = "nested too deeply: JavaScript's stack is full"

const codecs = {
  json: Codec.json(Tree),
  avro: Registered.avro(Tree, { writeWith: "register" }),
  jsonSchema: Registered.jsonSchema(Tree, { writeWith: "register" })
}

describe.each(["json", "avro", "jsonSchema"] as const)(
  "a value that is nested too deeply for the stack, in %s",
  (name) => {
    it.effect("fails the send, and is poison where it is read", () =>
      Effect.gen(function*() {
        const Trees = Topic.make("trees", { key: Codec.none, value: codecs[name] })
        const error = yield* Effect.flip(Producer.send(Trees, { key: null, value: deep(50_000) }))
        assert.instanceOf(error, KafkaError.KafkaError)
        assert.include(String(error), `value: ${words}`)
        if (name === "avro") return
        const prefix = name === "json" ? Buffer.alloc(0) : Buffer.from([0, 0, 0, 0, 1])
        yield* Producer.send(Trees, { key: null, value: deep(1) })
        const text = Buffer.from(`${"{\"next\":".repeat(20_000)}{}${"}".repeat(20_000)}`)
        yield* Producer.send(Topic.make("trees", { key: Codec.none, value: Codec.bytes }), {
          key: null,
          value: Buffer.concat([prefix, text])
        })
        const problems: Array<string> = []
        yield* Consumer.run(Consumer.make("reader", {
          offsetReset: "earliest",
          until: "end",
          onFailure: OnFailure.make(({ cause }) => {
            problems.push(String(Cause.squash(cause)))
            return OnFailure.skip
          }),
          handlers: [Topic.handle(Trees, () => Effect.void)]
        }))
        assert.lengthOf(problems, 1)
        assert.include(problems[0], `undecodable value: ${words}`)
      }).pipe(Effect.provide(Layer.mergeAll(InMemoryKafka.layer, SchemaRegistry.layerMemory))))
  }
)
