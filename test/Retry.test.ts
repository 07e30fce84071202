import { assert, describe, it } from "@effect/vitest"
import * as Data from "effect/Data"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Logger from "effect/Logger"
import * as Random from "effect/Random"
import * as Schedule from "effect/Schedule"
import * as Tiers from "../src/internal/retry/tiers.ts"
import * as OnFailure from "../src/OnFailure.ts"
import * as Retry from "../src/Retry.ts"
import { died, erred, failedAt, poisoned } from "./kit/failures.ts"

const { exponential, recurs, spaced } = Schedule

class Declined extends Data.TaggedError("Declined")<{ readonly code: number }> {}
class Busy extends Data.TaggedError("Busy") {}
class Plain extends Error {}
class Ranged extends RangeError {}

const wait = (delay: number): OnFailure.Decision => ({ _tag: "Wait", delay })
const pass: OnFailure.Decision = { _tag: "Pass", otherwise: "Stop" }
const passToDeadLetter: OnFailure.Decision = { _tag: "Pass", otherwise: "DeadLetter" }
const retry: OnFailure.Decision = { _tag: "Retry" }

const decided = (
  what: string,
  policy: OnFailure.Any,
  table: ReadonlyArray<readonly [failure: OnFailure.Failure<any>, decision: OnFailure.Decision]>
) =>
  it.effect(what, () =>
    Effect.gen(function*() {
      for (const [failure, decision] of table) {
        assert.deepStrictEqual(yield* policy.decide(failure), decision, `${failure.kind} ${failure.cause}`)
      }
    }))

/** What both kinds of retry answer to a failure that they retry. */
const kinds = [
  ["blocking", (options?: Retry.Options<any>) => Retry.blocking(spaced(5), options), wait(5), pass],
  ["non-blocking", (options?: Retry.Options<any>) => Retry.nonBlocking(spaced(5), options), retry, passToDeadLetter]
] as const

for (const [kind, make, yes, pass] of kinds) {
  const more = () => ({ maxRetries: 9, memory: new Map() })
  const declined = () => erred(new Declined({ code: 1 }), more())
  const busy = () => erred(new Busy(), more())

  describe(`what ${kind} retries take`, () => {
    decided("is all but poison", make(), [
      [declined(), yes],
      [erred("text", more()), yes],
      [erred(undefined, more()), yes],
      [died(new TypeError("bug"), more()), yes],
      [poisoned(more()), pass]
    ])
    decided("is what retryable says, of errors alone", make({ retryable: (error) => error.code > 1 }), [
      [declined(), pass],
      [erred(new Declined({ code: 2 }), more()), yes],
      [died(new TypeError("bug"), more()), yes]
    ])
    decided("is no defect, unless they may", make({ defects: false }), [
      [declined(), yes],
      [died(new TypeError("bug"), more()), pass]
    ])
    decided("is what include names, by tag, name or class", make({ include: ["Declined", "RangeError", "Plain"] }), [
      [declined(), yes],
      [busy(), pass],
      [erred({ _tag: "Declined" }, more()), yes],
      [erred(new Plain("x"), more()), yes],
      [erred(new Ranged("x"), more()), yes],
      [died(new RangeError("x"), more()), yes],
      [died(new TypeError("x"), more()), pass],
      [erred("Declined", more()), pass],
      [erred(null, more()), pass],
      [erred(Object.create(null), more()), pass],
      [poisoned(more()), pass]
    ])
    decided("may be named by the kind of a value", make({ include: ["string"] }), [[erred("text", more()), yes]])
    decided("is nothing when include names nothing", make({ include: [] }), [[declined(), pass]])
    decided("is all but what exclude names", make({ exclude: ["Declined", "Ranged"] }), [
      [declined(), pass],
      [busy(), yes],
      [erred(new Ranged("x"), more()), pass],
      [died(new Ranged("x"), more()), pass],
      [died(new TypeError("x"), more()), yes]
    ])
    decided(
      "is what include and retryable both take",
      make({ include: ["Declined"], retryable: (error) => error.code > 1 }),
      [[declined(), pass], [erred(new Declined({ code: 2 }), more()), yes], [busy(), pass]]
    )
    decided("ends at the timeout since the first failure", make({ timeout: "1 minute" }), [
      [erred("x", { ...more(), firstFailedAt: failedAt - 59_999 }), yes],
      [erred("x", { ...more(), firstFailedAt: failedAt - 60_000 }), pass],
      // Clocks of two machines differ.
      [erred("x", { ...more(), firstFailedAt: failedAt + 5000 }), yes]
    ])

    it.effect("is nothing where retryable does not say true or false: the policy dies, and the consumer stops", () =>
      Effect.gen(function*() {
        for (const [answer, words] of [[Promise.resolve(false), "a Promise"], [0, "a value (number)"]] as const) {
          const retryable: any = () => answer
          const exit = yield* Effect.exit(Effect.suspend(() => make({ retryable }).decide(declined())))
          assert.include(String(exit), `\`retryable\` returned ${words}, not true or false`)
        }
      }))
    it("is refused where it cannot be meant", () => {
      assert.throws(() => make({ include: ["A"], exclude: ["B"] }), "include or exclude, not both")
      for (const timeout of [0, -1, Number.NaN, Duration.zero]) {
        assert.throws(() => make({ timeout }), /timeout .* above 0/)
      }
    })
  })
}

