import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { Codec, Consumer, OnFailure, Producer, Topic } from "millrace"
import { InMemoryKafka } from "millrace/testing"
import { CurrentRun } from "../../../src/internal/shared/currentRun.ts"

const Notes = Topic.make("notes", { key: Codec.none, value: Codec.string })

describe("the current run", () => {
  it.effect("is the same for the start of partitions and their batches, and another one in the next run", () =>
    Effect.gen(function*() {
      const seen: Array<object | undefined> = []
      const note = Effect.map(CurrentRun, (run) => void seen.push(run))
      const consumer = Consumer.make("notes", {
        offsetReset: "earliest",
        until: "end",
        onFailure: OnFailure.stop,
        handlers: [
          Topic.handleOwningOffsets(Notes, () => note, { startOffsets: () => Effect.as(note, []) })
        ]
      })
      yield* Producer.send(Notes, { key: null, value: "one" })
      yield* Consumer.run(consumer)
      const first = seen.splice(0)
      yield* Producer.send(Notes, { key: null, value: "two" })
      yield* Consumer.run(consumer)
      assert.deepStrictEqual([first.length > 1, seen.length > 1], [true, true])
      assert.deepStrictEqual([new Set(first).size, new Set(seen).size], [1, 1])
      assert.isDefined(first[0])
      assert.notStrictEqual(first[0], seen[0])
    }).pipe(Effect.provide(InMemoryKafka.layer)))
})
