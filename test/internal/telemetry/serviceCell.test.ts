/** Whether a process is ready whose work is done by services, with and without consumers. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import * as TestClock from "effect/testing/TestClock"
import { Health } from "millrace"
import { register as registerConsumer } from "../../../src/internal/telemetry/healthCell.ts"
import { register } from "../../../src/internal/telemetry/serviceCell.ts"

/** Registries of a process of its own. */
const alone = <A, E>(effect: Effect.Effect<A, E, Scope.Scope>): Effect.Effect<A, E> =>
  Effect.scoped(effect).pipe(
    Effect.provideService(Health.Registry, new Set()),
    Effect.provideService(Health.ServiceRegistry, new Set())
  )

const problems = Effect.map(Health.services, (services) => services.flatMap(({ problems }) => problems))

describe("Health.services", () => {
  it.effect("make a process without consumers ready once all of them work", () =>
    alone(Effect.gen(function*() {
      assert.isFalse(yield* Health.ready)
      const one = yield* register("one")
      assert.isFalse(yield* Health.ready)
      one.running()
      assert.isTrue(yield* Health.ready)
      const other = yield* register("other")
      assert.isFalse(yield* Health.ready)
      other.running()
      assert.isTrue(yield* Health.ready)
      const consumer = yield* registerConsumer("group")
      assert.isFalse(yield* Health.ready)
      consumer.observe({ _tag: "Started", group: "group" } as never)
      assert.isTrue(yield* Health.ready)
      assert.deepStrictEqual((yield* Health.all).map(({ group }) => group), ["group"])
      assert.deepStrictEqual((yield* Health.services).map(({ name }) => name), ["one", "other"])
    })))

  it.effect("are unwell when something has not worked for 10 seconds, until it does", () =>
    alone(Effect.gen(function*() {
      const cell = yield* register("one")
      cell.running()
      cell.trouble("a", "no database")
      yield* TestClock.adjust("9999 millis")
      cell.trouble("a", "still no database")
      assert.isTrue(yield* Health.ready)
      yield* TestClock.adjust("1 millis")
      assert.isFalse(yield* Health.ready)
      assert.deepStrictEqual(yield* problems, ["still no database, for 10 s"])
      cell.over("a")
      assert.isTrue(yield* Health.ready)
      cell.trouble("a", "no database")
      assert.isTrue(yield* Health.ready)
    })))

  it.effect("say the same problem once, for the longest time", () =>
    alone(Effect.gen(function*() {
      const cell = yield* register("one")
      cell.running()
      cell.trouble("a", "no database")
      yield* TestClock.adjust("5 seconds")
      cell.trouble("b", "no database")
      cell.trouble("c", "no broker")
      yield* TestClock.adjust("20 seconds")
      assert.deepStrictEqual(yield* problems, ["no database, for 25 s", "no broker, for 20 s"])
    })))

  it.effect("show one that restarts until it works again, and no trouble of before", () =>
    alone(Effect.gen(function*() {
      const cell = yield* register("one")
      cell.running()
      cell.trouble("a", "no database")
      cell.restarting("a bug")
      yield* TestClock.adjust("1 minute")
      assert.deepInclude((yield* Health.services)[0], { status: "restarting", healthy: false, problems: ["a bug"] })
      cell.running()
      assert.isTrue(yield* Health.ready)
    })))

  it.effect("forget one that ended as asked, and keep one that failed until the next of its name", () =>
    alone(Effect.gen(function*() {
      const scope = yield* Scope.make()
      const inScope = <A>(effect: Effect.Effect<A, never, Scope.Scope>) => Scope.provide(effect, scope)
      const well = yield* inScope(register("well"))
      well.running()
      const failed = yield* inScope(register("failed"))
      failed.failed("no table")
      yield* Scope.close(scope, Exit.void)
      assert.deepStrictEqual(yield* Health.services, [
        { name: "failed", status: "failed", healthy: false, problems: ["no table"], lagMillis: undefined }
      ])
      const next = yield* register("failed")
      next.running()
      assert.isTrue(yield* Health.ready)
    })))
})