describe("blocking retries", () => {
  it.effect("wait as long as the schedule says, then pass", () =>
    Effect.gen(function*() {
      const policy = Retry.blocking(exponential(100).pipe(Schedule.upTo({ times: 2 })))
      const memory = new Map()
      const answers: Array<OnFailure.Decision> = []
      for (const attempts of [1, 2, 3]) answers.push(yield* policy.decide(erred("x", { attempts, memory })))
      assert.deepStrictEqual(answers, [wait(100), wait(200), pass])
      assert.deepStrictEqual(policy.needs, {
        schedules: [],
        deadLetter: false,
        topics: [],
        waits: true,
        observes: false
      })
    }))
  decided("carry on after a restart", Retry.blocking(exponential(100)), [[erred("x", { attempts: 4 }), wait(800)]])
  decided("leave records of retry topics to their topic", Retry.blocking(spaced(5)), [
    [erred("x", { retries: 1, maxRetries: 3 }), pass],
    // Redriven: its retries begin anew, in the retry topic.
    [erred("x", { record: { ...erred("x").record, topic: "billing.orders.retry.1" }, maxRetries: 3 }), pass]
  ])
  decided(
    "show the schedule the error",
    Retry.blocking(
      Schedule.modifyDelay(spaced(1), ({ input }: { readonly input: Declined }) => Effect.succeed(input.code))
    ),
    [[erred(new Declined({ code: 7 })), wait(7)], [died(new Declined({ code: 8 })), wait(8)]]
  )
  decided(
    "in a chain count the same attempts",
    OnFailure.andThen(Retry.blocking(recurs(1)), Retry.blocking(spaced(5))),
    [
      [erred("x", { attempts: 1 }), wait(0)],
      [erred("x", { attempts: 2 }), wait(5)]
    ]
  )
})

