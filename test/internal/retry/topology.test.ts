import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"
import { Codec, RetryTopics, Topic } from "millrace"
import * as Tiers from "../../../src/internal/retry/tiers.ts"
import { retryGroupOf, type Routed, Topology } from "../../../src/internal/retry/topology.ts"

const parts = { key: Codec.none, value: Codec.string }

/** Two tiers of a source topic: at once, and after ten seconds. */
const schedule = Schedule.concat(Schedule.recurs(2), Schedule.spaced("10 seconds").pipe(Schedule.upTo({ times: 1 })))

const routed = Effect.fnUntraced(function*(source: string | RegExp, policy = schedule) {
  return {
    source: typeof source === "string" ? Topic.make(source, parts) : Topic.pattern(source, parts),
    plan: yield* Tiers.plan(policy),
    needsDeadLetter: true,
    others: []
  } satisfies Routed
})

const topologyOf = (naming: RetryTopics.Naming, ...sources: ReadonlyArray<string | RegExp>) =>
  Effect.map(
    Effect.forEach(sources, (source) => routed(source)),
    (handlers) => new Topology("billing", naming, handlers)
  )

const [zero, ten] = [{ index: 1, delay: 0, attempts: 2 }, { index: 2, delay: 10_000, attempts: 1 }]

describe("the place of a topic", () => {
  it.effect("is its source and tier", () =>
    Effect.gen(function*() {
      for (const naming of [RetryTopics.standard, RetryTopics.spring]) {
        const topology = yield* topologyOf(naming, "orders", "users")
        for (const topic of ["orders", "users"]) {
          const { tiers } = (yield* topology.of(topic))!
          assert.deepStrictEqual(tiers, [{ ...zero, name: tiers[0]!.name }, { ...ten, name: tiers[1]!.name }])
          for (const tier of tiers) assert.deepStrictEqual(topology.placeOf(tier.name), { source: topic, tier })
        }
      }
    }))

  it.effect("is known of a topic that was forgotten, and as it was", () =>
    Effect.gen(function*() {
      for (const naming of [RetryTopics.standard, RetryTopics.spring]) {
        const topology = yield* topologyOf(naming, /orders\.[a-z]+/)
        const { deadLetter, tiers } = (yield* topology.of("orders.eu"))!
        const places = tiers.map(({ name }) => topology.placeOf(name))
        assert.deepStrictEqual(topology.forget("orders.eu"), [...tiers.map(({ name }) => name), deadLetter])
        assert.deepStrictEqual(topology.forget("orders.eu"), [])
        assert.deepStrictEqual(tiers.map(({ name }) => topology.placeOf(name)), places)
        assert.deepStrictEqual((yield* topology.of("orders.eu"))!.tiers, tiers)
      }
    }))

  it.effect("is known of a pattern's topic before its source is", () =>
    Effect.gen(function*() {
      const topology = yield* topologyOf(RetryTopics.standard, /audit\..*/)
      const name = "billing.audit.log.retry.2"
      const place = { source: "audit.log", tier: { ...ten, name } }
      assert.deepStrictEqual(topology.placeOf(name), place)
      yield* topology.of("audit.log")
      assert.deepStrictEqual(topology.placeOf(name), place)
    }))

  it.effect("has no tier when the policy has it no more", () =>
    Effect.gen(function*() {
      const topology = yield* topologyOf(RetryTopics.standard, "orders", /audit\..*/)
      yield* topology.of("orders")
      for (const source of ["orders", "audit.log"]) {
        assert.deepStrictEqual(topology.placeOf(`billing.${source}.retry.3`), { source, tier: undefined })
      }
    }))

  it.effect("has no tier under a name that the policy had before others", () =>
    Effect.gen(function*() {
      const topology = yield* topologyOf(RetryTopics.spring, "orders")
      yield* topology.of("orders")
      assert.deepStrictEqual(topology.placeOf("billing.orders.retry.1"), { source: "orders", tier: undefined })
    }))

  it.effect("under names of its own is told by what reads them", () =>
    Effect.gen(function*() {
      const naming: RetryTopics.Naming = {
        retry: ({ topic }, { delay }) => `again.${delay}.${topic}`,
        deadLetter: ({ topic }) => `dead.${topic}`,
        parse: (_, name) => {
          const [again, delay, ...topic] = name.split(".")
          return again === "again" ? { topic: topic.join("."), tier: undefined, delay: Number(delay) } : undefined
        }
      }
      const topology = yield* topologyOf(naming, "orders", "a.b")
      assert.deepStrictEqual(topology.placeOf("again.700.a.b"), { source: "a.b", tier: undefined, delay: 700 })
      assert.isUndefined(topology.placeOf("again.700.users"))
      assert.isUndefined((yield* topologyOf({ ...naming, parse: undefined }, "orders")).placeOf("again.700.orders"))
    }))

  it.effect("is nowhere for topics of others", () =>
    Effect.gen(function*() {
      const topology = yield* topologyOf(RetryTopics.standard, "orders", /audit\..*/)
      yield* topology.of("orders")
      const others = [
        "orders",
        "orders.retry.1",
        "billing.orders.dlt",
        "shipping.orders.retry.1",
        "billing.users.retry.1",
        "billing.audit.retry.1",
        "billing.x.orders.retry.1",
        "billing.orders.retry.0",
        "orders-retry-0"
      ]
      for (const name of others) assert.isUndefined(topology.placeOf(name), name)
    }))

  it.effect("of a topic whose name looks like a retry topic's is its own", () =>
    Effect.gen(function*() {
      const topology = yield* topologyOf(RetryTopics.standard, "foo.retry.2", "foo")
      const names = (yield* topology.of("foo.retry.2"))!.tiers.map(({ name }) => name)
      assert.deepStrictEqual(names, ["billing.foo.retry.2.retry.1", "billing.foo.retry.2.retry.2"])
      yield* topology.of("foo")
      for (const name of names) assert.strictEqual(topology.placeOf(name)?.source, "foo.retry.2")
      assert.strictEqual(topology.placeOf("billing.foo.retry.2")?.source, "foo")
    }))
})

describe("a topology", () => {
  it.effect("remembers the topics of a source", () =>
    Effect.gen(function*() {
      const topology = yield* topologyOf(RetryTopics.standard, "orders")
      assert.strictEqual(yield* topology.of("orders"), yield* topology.of("orders"))
    }))

  it.effect("knows whether anything is routed at all", () =>
    Effect.gen(function*() {
      const full = yield* routed("orders")
      const bare: Routed = { ...full, plan: Tiers.none, needsDeadLetter: false }
      const routes = (...handlers: ReadonlyArray<Routed>) =>
        new Topology("billing", RetryTopics.standard, handlers).routes
      assert.isFalse(routes())
      assert.isFalse(routes(bare))
      assert.isTrue(routes(bare, full))
      assert.isTrue(routes({ ...bare, needsDeadLetter: true }))
      assert.isTrue(routes({ ...bare, plan: full.plan }))
      assert.isTrue(routes({ ...bare, others: ["bugs"] }))
    }))

  it("has a group of its own for its retry topics", () => assert.strictEqual(retryGroupOf("billing"), "billing.retry"))
})
