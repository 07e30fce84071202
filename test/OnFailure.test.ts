import { assert, describe, it } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"
import * as OnFailure from "../src/OnFailure.ts"
import * as Retry from "../src/Retry.ts"
import { died, erred, poisoned } from "./kit/failures.ts"

type Failure = OnFailure.Failure<any>
type Row = readonly [failure: Failure, decision: OnFailure.Decision["_tag"]]

const one = Schedule.recurs(1)
const two = Schedule.recurs(2)
const room = { maxRetries: 1 }

/** What each failure ends in, when nothing else stands behind the policy. */
const decided = (what: string, policy: OnFailure.OnFailure<any>, rows: ReadonlyArray<Row>) =>
  it.effect(what, () =>
    Effect.gen(function*() {
      for (const [failure, tag] of rows) {
        const { _tag } = yield* OnFailure.decideLast(policy, failure)
        assert.strictEqual(_tag, tag, `${failure.kind}, attempt ${failure.attempts}, retry ${failure.retries}`)
      }
    }))

/** A policy that passes, with an end of its own. */
const passing = (last: OnFailure.Decision) => OnFailure.make(() => Effect.succeed({ _tag: "Pass" }), {}, last)

describe("a policy", () => {
  for (
    const [tag, policy] of [["Stop", OnFailure.stop], ["Skip", OnFailure.skip], [
      "DeadLetter",
      OnFailure.deadLetter
    ]] as const
  ) {
    decided(`decides ${tag} for everything`, policy, [[erred("x"), tag], [died("x"), tag], [poisoned(), tag]])
  }
  decided("ends with what is its last", passing({ _tag: "Skip" }), [[erred("x"), "Skip"]])
  decided("stops when it passes and says no more", OnFailure.make(() => Effect.succeed({ _tag: "Pass" })), [
    [erred("x"), "Stop"]
  ])
  decided("of retries ends as it says", Retry.blocking(one), [
    [erred("x", { attempts: 1 }), "Wait"],
    [erred("x", { attempts: 2 }), "Stop"],
    [poisoned(), "Stop"]
  ])
  decided("of retry topics ends as it says", Retry.nonBlocking(one), [
    [erred("x", room), "Retry"],
    [erred("x", { ...room, retries: 1 }), "DeadLetter"],
    [poisoned(room), "DeadLetter"]
  ])

  it("needs what it says, and nothing otherwise", () => {
    const nothing = { schedules: [], deadLetter: false, topics: [], waits: false, observes: false }
    assert.deepStrictEqual(OnFailure.stop.needs, nothing)
    assert.deepStrictEqual(OnFailure.make(() => Effect.succeed({ _tag: "Stop" }), { topics: ["a"] }).needs, {
      ...nothing,
      topics: ["a"]
    })
    assert.deepStrictEqual(OnFailure.deadLetter.needs, { ...nothing, deadLetter: true })
  })
})

describe("what stands behind a policy", () => {
  const chain = Retry.blocking(two).pipe(
    OnFailure.andThen(Retry.nonBlocking(one, { exclude: ["string"] })),
    OnFailure.andThen(OnFailure.skip)
  )
  const error = new Error("x")
  decided("decides when the one before it passes", chain, [
    [erred(error, { attempts: 1, ...room }), "Wait"],
    [erred(error, { attempts: 2, ...room }), "Wait"],
    [erred(error, { attempts: 3, ...room }), "Retry"],
    [erred(error, { attempts: 4, retries: 1, ...room }), "Skip"],
    [erred("x", { attempts: 3, ...room }), "Skip"],
    [died(error, { attempts: 3, ...room }), "Retry"],
    [poisoned(room), "Skip"]
  ])
  decided("brings its own end", OnFailure.andThen(Retry.nonBlocking(one), Retry.blocking(two)), [
    [poisoned(), "Stop"],
    [erred("x", { attempts: 3, maxRetries: 0 }), "Stop"]
  ])
  decided(
    "is not asked when there is nothing to decide",
    OnFailure.andThen(OnFailure.stop, OnFailure.make(() => Effect.die("asked"))),
    [
      [erred("x"), "Stop"]
    ]
  )

  it("adds what it needs, each thing once", () => {
    const schedule = Schedule.recurs(3)
    const twice = OnFailure.andThen(Retry.nonBlocking(schedule), Retry.nonBlocking(schedule))
    assert.deepStrictEqual(twice.needs.schedules, [schedule])
    assert.deepStrictEqual(chain.needs.schedules, [one])
    assert.isTrue(chain.needs.deadLetter)
    assert.isTrue(chain.needs.waits)
    assert.isTrue(OnFailure.andThen(OnFailure.skip, Retry.blocking(one)).needs.waits)
    const topics = (...names: ReadonlyArray<string>) =>
      OnFailure.make(() => Effect.succeed({ _tag: "Pass" }), { topics: names })
    assert.deepStrictEqual(OnFailure.andThen(topics("a", "b"), topics("b", "c")).needs.topics, ["a", "b", "c"])
  })

  it("may be said in front or behind", () => {
    const behind = OnFailure.andThen(OnFailure.skip)(Retry.blocking(one))
    assert.deepStrictEqual(behind.last, OnFailure.andThen(Retry.blocking(one), OnFailure.skip).last)
    assert.deepStrictEqual(behind.needs, { schedules: [], deadLetter: false, topics: [], waits: true, observes: false })
  })

  it.effect("brings its services", () =>
    Effect.gen(function*() {
      class Mail extends Context.Service<Mail, { readonly sent: Array<string> }>()("test/Mail") {}
      const telling = OnFailure.make((failure) =>
        Mail.useSync(({ sent }) => (sent.push(failure.topic), { _tag: "Skip" as const }))
      )
      const sent: Array<string> = []
      const policy = OnFailure.andThen(Retry.nonBlocking(one), telling)
      const decision = yield* Effect.provideService(OnFailure.decideLast(policy, poisoned()), Mail, { sent })
      assert.deepStrictEqual([decision, sent], [{ _tag: "Skip" }, ["orders"]])
    }))
})

