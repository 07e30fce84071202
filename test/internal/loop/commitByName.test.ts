import { assert, describe, it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import { TestClock } from "effect/testing"
import { Consumer, Topic } from "millrace"
import { p0, scripted, settings, settle, start, Texts, texts, until } from "./scenario.ts"

describe("a commit that a user asks for", () => {
  it.effect("is not taken back by the client's timer, although the rest of its chunk is in work", () =>
    scripted(Effect.fnUntraced(function*(script) {
      const started: Array<string> = []
      const gates = [yield* Deferred.make<void>(), yield* Deferred.make<void>()]
      const work = (value: string) => value === "0" ? Effect.void : Deferred.await(gates[Number(value) - 1]!)
      const handler = Topic.handle(
        Texts,
        ({ value }) => Effect.andThen(Effect.sync(() => started.push(value)), work(value)),
        { concurrency: { unordered: 1 } }
      )
      const { control } = yield* start(script, Consumer.make("g", { ...settings, handlers: [handler] }))
      script.produce(p0, texts(0, 2))
      script.emit("assign", [p0])
      yield* until(() => started.includes("1"))
      yield* TestClock.adjust("1 second")
      yield* settle
      const committed = () => script.committed.get("t/0")?.offset
      script.commitByTimer()
      assert.strictEqual(committed(), 1)
      yield* Deferred.succeed(gates[0]!, undefined)
      yield* until(() => started.includes("2"))
      yield* control.commit
      assert.strictEqual(committed(), 2)
      script.commitByTimer()
      assert.strictEqual(committed(), 2)
      yield* Deferred.succeed(gates[1]!, undefined)
    })))
})
