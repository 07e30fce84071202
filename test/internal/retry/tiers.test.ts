import { assert, describe, it } from "@effect/vitest"
import * as Arbitrary from "effect/Arbitrary"
import * as Clock from "effect/Clock"
import * as Cron from "effect/Cron"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Random from "effect/Random"
import * as Schedule from "effect/Schedule"
import * as Tiers from "../../../src/internal/retry/tiers.ts"
import { whole } from "./records.ts"

type Static = Schedule.Schedule<unknown, unknown>
type Row = readonly [delay: number, attempts: number]

const second = 1000
const { concat, exponential, fibonacci, fixed, forever, jittered, min, recurs, spaced, upTo, windowed } = Schedule
const capped = min([exponential("1 second"), spaced("16 seconds")])

const rowsOf = ({ tiers }: Tiers.Tiers): ReadonlyArray<Row> => tiers.map(({ attempts, delay }) => [delay, attempts])

const planned = (what: string, schedule: Static, rows: ReadonlyArray<Row>) =>
  it.effect(what, () =>
    Effect.gen(function*() {
      const plan = yield* Tiers.plan(schedule)
      assert.deepStrictEqual(rowsOf(plan), rows)
      assert.deepStrictEqual(plan.tiers.map(({ index }) => index), rows.map((_, i) => i + 1))
      assert.strictEqual(plan.maxAttempts, rows.reduce((sum, [, attempts]) => sum + attempts, 1))
    }))

const refused = (what: string, schedule: Schedule.Schedule<unknown, any, any>, ...says: ReadonlyArray<string>) =>
  it.effect(what, () =>
    Effect.gen(function*() {
      const error = yield* Effect.flip(Tiers.plan(schedule as Static))
      assert.strictEqual(error.reason._tag, "InvalidSetting")
      for (const words of ["onFailure", ...says]) assert.include(error.message, words)
    }))

const eight: ReadonlyArray<Row> = [1, 2, 4, 8, 16, 32, 64, 128].map((delay) => [delay * second, 1])

describe("the tiers of a schedule", () => {
  planned("are its delays", upTo(exponential("1 second"), { times: 4 }), eight.slice(0, 4))
  planned(
    "are as many as there are different delays up to a cap",
    upTo(capped, { times: 8 }),
    [...eight.slice(0, 4), [16 * second, 4]]
  )
  planned(
    "are few for many attempts",
    upTo(min([exponential("1 second"), spaced("10 seconds")]), { times: 229 }),
    [...eight.slice(0, 4), [10 * second, 225]]
  )
  planned("may have no delay", recurs(3), [[0, 3]])
  planned(
    "are those of both schedules, one after the other",
    concat(recurs(2), upTo(spaced("10 seconds"), { times: 2 })),
    [[0, 2], [10 * second, 2]]
  )
  planned(
    "may come twice, when another stands between them",
    concat(concat(recurs(1), upTo(spaced(5), { times: 1 })), recurs(1)),
    [[0, 1], [5, 1], [0, 1]]
  )
  planned("merge where two schedules meet", concat(recurs(2), recurs(3)), [[0, 5]])
  planned(
    "end when a duration is over, which is looked at before the delay",
    upTo(exponential("1 second"), { duration: "60 seconds" }),
    eight.slice(0, 6)
  )
  planned("have no end", spaced("1 minute"), [[60 * second, Infinity]])
  planned("have no end behind others", capped, [...eight.slice(0, 4), [16 * second, Infinity]])
  planned("have no end without a delay", forever, [[0, Infinity]])
  planned("are those of a fixed interval", upTo(fixed("1 minute"), { times: 300 }), [[60 * second, 300]])
  planned("are those of windows", upTo(windowed("1 minute"), { times: 300 }), [[60 * second, 300]])
  planned("are those of Fibonacci", upTo(fibonacci("1 second"), { times: 4 }), [
    [1 * second, 2],
    [2 * second, 1],
    [3 * second, 1]
  ])
  planned("leave jitter out", upTo(jittered(exponential("1 second")), { times: 3 }), eight.slice(0, 3))
  planned("leave random numbers out", upTo(Schedule.addDelay(recurs(9), () => Random.next), { times: 2 }), [[1, 2]])
  planned("are rounded to milliseconds", upTo(exponential(1.3, 1.5), { times: 4 }), [[1, 1], [2, 1], [3, 1], [4, 1]])
  planned("take a delay below zero as none", upTo(spaced(-5), { times: 2 }), [[0, 2]])
  planned("are none for a schedule that is over at once", recurs(0), [])
  planned("are none for a maximum that is not a number", recurs(Number.NaN), [])
  planned("are exact for a thousand", upTo(spaced(7), { times: 1000 }), [[7, 1000]])
  planned("are exact as far as headers count", upTo(spaced(7), { times: 32_766 }), [[7, 32_766]])
  planned("count further than that as without an end", upTo(spaced(7), { times: 32_767 }), [[7, Infinity]])
  planned("may be eight", upTo(exponential("1 second"), { times: 8 }), eight)
  planned(
    "do not wait for a schedule that sleeps",
    upTo(Schedule.tap(spaced(7), () => Effect.sleep("1 hour")), { times: 2 }),
    [[7, 2]]
  )
})

