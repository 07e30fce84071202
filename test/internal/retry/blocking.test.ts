import { assert, describe, it } from "@effect/vitest"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Schedule from "effect/Schedule"
import { nextDelay } from "../../../src/internal/retry/blocking.ts"
import { now, whole } from "./records.ts"

const { concat, exponential, fibonacci, fixed, min, recurs, spaced, upTo } = Schedule

interface At {
  readonly attempts: number
  readonly failedAt: number
}

/** What a schedule answers to a failure; with a memory of its own it was never asked before. */
const ask = <E, R>(
  schedule: Schedule.Schedule<unknown, E, never, R>,
  { attempts, failedAt }: At,
  error: E,
  memory = new Map<unknown, unknown>()
) => nextDelay(schedule, { attempts, firstFailedAt: now, failedAt, memory }, error)

/** All its answers, each execution taking no time, as long as it gives any; and those of one that forgot each time. */
const both = Effect.fnUntraced(function*(schedule: Schedule.Schedule<unknown, unknown>, most: number) {
  const memory = new Map<unknown, unknown>()
  const remembered: Array<number | undefined> = []
  const forgotten: Array<number | undefined> = []
  let failedAt = now
  for (let attempts = 1; attempts <= most; attempts++) {
    const delay = yield* ask(schedule, { attempts, failedAt }, "boom", memory)
    remembered.push(delay)
    forgotten.push(yield* ask(schedule, { attempts, failedAt }, "boom"))
    failedAt += delay ?? 0
  }
  return { remembered, forgotten }
})

const schedules: ReadonlyArray<readonly [string, Schedule.Schedule<unknown, unknown>, ReadonlyArray<unknown>]> = [
  ["growing", exponential(100), [100, 200, 400, 800, 1600, 3200]],
  ["capped", min([exponential(100), spaced(300)]), [100, 200, 300, 300, 300, 300]],
  ["of so many times", upTo(spaced(7), { times: 3 }), [7, 7, 7, undefined, undefined, undefined]],
  ["of so long", upTo(exponential(100), { duration: 500 }), [100, 200, 400, undefined, undefined, undefined]],
  ["of two parts", concat(recurs(2), upTo(spaced(9), { times: 2 })), [0, 0, 9, 9, undefined, undefined]],
  ["of a fixed interval", fixed(50), [50, 50, 50, 50, 50, 50]],
  ["of Fibonacci", fibonacci(10), [10, 10, 20, 30, 50, 80]],
  ["of nothing", recurs(0), [undefined, undefined, undefined, undefined, undefined, undefined]]
]

describe("delays of blocking retries", () => {
  for (const [what, schedule, delays] of schedules) {
    it.effect(`are the same after a restart as without one: ${what}`, () =>
      Effect.gen(function*() {
        const { forgotten, remembered } = yield* both(schedule, delays.length)
        assert.deepStrictEqual(remembered, delays)
        assert.deepStrictEqual(forgotten, delays)
      }))
  }

  it.effect.prop(
    "count each earlier attempt once, wherever the restarts are",
    { times: whole(0, 30), restart: whole(1, 40) },
    ({ restart, times }) =>
      Effect.gen(function*() {
        const schedule = upTo(exponential(1, 1.1), { times })
        let memory = new Map<unknown, unknown>()
        let attempts = 0
        let delay: number | undefined = 0
        while (delay !== undefined) {
          if (++attempts === restart) memory = new Map()
          delay = yield* ask(schedule, { attempts, failedAt: now }, "boom", memory)
          if (delay !== undefined) assert.approximately(delay, 1.1 ** (attempts - 1), 1e-5)
        }
        assert.strictEqual(attempts, times + 1)
      })
  )

  it.effect("end by the time that really passed since the first failure", () =>
    Effect.gen(function*() {
      const schedule = upTo(spaced(1000), { duration: "1 minute" })
      for (const memory of [undefined, new Map()]) {
        if (memory !== undefined) yield* ask(schedule, { attempts: 1, failedAt: now }, "boom", memory)
        assert.strictEqual(yield* ask(schedule, { attempts: 2, failedAt: now + 60_000 }, "boom", memory), 1000)
        assert.isUndefined(yield* ask(schedule, { attempts: 3, failedAt: now + 60_001 }, "boom", memory))
      }
    }))

  it.effect("are over once they were, and stay so", () =>
    Effect.gen(function*() {
      const schedule = upTo(spaced(1), { times: 2 })
      const memory = new Map<unknown, unknown>()
      for (const attempts of [9, 10, 11]) {
        assert.isUndefined(yield* ask(schedule, { attempts, failedAt: now }, "boom", memory))
      }
    }))

  it.effect("cost one step for each failure while they are remembered", () =>
    Effect.gen(function*() {
      let steps = 0
      const schedule = Schedule.tap(spaced(1), () => Effect.sync(() => steps++))
      const memory = new Map<unknown, unknown>()
      for (const attempts of [1, 2, 3, 4]) yield* ask(schedule, { attempts, failedAt: now }, "boom", memory)
      assert.strictEqual(steps, 4)
    }))

  it.effect("of two schedules that share a memory are each its own", () =>
    Effect.gen(function*() {
      const memory = new Map<unknown, unknown>()
      const [one, two] = [exponential(1), exponential(10)]
      const delays: Array<number | undefined> = []
      for (const attempts of [1, 2, 3]) {
        for (const schedule of [one, two]) delays.push(yield* ask(schedule, { attempts, failedAt: now }, "", memory))
      }
      assert.deepStrictEqual(delays, [1, 10, 2, 20, 4, 40])
    }))

  it.effect("know of many attempts before a restart", () =>
    Effect.gen(function*() {
      const schedule = upTo(spaced(1), { times: 60_000 })
      assert.strictEqual(yield* ask(schedule, { attempts: 60_000, failedAt: now }, "boom"), 1)
      assert.isUndefined(yield* ask(schedule, { attempts: 60_001, failedAt: now }, "boom"))
      // What a stranger wrote costs no more than that.
      assert.strictEqual(yield* ask(spaced(5), { attempts: 2_147_483_647, failedAt: now }, "boom"), 5)
    }))

  it.effect("are never below none", () =>
    Effect.gen(function*() {
      assert.strictEqual(yield* ask(spaced(-5), { attempts: 3, failedAt: now }, "boom"), 0)
      assert.strictEqual(yield* ask(spaced(Duration.infinity), { attempts: 1, failedAt: now }, "boom"), Infinity)
    }))
})

