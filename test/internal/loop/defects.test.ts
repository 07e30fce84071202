/** How a run that ended because of a bug looks from outside, and what health remembers of errors. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Logger from "effect/Logger"
import { TestClock } from "effect/testing"
import { Consumer, Health, Topic } from "millrace"
import { p0, scripted, settings, settle, start, Texts, texts, until } from "./scenario.ts"

const health = Effect.map(Health.all, ([first]) => first!)

describe("a run that ends because of a defect", () => {
  it.effect("says why in the log, and is no consumer that stopped as asked", () =>
    scripted(Effect.fnUntraced(function*(script) {
      const lines: Array<string> = []
      const logger = Logger.make<unknown, void>(({ logLevel, message }) => {
        lines.push(`${logLevel} ${Array.isArray(message) ? message.join(" ") : String(message)}`)
      })
      const read: Array<Health.ConsumerHealth["status"]> = []
      const consumer = Consumer.make("g", { ...settings, handlers: [Topic.handle(Texts, () => Effect.void)] })
      const [cell] = yield* Effect.provide(
        Effect.gen(function*() {
          const { exit } = yield* start(script, consumer)
          const registered = [...yield* Health.Registry]
          script.emit("assign", [p0])
          yield* settle
          script.dying.add("poll")
          yield* TestClock.adjust("1 second")
          yield* until(() => exit() !== undefined)
          return registered
        }),
        Logger.layer([logger])
      )
      read.push(cell!().status)
      assert.deepStrictEqual(read, ["failed"])
      assert.include(cell!().problem, "poll died")
      assert.isTrue(lines.some((line) => line.startsWith("Error") && line.includes("poll died")), lines.join("\n"))
      assert.isFalse(lines.some((line) => line.includes("consumer stopped")))
    })))
})

describe("the last error of a consumer", () => {
  it.effect("is also that of a commit", () =>
    scripted(Effect.fnUntraced(function*(script) {
      const consumer = Consumer.make("g", { ...settings, handlers: [Topic.handle(Texts, () => Effect.void)] })
      yield* start(script, consumer)
      script.produce(p0, texts(0, 1))
      script.emit("assign", [p0])
      yield* settle
      assert.isUndefined((yield* health).lastError)
      script.failCommit(p0)
      yield* settle
      assert.include(String((yield* health).lastError), "commit")
    })))
})
