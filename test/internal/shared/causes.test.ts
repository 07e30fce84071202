import { assert, describe, it } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Schedule from "effect/Schedule"
import { Consumer, HandlerFailed, Health, OnFailure, Producer, Retry, Topic } from "millrace"
import { textOf } from "../../../src/internal/retry/failureText.ts"
import { brief, logCause, messageOf, nameOf } from "../../../src/internal/shared/causes.ts"
import { endOf, onCluster, Orders, pass, valuesOf } from "../../kit/cluster.ts"
import { oddErrors } from "../../kit/oddErrors.ts"

/** Prints causes as all of Effect's loggers do. */
const printing = Logger.make<unknown, string>(({ cause, message }) => `${message} ${Cause.pretty(cause)}`)

const causesOf = (error: unknown) => [Cause.fail(error), Cause.die(error), Cause.interrupt(1)]

describe("what is told of an error", () => {
  for (const [name, error] of Object.entries(oddErrors)) {
    it(`is text: ${name}`, () => {
      for (const cause of causesOf(error)) {
        const { causeName, message, stack, tag } = textOf(cause, true)
        for (const text of [brief(cause), messageOf(error), nameOf(error), message, stack, tag, causeName ?? ""]) {
          assert.isString(text)
        }
        const failed = new HandlerFailed({ group: "g", topic: "t", partition: 0, offset: 1, cause })
        assert.match(failed.message, /^group "g": stopped at t\/0 offset 1: /)
      }
    })
  }

  it("is its words, where it has some", () => {
    const table: ReadonlyArray<readonly [unknown, string]> = [
      ["text", "text"],
      [new TypeError("bug"), "TypeError: bug"],
      [new TypeError(""), "TypeError"],
      [{ code: 7 }, `{"code":7}`],
      [oddErrors["a BigInt"], `{"_tag":"Big","id":"1"}`],
      [oddErrors["no message"], "Odd"],
      [oddErrors["an object for a message"], `Odd: {"code":1}`],
      [oddErrors["a loop"], "Looped"],
      [undefined, "undefined"]
    ]
    for (const [error, words] of table) assert.strictEqual(brief(Cause.fail(error)), words)
  })

  it("is an object's JSON where it is no error", () => {
    assert.strictEqual(messageOf({ code: 7 }), `{"code":7}`)
    assert.strictEqual(messageOf(null), "null")
    assert.strictEqual(messageOf(new TypeError("bug")), "bug")
  })

  it("is that it was interrupted, where there is none", () => {
    assert.strictEqual(textOf(Cause.interrupt(1), false).tag, "Interrupted")
    assert.strictEqual(textOf(Cause.fail(undefined), false).tag, "undefined")
  })

  it.effect("is a line also where a logger cannot print it", () =>
    Effect.gen(function*() {
      const lines: Array<string> = []
      const logger = Logger.map(printing, (line) => lines.push(line))
      for (const error of Object.values(oddErrors)) {
        const before = lines.length
        for (const cause of causesOf(error)) {
          yield* logCause(Effect.logError, "failed", cause).pipe(Effect.provide(Logger.layer([logger])))
        }
        assert.strictEqual(lines.length, before + 3)
      }
      for (const line of lines) assert.match(line, /failed/)
    }))
})

describe("a handler that fails with an error that is hard to tell", () => {
  const failing = (error: unknown, onFailure: OnFailure.OnFailure<unknown>) =>
    Consumer.make("g", {
      offsetReset: "earliest",
      onFailure,
      handlers: [Topic.handle(Orders, ({ value }) => value === "bad" ? Effect.fail(error) : Effect.void)]
    })
  const policies = {
    "dead letters": OnFailure.deadLetter,
    "retry topics": Retry.nonBlocking(Schedule.recurs(1)),
    "skipping": OnFailure.skip,
    "retries in place": Retry.settings({ maxRetries: 1, delay: "1 second", logEvery: 1 })
  }
  for (const [kind, policy] of Object.entries(policies)) {
    it.effect(`does not end its consumer: ${kind}`, () =>
      Effect.forEach(Object.entries(oddErrors), ([name, error]) =>
        onCluster(
          ["orders"],
          Effect.gen(function*() {
            yield* Producer.sendAll(Orders, ["bad", "good"].map((value) => ({ key: "a", value })))
            const fiber = yield* Effect.forkScoped(Consumer.run(failing(error, policy)))
            yield* pass(5)
            assert.strictEqual(endOf(fiber), "running", name)
            if (kind !== "skipping") assert.deepStrictEqual(yield* valuesOf("g.orders.dlt"), ["bad"], name)
            yield* Fiber.interrupt(fiber)
          }).pipe(Effect.provide(Logger.layer([printing])))
        )))
  }

  it.effect("holds its partition, and is run once", () =>
    Effect.forEach(Object.entries(oddErrors), ([name, error]) =>
      onCluster(
        ["orders"],
        Effect.gen(function*() {
          yield* Producer.send(Orders, { key: "a", value: "bad" })
          yield* Layer.build(Consumer.layer(failing(error, OnFailure.stop)))
          yield* pass(5)
          const consumers = yield* Health.all
          assert.deepStrictEqual(consumers.map(({ held }) => held.length), [1], name)
        }).pipe(Effect.provideService(Health.Registry, new Set()))
      )))
})