describe("a schedule is refused", () => {
  const tooMany = ["more than 8 retry topics", "Schedule.min([schedule, Schedule.spaced(\"128 seconds\")])", "times: 8"]
  refused("with delays that grow for ever", exponential("1 second"), ...tooMany)
  refused("with one delay too many", upTo(exponential("1 second"), { times: 9 }), ...tooMany)
  refused("with a cap that is too high", min([exponential("1 second"), spaced("1 hour")]), ...tooMany)
  refused("in milliseconds", exponential(3), "Schedule.spaced(\"384 millis\")")
  refused(
    "with delays that go up and down, which no cap would help",
    Schedule.modifyDelay(spaced(1), ({ attempt }) => Effect.succeed(attempt % 2)),
    "different delay; end it with Schedule.upTo({ times: 8 })"
  )
  refused(
    "with attempts counted in where it says how to end it",
    concat(recurs(5), exponential("1 second")),
    "Schedule.spaced(\"64 seconds\")",
    "times: 12"
  )
  refused("that follows the time of day", Schedule.cron("0 0 * * *"), "time of day", "Schedule.cron")
  refused("that follows the calendar", Schedule.cron(Cron.parseUnsafe("0 0 1 * *")), "time of day")
  refused(
    "whose end follows the time",
    Schedule.while(exponential("1 second"), ({ attempt, now }) => Effect.succeed(attempt <= 8 || now < 1_000_000)),
    "time of day"
  )
  refused("that cannot be parsed", Schedule.cron("not a cron"), "cannot be asked for its delays")
  refused(
    "that looks at the clock",
    Schedule.modifyDelay(spaced(1), () => Effect.map(Clock.currentTimeMillis, (now) => 60_000 - now % 60_000)),
    "time of day"
  )
  refused("that waits for ever", spaced(Duration.infinity), "without an end")
  refused("that waits longer than numbers go", spaced(2 ** 53), "without an end")
  refused("that dies", Schedule.modifyDelay(spaced(1), () => Effect.die(new Error("no delay"))), "no delay")
  refused(
    "that throws",
    Schedule.modifyDelay(spaced(1), () => {
      throw new Error("thrown")
    }),
    "thrown"
  )
})