describe("non-blocking retries", () => {
  const schedule = recurs(2)
  const policy = Retry.nonBlocking(schedule)
  decided("go on as long as there are retry topics", policy, [
    [erred("x", { retries: 0, maxRetries: 2 }), retry],
    [erred("x", { retries: 1, maxRetries: 2 }), retry],
    [erred("x", { retries: 2, maxRetries: 2 }), passToDeadLetter],
    [erred("x", { retries: 9, maxRetries: 2 }), passToDeadLetter],
    [erred("x", { retries: 32_766, maxRetries: Infinity }), retry],
    [erred("x"), passToDeadLetter]
  ])
  it.effect("die of a schedule that decides by the error after all: its topics were fixed without it", () =>
    Effect.gen(function*() {
      const busy = Schedule.while(spaced(5), ({ input }) => input === "busy")
      const never = Schedule.while(spaced(5), ({ input }) => input !== "fatal")
      for (const [schedule, fine, other] of [[busy, "fatal", "busy"], [never, "busy", "fatal"]] as const) {
        const policy = Retry.nonBlocking(schedule)
        const { maxAttempts } = yield* Tiers.plan(schedule)
        const decide = (error: string) => Effect.exit(policy.decide(erred(error, { maxRetries: maxAttempts - 1 })))
        assert.isTrue(Exit.isSuccess(yield* decide(fine)))
        assert.include(String(yield* decide(other)), "looks at the error")
      }
    }))
  it("end in the dead letter topic, and need it", () => {
    assert.deepStrictEqual(policy.needs, {
      schedules: [schedule],
      deadLetter: true,
      topics: [],
      waits: false,
      observes: false
    })
  })
})

