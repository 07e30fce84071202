import { assert, describe, it } from "@effect/vitest"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/testing/TestClock"
import { Codec, Consumer, DeadLetters, OnFailure, Producer, Topic } from "millrace"
import { InMemoryKafka } from "millrace/testing"
import { fieldsBytes, fieldsOf } from "../../../src/internal/retry/errorFields.ts"

class Declined extends Schema.TaggedError<Declined>("Declined")("Declined", {
  code: Schema.Finite,
  at: Schema.DateFromString,
  reason: Schema.OptionFromOptionalKey(Schema.String),
  card: Schema.RedactedFromValue(Schema.String)
}) {}

const declined = new Declined({
  code: 51,
  at: new Date(0),
  reason: Option.some("no money"),
  card: Redacted.make("4111 1111")
})

describe("fields of an error", () => {
  it("are encoded by its Schema, and secrets are masked", () => {
    const text = fieldsOf(declined)!
    assert.deepInclude(JSON.parse(text), { code: 51, at: "1970-01-01T00:00:00.000Z", card: "<redacted>" })
    assert.notInclude(text, "4111")
  })

  it("are bounded: what has no room is left out", () => {
    class Large extends Schema.TaggedError<Large>("Large")("Large", { text: Schema.String, n: Schema.Finite }) {}
    assert.deepStrictEqual(fieldsOf(new Large({ text: "é".repeat(5_000), n: 1 })), "{\"n\":1}")
    const fits = fieldsOf(new Large({ text: "é".repeat(1_000), n: 1 }))!
    assert.isAtMost(Buffer.byteLength(fits), fieldsBytes)
    assert.include(fits, "é")
  })

  it("are those of Schemas alone, and never throw", () => {
    class Plain extends Data.TaggedError("Plain")<{ readonly secret: string }> {}
    const hostile = new Proxy({}, {
      get: () => {
        throw new Error("looked at")
      }
    })
    const loop: { self?: unknown } = {}
    loop.self = loop
    for (const error of [new Plain({ secret: "x" }), new Error("x"), "x", null, undefined, hostile, loop]) {
      assert.isUndefined(fieldsOf(error))
    }
  })

  const Notes = Topic.make("notes", { key: Codec.none, value: Codec.string })
  for (const errorFields of [undefined, false]) {
    it.effect(`are in dead letters, unless switched off: ${errorFields}`, () =>
      Effect.gen(function*() {
        const consumer = Consumer.make("g", {
          offsetReset: "earliest",
          onFailure: OnFailure.deadLetter,
          retries: { errorFields },
          handlers: [Topic.handle(Notes, () => Effect.fail(declined))]
        })
        yield* Producer.send(Notes, { key: null, value: "x" })
        yield* Effect.forkScoped(Consumer.run(consumer))
        yield* TestClock.adjust("10 seconds")
        const [letter] = yield* Stream.runCollect(DeadLetters.records(consumer))
        if (errorFields === false) assert.isUndefined(letter?.errorFields)
        else assert.deepInclude(letter?.errorFields, { code: 51, card: "<redacted>" })
      }).pipe(Effect.scoped, Effect.provide(Layer.merge(InMemoryKafka.layer, Logger.layer([])))))
  }
})
