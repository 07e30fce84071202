import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import { Codec, Consumer, OnFailure, Producer, Record, Topic } from "millrace"
import { InMemoryKafka } from "millrace/testing"

const Placed = Schema.TaggedStruct("Placed", { id: Schema.String })
const Paid = Schema.TaggedStruct("Paid", { amount: Schema.Finite })
const Odd = Schema.TaggedStruct("Other", { id: Schema.String })
const Events = Topic.make("events", {
  key: Codec.none,
  value: Codec.nullable(Codec.json(Schema.Union([Placed, Paid, Odd])))
})

describe("Topic.handleTags", () => {
  it.effect("gives each record to the function of its tag, and the others to _", () =>
    Effect.gen(function*() {
      const seen: Array<string> = []
      const note = (text: string) => Effect.sync(() => seen.push(text))
      const values = [Placed.make({ id: "1" }), Paid.make({ amount: 5 }), null, Odd.make({ id: "odd" })]
      yield* Producer.sendAll(Events, values.map((value) => ({ key: null, value })))
      yield* Consumer.run(Consumer.make("g", {
        offsetReset: "earliest",
        until: "end",
        onFailure: OnFailure.stop,
        handlers: [
          Topic.handleTags(Events, {
            Placed: ({ offset, value }) => note(`${offset} placed ${value.id}`),
            Paid: ({ offset, value }) => note(`${offset} paid ${value.amount}`),
            _: ({ offset, value }) => note(`${offset} ${value?._tag}`)
          })
        ]
      }))
      assert.deepStrictEqual(seen, ["0 placed 1", "1 paid 5", "2 undefined", "3 Other"])
    }).pipe(Effect.provide(InMemoryKafka.layerWith({ defaultPartitions: 1 }))))

  it.effect("fails by its policy, and skips what is nothing to it", () =>
    Effect.gen(function*() {
      yield* Producer.sendAll(Events, [{ key: null, value: Paid.make({ amount: 1 }) }, { key: null, value: null }])
      yield* Consumer.run(Consumer.make("g", {
        offsetReset: "earliest",
        until: "end",
        onFailure: OnFailure.stop,
        handlers: [
          Topic.handleTags(Events, { Paid: () => Effect.fail("no"), _: Topic.skip }, { onFailure: OnFailure.skip })
        ]
      }))
      const memory = yield* InMemoryKafka
      assert.strictEqual((yield* memory.committed("g"))[0]?.offset, 2)
    }).pipe(Effect.provide(InMemoryKafka.layerWith({ defaultPartitions: 1 }))))

  it.effect("says which case a JavaScript program left out", () =>
    Effect.gen(function*() {
      const cases: any = { Placed: Topic.skip, Some: Topic.skip }
      assert.throws(() => Topic.handleTags(Events, cases), /unknown field "Some"/)
      assert.throws(() => Topic.handleTags(Events, { Placed: Topic.skip } as any), /no case for the tag "Paid"/)
      // This Schema does not say which tags there are, so it shows when a record has another one.
      const Open = Topic.make("open", { key: Codec.none, value: Codec.json(Schema.Option(Schema.Finite)) })
      const { call } = Topic.handleTags(Open, { Some: Topic.skip } as any)
      assert.strictEqual(call._tag, "Record")
      if (call._tag !== "Record") return
      const exit = yield* Effect.exit(call.run(Record.make(Open, { key: null, value: Option.none() })))
      assert.include(String(exit), `topic "open": no case handles the tag "None"`)
    }))
})