describe("retries by plain numbers", () => {
  // max_retries, delay and backoff of django-kafka, and its delays: delay * 2 ** (attempt - 1).
  const table: ReadonlyArray<readonly [number, number, boolean, ReadonlyArray<number>]> = [
    [0, 1, false, []],
    [0, 1, true, []],
    [1, 60, false, [60]],
    [3, 60, false, [60, 60, 60]],
    [5, 60, true, [60, 120, 240, 480, 960]],
    [4, 0.5, true, [0.5, 1, 2, 4]]
  ]
  for (const [maxRetries, seconds, backoff, delays] of table) {
    const settings = { maxRetries, delay: Duration.seconds(seconds), backoff }
    const millis = delays.map((delay) => delay * 1000)
    it.effect(`have the delays of django-kafka: ${maxRetries} of ${seconds} s${backoff ? ", doubled" : ""}`, () =>
      Effect.gen(function*() {
        const policy = Retry.settings(settings)
        for (let attempts = 1; attempts <= maxRetries + 2; attempts++) {
          const delay = millis[attempts - 1]
          const decision = yield* policy.decide(erred("x", { attempts }))
          assert.deepStrictEqual(decision, delay === undefined ? passToDeadLetter : wait(delay))
        }
        const [schedule, ...others] = Retry.settings({ ...settings, blocking: false }).needs.schedules
        const { maxAttempts, tiers } = yield* Tiers.plan(schedule!)
        assert.deepStrictEqual(others, [])
        assert.strictEqual(maxAttempts, maxRetries + 1)
        assert.deepStrictEqual(tiers.flatMap(({ attempts, delay }) => Array(attempts).fill(delay)), millis)
      }))
  }

  it.effect("go on for ever with -1", () =>
    Effect.gen(function*() {
      const policy = Retry.settings({ maxRetries: -1, delay: "1 second" })
      assert.deepStrictEqual(yield* policy.decide(erred("x", { attempts: 1_000_000 })), wait(1000))
      const [schedule] = Retry.settings({ maxRetries: -1, delay: "1 second", blocking: false }).needs.schedules
      assert.strictEqual((yield* Tiers.plan(schedule!)).maxAttempts, Infinity)
    }))

  it.effect("do not double beyond maxDelay", () =>
    Effect.gen(function*() {
      const settings = { maxRetries: 5, delay: "1 second", maxDelay: "3 seconds", backoff: true } as const
      const policy = Retry.settings(settings)
      const delays = yield* Effect.forEach([1, 2, 3, 4, 5], (attempts) => policy.decide(erred("x", { attempts })))
      assert.deepStrictEqual(delays, [1000, 2000, 3000, 3000, 3000].map(wait))
      const endless = Retry.settings({ ...settings, maxRetries: -1 })
      assert.deepStrictEqual(yield* endless.decide(erred("x", { attempts: 5000 })), wait(3000))
    }))

  it.effect("vary the delay in place, by a fifth and on demand", () =>
    Effect.gen(function*() {
      const jitter = { maxRetries: 3, delay: "1 second", jitter: true } as const
      const random = { nextDoubleUnsafe: () => 1, nextIntUnsafe: () => 1 }
      const decision = Retry.settings(jitter).decide(erred("x"))
      assert.deepStrictEqual(yield* Effect.provideService(decision, Random.Random, random), wait(1200))
      const plain = Retry.settings({ ...jitter, jitter: false }).decide(erred("x"))
      assert.deepStrictEqual(yield* Effect.provideService(plain, Random.Random, random), wait(1000))
    }))

  for (const blocking of [true, false]) {
    const where = blocking ? "in place" : "elsewhere"
    const options = { maxRetries: 1, delay: 5, blocking } as const
    const yes = blocking ? wait(5) : retry
    it(`end in the dead letter topic, ${where}`, () => {
      const { needs } = Retry.settings(options)
      assert.isTrue(needs.deadLetter)
      assert.strictEqual(needs.waits, blocking)
    })
    decided(
      `leave the end to what stands behind them, ${where}`,
      OnFailure.andThen(Retry.settings(options), OnFailure.skip),
      [
        [erred("x", { maxRetries: 1 }), yes],
        [erred("x", { attempts: 2, retries: blocking ? 0 : 1, maxRetries: 1 }), { _tag: "Skip" }],
        [poisoned(), { _tag: "Skip" }]
      ]
    )
    decided(`take include and the like, ${where}`, Retry.settings({ ...options, include: ["Busy"] }), [
      [erred(new Busy(), { maxRetries: 1 }), yes],
      [erred(new Declined({ code: 1 }), { maxRetries: 1 }), passToDeadLetter]
    ])
  }

  it.effect("log each n-th attempt, and decide all the same", () =>
    Effect.gen(function*() {
      const lines: Array<string> = []
      const logger = Logger.make(({ message }) => lines.push(String(message)))
      const policy = Retry.settings({ maxRetries: 9, delay: 5, logEvery: 2 })
      const answers = Effect.forEach([1, 2, 3, 4], (attempts) => policy.decide(erred("x", { attempts })))
      const decisions = yield* Effect.andThen(policy.decide(poisoned()), answers).pipe(
        Effect.provide(Logger.layer([logger]))
      )
      assert.deepStrictEqual(decisions, [wait(5), wait(5), wait(5), wait(5)])
      assert.deepStrictEqual(lines, [
        "attempt 2 of orders/3 offset 42 failed",
        "attempt 4 of orders/3 offset 42 failed"
      ])
    }))

  it("throw what is wrong with them", () => {
    const bad = (options: Partial<Parameters<typeof Retry.settings>[0]>, says: RegExp) =>
      assert.throws(() => Retry.settings({ maxRetries: 3, delay: "1 second", ...options }), says)
    for (const maxRetries of [-2, 1.5, Number.NaN, Infinity]) {
      bad({ maxRetries }, new RegExp(`maxRetries ${maxRetries} is not a whole number of at least 0, or -1 for ever`))
    }
    for (const delay of [0, -1, Number.NaN]) bad({ delay }, /^delay .* above 0/)
    bad({ delay: "Infinity" }, /delay must have an end/)
    for (const maxDelay of [0, -1, Number.NaN]) bad({ maxDelay }, /maxDelay .* above 0/)
    for (const logEvery of [0, -1, 1.5, Number.NaN]) bad({ logEvery }, /logEvery .* at least 1/)
    bad({ include: ["A"], exclude: ["B"] }, /include or exclude, not both/)
    bad({ include: ["A"], exclude: ["B"], blocking: false }, /include or exclude, not both/)
    bad({ maxRetries: 32_767, blocking: false }, /maxRetries 32767 .* 32766; use -1/)
    Retry.settings({ maxRetries: 32_767, delay: 1 })
    Retry.settings({ maxRetries: 32_766, delay: 1, blocking: false })
  })
})
