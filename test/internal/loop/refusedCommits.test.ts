/** Commits that are refused, and ends that can no longer be looked up, turn the health red within a minute. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { TestClock } from "effect/testing"
import { Consumer, Health, Topic } from "millrace"
import type { Script } from "../../kit/scriptedEngine.ts"
import { p0, scripted, settings, settle, start, Texts, texts } from "./scenario.ts"

const health = Effect.map(Health.all, ([first]) => first!)

const began = Effect.fnUntraced(function*(script: Script) {
  yield* start(script, Consumer.make("g", { ...settings, handlers: [Topic.handle(Texts, () => Effect.void)] }))
  script.produce(p0, texts(0, 0))
  script.emit("assign", [p0])
  yield* settle
})

const pass = (duration: "1 second" | "5 seconds" | "35 seconds" | "55 seconds" | "2 minutes") =>
  Effect.andThen(TestClock.adjust(duration), settle)

describe("a member whose commits are refused", () => {
  for (const refused of ["of a partition", "as a whole"]) {
    it.effect(`is red within a minute, until one is taken: ${refused}`, () =>
      scripted(Effect.fnUntraced(function*(script) {
        yield* began(script)
        const refuse = () => refused === "as a whole" ? script.failCommit() : script.failCommit(p0)
        for (let i = 0; i < 9; i++) {
          refuse()
          yield* pass("5 seconds")
        }
        assert.isTrue((yield* health).healthy, "too early")
        refuse()
        yield* pass("5 seconds")
        assert.match((yield* health).problem!, /commit/)
        script.commitByTimer()
        yield* pass("1 second")
        assert.isTrue((yield* health).healthy)
      })))
  }

  it.effect("is well when the partition moved and came back meanwhile", () =>
    scripted(Effect.fnUntraced(function*(script) {
      yield* began(script)
      script.failCommit(p0)
      script.emit("revoke", [p0])
      yield* settle
      script.failCommit(p0)
      script.emit("assign", [p0])
      yield* settle
      yield* pass("2 minutes")
      assert.isTrue((yield* health).healthy)
    })))
})

describe("a member that met an error", () => {
  it.effect("is red within a minute if the ends of its partitions can no longer be looked up", () =>
    scripted(Effect.fnUntraced(function*(script) {
      yield* began(script)
      yield* pass("35 seconds")
      script.unreachable = true
      script.disturb()
      yield* pass("55 seconds")
      assert.match((yield* health).problem!, /list offsets/)
    })))
})