describe("a blocking schedule", () => {
  it.effect("sees the error", () =>
    Effect.gen(function*() {
      const busy = (input: unknown) => input === "busy"
      const schedule = Schedule.modifyDelay(
        Schedule.while(spaced(1), ({ input }: { readonly input: string }) => Effect.succeed(busy(input))),
        ({ attempt, input }) => Effect.succeed(attempt * 10 + input.length)
      )
      assert.strictEqual(yield* ask(schedule, { attempts: 1, failedAt: now }, "busy"), 14)
      assert.strictEqual(yield* ask(schedule, { attempts: 3, failedAt: now }, "busy"), 34)
      assert.isUndefined(yield* ask(schedule, { attempts: 1, failedAt: now }, "declined"))
    }))

  it.effect("that dies or throws is a bug, and no end of the retries", () =>
    Effect.gen(function*() {
      const memory = new Map<unknown, unknown>()
      const once = Schedule.modifyDelay(
        spaced(1),
        ({ attempt }) => attempt === 2 ? Effect.die("no") : Effect.succeed(1)
      )
      const dies = (asked: Effect.Effect<number | undefined>) =>
        Effect.map(Effect.exit(asked), (exit) => assert.isTrue(Exit.hasDies(exit)))
      assert.strictEqual(yield* ask(once, { attempts: 1, failedAt: now }, "boom", memory), 1)
      yield* dies(ask(once, { attempts: 2, failedAt: now }, "boom", memory))
      for (const attempts of [2, 3]) yield* dies(ask(once, { attempts, failedAt: now }, "boom"))
      const throwing = Schedule.while(spaced(1), ({ input }: { readonly input: any }) => input.code.big)
      yield* dies(ask(throwing, { attempts: 1, failedAt: now }, {}))
    }))

  it.effect("may need services, each time that it is asked", () =>
    Effect.gen(function*() {
      class Pace extends Context.Service<Pace, { readonly millis: number }>()("test/Pace") {}
      const schedule = Schedule.modifyDelay(exponential(1), ({ duration }) =>
        Pace.useSync(({ millis }) => Duration.toMillis(duration) * millis))
      const memory = new Map<unknown, unknown>()
      const asked = (attempts: number, millis: number) =>
        Effect.provideService(ask(schedule, { attempts, failedAt: now }, "boom", memory), Pace, { millis })
      assert.strictEqual(yield* asked(3, 10), 40)
      assert.strictEqual(yield* asked(4, 100), 800)
    }))

  it.effect("may look at the clock", () =>
    Effect.gen(function*() {
      const schedule = Schedule.modifyDelay(spaced(1), () => Effect.map(Clock.currentTimeMillis, (time) => time + 5))
      assert.strictEqual(yield* ask(schedule, { attempts: 1, failedAt: now }, "boom"), 5)
    }))
})