describe("a policy of its own for a kind of failure", () => {
  const base = Retry.nonBlocking(one)
  decided("for poison", OnFailure.poison(base, OnFailure.skip), [
    [poisoned(room), "Skip"],
    [erred("x", room), "Retry"],
    [died("x", room), "Retry"],
    [erred("x", { ...room, retries: 1 }), "DeadLetter"]
  ])
  decided("for defects", OnFailure.defect(base, OnFailure.stop), [
    [died("x", room), "Stop"],
    [erred("x", room), "Retry"],
    [poisoned(room), "DeadLetter"]
  ])
  decided("for both", base.pipe(OnFailure.poison(OnFailure.skip), OnFailure.defect(OnFailure.stop)), [
    [poisoned(room), "Skip"],
    [died("x", room), "Stop"],
    [erred("x", room), "Retry"]
  ])
  decided("ends as it does itself, not as the one around it", OnFailure.defect(OnFailure.skip, Retry.blocking(one)), [
    [died("x", { attempts: 1 }), "Wait"],
    [died("x", { attempts: 2 }), "Stop"],
    [erred("x"), "Skip"]
  ])
  decided(
    "never passes on",
    passing({ _tag: "Skip" }).pipe(
      OnFailure.poison(passing({ _tag: "DeadLetter" })),
      OnFailure.andThen(OnFailure.stop)
    ),
    [[poisoned(), "DeadLetter"], [erred("x"), "Stop"]]
  )
  decided("is the later one of two", base.pipe(OnFailure.poison(OnFailure.skip), OnFailure.poison(OnFailure.stop)), [
    [poisoned(), "Stop"]
  ])

  it("needs what both do", () => {
    const { needs } = Retry.blocking(one).pipe(OnFailure.poison(OnFailure.deadLetter))
    assert.deepStrictEqual(needs, { schedules: [], deadLetter: true, topics: [], waits: true, observes: false })
  })
})

describe("a route", () => {
  const to = (route: OnFailure.Route) => OnFailure.route(Retry.nonBlocking(one), () => route)
  decided("to retries asks the policy", to("retry"), [
    [erred("x", room), "Retry"],
    [erred("x", { ...room, retries: 1 }), "DeadLetter"],
    [poisoned(room), "DeadLetter"]
  ])
  for (const [route, tag] of [["dlt", "DeadLetter"], ["skip", "Skip"], ["fail", "Stop"]] as const) {
    decided(`to ${route} asks nobody`, to(route), [[erred("x", room), tag], [died("x", room), tag], [poisoned(), tag]])
  }
  decided("leaves a policy that passes to what stands behind it", OnFailure.andThen(to("retry"), OnFailure.skip), [
    [poisoned(room), "Skip"]
  ])

  it.effect("goes by the failure, to a topic that is needed", () =>
    Effect.gen(function*() {
      const policy = Retry.nonBlocking(one).pipe(
        OnFailure.route((failure) => Cause.hasDies(failure.cause) ? { topic: "bugs" } : "retry", { topics: ["bugs"] })
      )
      assert.deepStrictEqual(yield* policy.decide(died("x", room)), { _tag: "DeadLetter", topic: "bugs" })
      assert.deepStrictEqual(yield* policy.decide(erred("x", room)), { _tag: "Retry" })
      assert.deepStrictEqual(policy.needs, {
        schedules: [one],
        deadLetter: true,
        topics: ["bugs"],
        waits: false,
        observes: false
      })
    }))

  it("needs the dead letter topic", () =>
    assert.isTrue(OnFailure.stop.pipe(OnFailure.route(() => "dlt")).needs.deadLetter))

  it.effect("that throws is a defect of the policy, at the failure and not before", () =>
    Effect.gen(function*() {
      const policy = OnFailure.route(OnFailure.skip, () => {
        throw new Error("routed badly")
      })
      assert.include(String(yield* Effect.exit(policy.decide(erred("x")))), "routed badly")
    }))
})
