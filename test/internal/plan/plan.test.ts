import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { Codec, Consumer, OnFailure, Topic } from "millrace"

const parts = { key: Codec.none, value: Codec.string }
const A = Topic.make("a", parts)
const handlerOf = (source: typeof A, options = {}) => Topic.handle(source, () => Effect.void, options)
const good = { offsetReset: "earliest", onFailure: OnFailure.stop, handlers: [handlerOf(A)] } as const

const refused = (name: string, consumer: Consumer.Consumer<any, never>, setting: string, says: string) =>
  it.effect(name, () =>
    Effect.gen(function*() {
      const error = yield* Effect.flip(Consumer.validate(consumer))
      assert.strictEqual(error.reason._tag, "InvalidSetting")
      assert.include(error.message, setting)
      assert.include(error.message, says)
    }))

describe("a consumer is refused", () => {
  refused("without a group", Consumer.make(" ", good), "group", "not empty")
  // What callers without types hand in.
  const untyped = (options: object) => Consumer.make("g", { ...good, ...options } as unknown as typeof good)
  refused("without a policy", untyped({ onFailure: undefined }), "onFailure", "undefined is not a failure policy; use")
  refused("with a word as policy", untyped({ onFailure: "skip" }), "onFailure", "\"skip\" is not a failure policy")
  refused("with a function as policy", untyped({ onFailure: () => OnFailure.skip }), "onFailure", "OnFailure.make")
  refused("with one handler alone", untyped({ handlers: handlerOf(A) }), "handlers", "object is not an array")
  refused("with a topic as handler", untyped({ handlers: [A] }), "handlers", "index 0: object is not a handler")
  refused("with a name as topic", untyped({ handlers: [handlerOf("a" as never)] }), "handlers", "\"a\" is not a topic")
  refused(
    "with a handler that has no function",
    untyped({ handlers: [Topic.handle(A, undefined as never)] }),
    "handlers",
    "a: undefined is not a function"
  )
  refused(
    "with a handler whose policy is a word",
    untyped({ handlers: [handlerOf(A, { onFailure: "skip" })] }),
    "onFailure",
    "a: \"skip\" is not a failure policy"
  )
  refused(
    "with a number as concurrency",
    untyped({ handlers: [handlerOf(A, { concurrency: 5 })] }),
    "handlers",
    "5 is not \"partition\", { keys: n } or { unordered: n }"
  )
  refused(
    "with two kinds of concurrency",
    Consumer.make("g", { ...good, handlers: [handlerOf(A, { concurrency: { keys: 4, unordered: 8 } })] }),
    "handlers",
    "a: concurrency {\"keys\":4,\"unordered\":8} is not"
  )
  for (const setting of ["assignor", "isolation", "groupProtocol"]) {
    refused(`with ${setting} misspelt`, untyped({ [setting]: "rnage" }), setting, "\"rnage\" is not")
  }
  refused(
    "with retries.topics misspelt",
    untyped({ retries: { topics: "requires" } }),
    "retries.topics",
    "\"requires\""
  )
  refused("without handlers", Consumer.make("g", { ...good, handlers: [] }), "handlers", "consume nothing")
  refused(
    "with two handlers of one topic",
    Consumer.make("g", { ...good, handlers: [handlerOf(A), handlerOf(Topic.make("a", parts))] }),
    "handlers",
    "\"a\" has two handlers"
  )
  refused(
    "with a pattern that also matches a named topic",
    Consumer.make("g", {
      ...good,
      handlers: [handlerOf(A), Topic.handle(Topic.pattern(/^a/, parts), () => Effect.void)]
    }),
    "handlers",
    "make the pattern narrower"
  )
  refused(
    "with one pattern twice",
    Consumer.make("g", {
      ...good,
      handlers: [
        Topic.handle(Topic.pattern(/^b/, parts), () => Effect.void),
        Topic.handle(Topic.pattern(/^b/, parts), () => Effect.void)
      ]
    }),
    "handlers",
    "has two handlers"
  )
  refused(
    "with a drain budget that is not below the poll interval",
    Consumer.make("g", { ...good, drainTimeout: "5 minutes", maxPollInterval: "5 minutes" }),
    "drainTimeout",
    "would throw the member out"
  )
  for (const concurrency of [{ keys: 0 }, { unordered: 1.5 }, { keys: Number.NaN }]) {
    refused(
      `with concurrency ${JSON.stringify(concurrency)}`,
      Consumer.make("g", { ...good, handlers: [handlerOf(A, { concurrency })] }),
      "handlers",
      "not a whole number"
    )
  }
  refused(
    "with a batch of nothing",
    Consumer.make("g", { ...good, handlers: [Topic.handleBatch(A, () => Effect.void, { maxSize: 0 })] }),
    "handlers",
    "maxSize 0"
  )
  refused(
    "with a wait that is no duration",
    Consumer.make("g", { ...good, handlers: [Topic.handleBatch(A, () => Effect.void, { maxWait: "soon" as any })] }),
    "handlers",
    "maxWait"
  )
  refused("with no records at once", Consumer.make("g", { ...good, chunkRecords: 0 }), "chunkRecords", "at least 1")
  refused(
    "with a buffer below one chunk",
    Consumer.make("g", { ...good, chunkRecords: 100, bufferRecords: 99 }),
    "bufferRecords",
    "at least 100"
  )
  refused("with half a byte", Consumer.make("g", { ...good, bufferBytes: 0.5 }), "bufferBytes", "whole number")
  refused(
    "with no time to stall",
    Consumer.make("g", { ...good, maxHandlerStall: 0 }),
    "maxHandlerStall",
    "leave it out"
  )
  for (const setting of ["drainTimeout", "closeTimeout", "maxHandlerStall", "maxPollInterval"] as const) {
    refused(
      `with ${setting} that is no duration`,
      Consumer.make("g", { ...good, [setting]: "soon" }),
      setting,
      "duration"
    )
  }

  for (const setting of ["offsetReset", "until", "tracing"] as const) {
    refused(`with ${setting} misspelt`, Consumer.make("g", { ...good, [setting]: "erliest" }), setting, "\"erliest\"")
  }
  refused(
    "without a place to begin",
    Consumer.make("g", { ...good, offsetReset: undefined as any }),
    "offsetReset",
    "not"
  )
  refused("without a group", Consumer.make(undefined as any, good), "group", "not empty")

  it.effect("and accepted otherwise, before anything is connected", () => Consumer.validate(Consumer.make("g", good)))
})
