import { assert, describe, it } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Data from "effect/Data"
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
const decided = (what: string, policy: OnFailure.Any, rows: ReadonlyArray<Row>) =>
  it.effect(what, () =>
    Effect.gen(function*() {
      for (const [failure, tag] of rows) {
        const { _tag } = yield* OnFailure.decideLast(policy, failure)
        assert.strictEqual(_tag, tag, `${failure.kind}, attempt ${failure.attempts}, retry ${failure.retries}`)
      }
    }))

describe("a policy", () => {
  for (
    const [tag, policy] of [["Stop", OnFailure.stop], ["Skip", OnFailure.skip], [
      "DeadLetter",
      OnFailure.deadLetter
    ]] as const
  ) {
    decided(`decides ${tag} for everything`, policy, [[erred("x"), tag], [died("x"), tag], [poisoned(), tag]])
  }
  decided("stops when it passes and no other follows", OnFailure.pass, [[erred("x"), "Stop"]])
  decided(
    "may be returned by a function, or by an effect",
    OnFailure.make(({ kind }) =>
      kind === "poison" ? OnFailure.skip : Effect.succeed(kind === "error" ? OnFailure.deadLetter : OnFailure.pass)
    ),
    [[poisoned(), "Skip"], [erred("x"), "DeadLetter"], [died("x"), "Stop"]]
  )
  decided("ends as the policy that its function returned", OnFailure.make(() => Retry.nonBlocking(one)), [
    [poisoned(), "DeadLetter"]
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
    assert.deepStrictEqual(OnFailure.deadLetterTo("a").needs, { ...nothing, topics: ["a"] })
    const uses = [OnFailure.deadLetterTo("a"), OnFailure.deadLetter, Retry.nonBlocking(one), OnFailure.wait(1)]
    assert.deepStrictEqual(OnFailure.make(() => OnFailure.stop, { uses, observes: true }).needs, {
      schedules: [one],
      deadLetter: true,
      topics: ["a"],
      waits: true,
      observes: true
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
      OnFailure.make(() => OnFailure.pass, { uses: names.map(OnFailure.deadLetterTo) })
    assert.deepStrictEqual(OnFailure.andThen(topics("a", "b"), topics("b", "c")).needs.topics, ["a", "b", "c"])
  })

  it("may be said in front or behind", () => {
    const behind = OnFailure.andThen(OnFailure.skip)(Retry.blocking(one))
    assert.strictEqual(behind.words, OnFailure.andThen(Retry.blocking(one), OnFailure.skip).words)
    assert.deepStrictEqual(behind.needs, { schedules: [], deadLetter: false, topics: [], waits: true, observes: false })
  })

  it.effect("brings its services", () =>
    Effect.gen(function*() {
      class Mail extends Context.Service<Mail, { readonly sent: Array<string> }>()("test/Mail") {}
      const telling = OnFailure.make((failure) =>
        Mail.useSync(({ sent }) => (sent.push(failure.topic), OnFailure.skip))
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
    OnFailure.pass.pipe(
      OnFailure.poison(Retry.nonBlocking(one)),
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

class Declined extends Data.TaggedError("Declined")<{ readonly code: number }> {}
class Busy extends Data.TaggedError("Busy") {}

describe("a policy of its own for errors with a tag", () => {
  const base = Retry.nonBlocking(one)
  decided("is asked for these alone", OnFailure.tag(base, "Declined", OnFailure.skip), [
    [erred(new Declined({ code: 1 }), room), "Skip"],
    [erred(new Busy(), room), "Retry"],
    [died(new Declined({ code: 1 }), room), "Retry"],
    [poisoned(room), "DeadLetter"]
  ])
  decided("takes several tags", base.pipe(OnFailure.tag(["Declined", "Busy"], OnFailure.stop)), [
    [erred(new Declined({ code: 1 }), room), "Stop"],
    [erred(new Busy(), room), "Stop"],
    [erred("Busy", room), "Retry"]
  ])
  decided("ends as it does itself", OnFailure.tag(OnFailure.skip, "Busy", Retry.nonBlocking(one)), [
    [erred(new Busy(), { ...room, retries: 1 }), "DeadLetter"],
    [erred("x", room), "Skip"]
  ])
})

describe("a policy in words", () => {
  it("says what it does", () => {
    const policy = Retry.blocking(one).pipe(
      OnFailure.andThen(Retry.nonBlocking(one)),
      OnFailure.poison(OnFailure.deadLetterTo("bugs")),
      OnFailure.tag("Busy", OnFailure.wait("1 second"))
    )
    const words = "retry in place, then retry topics; poison: dead letter to \"bugs\"; Busy: wait 1000 ms"
    assert.strictEqual(String(policy), `OnFailure(${words})`)
    assert.deepStrictEqual(JSON.parse(JSON.stringify(policy)), { _id: "OnFailure", policy: words })
    assert.strictEqual(OnFailure.make(() => OnFailure.skip, { words: "mine" }).words, "mine")
  })

  it("is told from what is none", () => {
    assert.isTrue(OnFailure.isOnFailure(Retry.settings({ maxRetries: 1, delay: 1 })))
    for (const other of [undefined, null, {}, "stop", { _tag: "Skip" }]) assert.isFalse(OnFailure.isOnFailure(other))
  })

  it("refuses a wait without an end", () => {
    for (const delay of [Infinity, Number.NaN]) assert.throws(() => OnFailure.wait(delay), /no finite duration/)
  })
})

describe("a route", () => {
  const to = (policy: OnFailure.OnFailure<unknown>) => OnFailure.route(Retry.nonBlocking(one), () => policy)
  decided("that passes asks the policy", to(OnFailure.pass), [
    [erred("x", room), "Retry"],
    [erred("x", { ...room, retries: 1 }), "DeadLetter"],
    [poisoned(room), "DeadLetter"]
  ])
  for (
    const [route, tag] of [[OnFailure.deadLetter, "DeadLetter"], [OnFailure.skip, "Skip"], [
      OnFailure.stop,
      "Stop"
    ]] as const
  ) {
    decided(`to ${route.words} asks nobody`, to(route), [
      [erred("x", room), tag],
      [died("x", room), tag],
      [poisoned(), tag]
    ])
  }
  decided("leaves a policy that passes to the next one", OnFailure.andThen(to(OnFailure.pass), OnFailure.skip), [
    [poisoned(room), "Skip"]
  ])

  it.effect("goes by the failure, to a topic that is needed", () =>
    Effect.gen(function*() {
      const bugs = OnFailure.deadLetterTo("bugs")
      const policy = Retry.nonBlocking(one).pipe(
        OnFailure.route((failure) => Cause.hasDies(failure.cause) ? bugs : OnFailure.pass, { uses: [bugs] })
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

  it.effect("that throws is a defect of the policy, at the failure and not before", () =>
    Effect.gen(function*() {
      const policy = OnFailure.route(OnFailure.skip, () => {
        throw new Error("routed badly")
      })
      assert.include(String(yield* Effect.exit(policy.decide(erred("x")))), "routed badly")
    }))
})