describe("a schedule that looks at the error is refused", () => {
  for (
    const [what, differs] of [
      ["undefined", (error: unknown) => error === undefined],
      ["a text", (error: unknown) => typeof error === "string"],
      ["a number", (error: unknown) => typeof error === "number"],
      ["what is false", (error: unknown) => !error],
      ["an object", (error: unknown) => typeof error === "object"]
    ] as const
  ) {
    refused(
      `also when it only tells ${what} from the rest`,
      Schedule.while(spaced(1), ({ input }) => !differs(input)),
      "looks at the error"
    )
  }

  const looks = (what: string, look: (error: any) => unknown) =>
    refused(
      what,
      Schedule.while(spaced(1), ({ input }) => Effect.sync(() => look(input) !== "never")),
      "looks at the error",
      "retryable"
    )
  looks("by its tag", (error) => error._tag)
  looks("by its keys", (error) => "code" in error)
  looks("by its class", (error) => error instanceof TypeError)
  looks("as text", (error) => `${error}`)
  looks("by its own keys", (error) => Object.keys(error))
  looks("by its own properties", (error) => Object.hasOwn(error, "code"))
  looks("in vain, failing of it", (error) => error.code.big)
  looks(
    "late",
    (() => {
      let asked = 0
      return (error: any) => ++asked > 900 && error._tag
    })()
  )

  it.effect("at its first look", () =>
    Effect.gen(function*() {
      let asked = 0
      const schedule = Schedule.tap(spaced(1), ({ input }) => Effect.sync(() => [asked++, (input as any).code]))
      yield* Effect.flip(Tiers.plan(schedule))
      assert.strictEqual(asked, 1)
    }))

  planned("but not one that hands it on", upTo(Schedule.passthrough(spaced(1)), { times: 2 }), [[1, 2]])
})

describe("the tier of a retry", () => {
  const Part = Arbitrary.flatMap(whole(0, 3), (delay) => Arbitrary.map(whole(0, 40), (times) => ({ delay, times })))
  const Parts = Arbitrary.array(Part, { minLength: 1, maxLength: 8 })
  const chain = (parts: ReadonlyArray<{ readonly delay: number; readonly times: number }>): Static =>
    parts.map(({ delay, times }): Static => upTo(spaced(delay), { times })).reduce((a, b) => concat(a, b))

  it.effect.prop(
    "is the one whose turn it is, and none when all are used up",
    { parts: Parts },
    ({ parts }) =>
      Effect.gen(function*() {
        const plan = yield* Tiers.plan(chain(parts))
        const delays = parts.flatMap(({ delay, times }) => Array.from({ length: times }, () => delay))
        assert.strictEqual(plan.maxAttempts, delays.length + 1)
        assert.strictEqual(plan.tiers.reduce((sum, { attempts }) => sum + attempts, 1), plan.maxAttempts)
        for (let i = 1; i < plan.tiers.length; i++) assert.notEqual(plan.tiers[i]!.delay, plan.tiers[i - 1]!.delay)
        assert.deepStrictEqual(delays.map((_, done) => Tiers.tierOf(plan, done)?.delay), delays)
        const indices = delays.map((_, done) => Tiers.tierOf(plan, done)!.index)
        assert.deepStrictEqual(indices, [...indices].sort((a, b) => a - b))
        assert.isUndefined(Tiers.tierOf(plan, delays.length))
        assert.isUndefined(Tiers.tierOf(plan, Infinity))
      })
  )

  it.effect("is the last one for ever, without an end", () =>
    Effect.gen(function*() {
      const plan = yield* Tiers.plan(capped)
      for (const done of [4, 5, 32_766, 2 ** 31, Number.MAX_SAFE_INTEGER]) {
        assert.strictEqual(Tiers.tierOf(plan, done)?.index, 5, String(done))
      }
      assert.isUndefined(Tiers.tierOf(Tiers.none, 0))
    }))
})

describe("the name of a policy", () => {
  const nameOf = (schedule: Static) => Effect.map(Tiers.plan(schedule), ({ policy }) => policy)

  it.effect("is that of its tiers, and changes with each of them", () =>
    Effect.gen(function*() {
      const schedules: ReadonlyArray<Static> = [
        recurs(1),
        recurs(2),
        forever,
        upTo(spaced(1), { times: 1 }),
        concat(recurs(1), upTo(spaced(1), { times: 1 })),
        concat(upTo(spaced(1), { times: 1 }), recurs(1)),
        capped
      ]
      const names = yield* Effect.forEach(schedules, nameOf)
      assert.strictEqual(new Set(names).size, names.length)
      for (const name of names) assert.match(name, /^[0-9a-f]{8}$/)
      assert.strictEqual(yield* nameOf(recurs(2)), names[1])
      assert.strictEqual(yield* nameOf(concat(recurs(1), recurs(1))), names[1])
      assert.strictEqual(Tiers.none.policy, yield* nameOf(recurs(0)))
    }))
})
