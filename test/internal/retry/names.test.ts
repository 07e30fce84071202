import { assert, describe, it } from "@effect/vitest"
import * as Arbitrary from "effect/Arbitrary"
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"
import * as Schema from "effect/Schema"
import { Codec, Retry, Topic } from "millrace"
import { matchesPattern } from "../../../src/engine/KafkaEngine.ts"
import { topologyOf } from "../../../src/internal/plan/retryPlanning.ts"
import * as Names from "../../../src/internal/retry/names.ts"
import { type Naming, spring, springWith, standard, type Tier } from "../../../src/RetryTopic.ts"
import { whole } from "./records.ts"

const tiersOf = (...delays: ReadonlyArray<number>): ReadonlyArray<Tier> =>
  delays.map((delay, i) => ({ index: i + 1, delay, attempts: 1 }))

const Name = Arbitrary.map(
  Arbitrary.array(
    Arbitrary.schema(Schema.Literals(["a", "b-c", "_", ".", "..", "retry", ".retry.2", ".dlt", "7", "A"])),
    { minLength: 1, maxLength: 6 }
  ),
  (parts) => parts.join("")
)

const billing = { group: "billing", topic: "orders" }

const problemOf = (
  naming: Naming,
  source: typeof billing,
  tiers: ReadonlyArray<Tier> = tiersOf(1, 2),
  setting = "onFailure"
) =>
  Effect.map(Effect.flip(Names.names(naming, source, tiers)), (error) => {
    assert.strictEqual(error.reason._tag, "InvalidSetting")
    assert.include(error.message, setting)
    return error.message
  })

describe("standard names", () => {
  it.effect("are those of django-kafka", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual(yield* Names.names(standard, billing, tiersOf(10, 20)), {
        retry: ["billing.orders.retry.1", "billing.orders.retry.2"],
        deadLetter: "billing.orders.dlt"
      })
      assert.deepStrictEqual(yield* Names.names(standard, billing, []), {
        retry: [],
        deadLetter: "billing.orders.dlt"
      })
    }))

  it.effect.prop(
    "lead back to the topic, whatever dots are in it and in the group",
    { group: Name, topic: Name, tiers: whole(1, 8) },
    ({ group, tiers, topic }) =>
      Effect.gen(function*() {
        const tier = Array.from({ length: tiers }, (_, i) => i)
        const names = yield* Names.names(standard, { group, topic }, tiersOf(...tier))
        for (const i of tier) assert.deepStrictEqual(Names.parse(group, names.retry[i]!), { topic, tier: i + 1 })
        assert.strictEqual(Names.parseDeadLetter(group, names.deadLetter), topic)
        // They are told apart.
        assert.isUndefined(Names.parse(group, names.deadLetter))
        for (const name of names.retry) assert.isUndefined(Names.parseDeadLetter(group, name))
        // Of another group they are nothing.
        for (const name of [...names.retry, names.deadLetter]) {
          assert.isUndefined(Names.parse(`${group}x`, name))
          assert.isUndefined(Names.parseDeadLetter(`x${group}`, name))
        }
      })
  )

  it("are no other names", () => {
    const others = [
      "orders",
      "billing.orders",
      "billing.retry.1",
      "billing..retry.1x",
      "billing.orders.retry.0",
      "billing.orders.retry.01",
      "billing.orders.retry.-1",
      "billing.orders.retry.",
      "billing.orders.retry.100000",
      "billing.orders-retry.1",
      "billing.ordersretry.1",
      "billingorders.retry.1",
      "xbilling.orders.retry.1",
      "billing.orders.retry.1.",
      "billing.dlt",
      "billing.",
      ""
    ]
    for (const name of others) {
      assert.isUndefined(Names.parse("billing", name), name)
      assert.isUndefined(Names.parseDeadLetter("billing", name), name)
    }
    assert.deepStrictEqual(Names.parse("billing", "billing.foo.retry.2.retry.99999"), {
      topic: "foo.retry.2",
      tier: 99_999
    })
  })
})

describe("the retry topics of a pattern", () => {
  const patterns = [
    /^orders-.*$|^users-.*$/,
    /orders-.*|^users-[a-z]+/,
    /^(?:orders|users)-.*$/,
    /(^orders|^users)-(eu$|us$)/,
    /a[$^]b/,
    /[^$]+/,
    /[\]$^]x/,
    /a\$|\^b/,
    /\\$|a/,
    new RegExp("[[\\w$^]&&[a-c$]]+$", "v"),
    new RegExp("^[[a-z]--[b$]]+$", "v"),
    /A.*B$/i,
    /.*/s,
    /^$|ab/
  ]
  // What names may be made of, and what they may not: a pattern is one in any case.
  const Part = Arbitrary.schema(
    Schema.Literals(["orders", "users", "-", "eu", "us", "a", "b", "A", "B", "x", "$", "^", "]", "\\", ".retry.1", "."])
  )
  const Topic = Arbitrary.map(Arbitrary.array(Part, { minLength: 1, maxLength: 4 }), (parts) => parts.join(""))

  it.prop("are those of the topics that it matches", { group: Name, topic: Topic, tier: whole(1, 12) }, (of) => {
    for (const pattern of patterns) {
      const name = `${of.group}.${of.topic}.retry.${of.tier}`
      const found = matchesPattern(
        Names.retryPattern(of.group, { _tag: "Pattern", regex: pattern, failures: true }),
        name
      )
      // A group of the shape "__x" has no topics that a pattern could match.
      if (name.startsWith("__") || of.topic.startsWith("__")) continue
      assert.strictEqual(found, matchesPattern(pattern, of.topic), `${pattern} ${name}`)
    }
  })

  it("are told from others", () => {
    const pattern = Names.retryPattern("a.b", { _tag: "Pattern", regex: /^orders-.*$|^users-.*$/ })
    for (const name of ["a.b.orders-1.retry.1", "a.b.users-.retry.10"]) assert.isTrue(matchesPattern(pattern, name))
    const others = [
      "a.b.orders-1.retry.0",
      "a.b.orders-1.dlt",
      "axb.orders-1.retry.1",
      "a.b.x.users-1.retry.1",
      "orders-1"
    ]
    for (const name of others) assert.isFalse(matchesPattern(pattern, name), name)
  })

  it("are none of retry, dead letter and parked topics, unless these are asked for", () => {
    for (const source of ["b.orders.dlt", "b.orders.parked", "b.orders.retry.3"]) {
      const matches = (failures: boolean) =>
        matchesPattern(Names.retryPattern("a", { _tag: "Pattern", regex: /.*/, failures }), `a.${source}.retry.1`)
      assert.deepStrictEqual([matches(false), matches(true)], [false, true])
    }
    const wide = Names.retryPattern("a", { _tag: "Pattern", regex: /.*/ })
    for (const source of ["orders", "dlt", "orders.dlt", "orders.retry.0"]) {
      assert.isTrue(matchesPattern(wide, `a.${source}.retry.1`), source)
    }
  })
})

describe("names are refused", () => {
  it.effect("that are too long, and by how much", () =>
    Effect.gen(function*() {
      // "g." and ".retry.1" are ten of the 249.
      const fits = yield* Names.names(standard, { group: "g", topic: "t".repeat(239) }, tiersOf(1))
      assert.strictEqual(fits.retry[0]!.length, 249)
      const one = yield* problemOf(standard, { group: "g", topic: "t".repeat(240) })
      assert.include(
        one,
        "has 250 characters, Kafka allows 249: shorten the group id (1) or the name of the topic (240)"
      )
      assert.include(one, "by 1, or name it yourself")
      const many = yield* problemOf(standard, { group: "g".repeat(200), topic: "t".repeat(100) })
      assert.include(many, "by 60,")
      const dead = yield* problemOf(standard, { group: "g", topic: "t".repeat(244) }, [])
      assert.include(dead, ".dlt\" has 250 characters")
      // "g." and ".parked" are nine.
      yield* Names.names(standard, { group: "g", topic: "t".repeat(240) }, [])
      const parked = yield* problemOf(standard, { group: "g", topic: "t".repeat(241) }, [])
      assert.include(parked, ".parked\" has 250 characters")
      assert.include(parked, "by 1, or give the dead letter topic \"g.")
    }))

  it.effect("that Kafka has no characters for, and why", () =>
    Effect.gen(function*() {
      for (const group of ["my group", "grüppe", "a/b"]) {
        const problem = yield* problemOf(standard, { group, topic: "orders" })
        assert.include(problem, "is not allowed by Kafka", group)
        assert.include(problem, `the group id ${JSON.stringify(group)} does not fit`)
      }
      const own = yield* problemOf({ ...standard, deadLetter: () => "dead letters" }, billing)
      assert.include(own, "\"dead letters\" is not allowed by Kafka")
      assert.notInclude(own, "group id")
      for (const name of ["", ".", ".."]) {
        assert.include(yield* problemOf({ ...standard, deadLetter: () => name }, billing), "not allowed by Kafka")
      }
    }))

  it.effect("that are none, or that a function does not return", () =>
    Effect.gen(function*() {
      const nothing = (() => undefined) as unknown as () => string
      const bug = () => {
        throw new Error("no name for it")
      }
      for (const part of ["retry", "deadLetter"]) {
        const problem = (naming: () => string) =>
          problemOf({ ...standard, [part]: naming }, billing, tiersOf(1), "retries.naming")
        assert.include(yield* problem(nothing), "it returned undefined, not a name")
        assert.include(yield* problem(bug), "\"orders\": no name for it")
      }
    }))

  it.effect("that are there twice", () =>
    Effect.gen(function*() {
      const twice = "two topics of \"orders\" would have the name"
      assert.include(yield* problemOf({ ...standard, retry: () => "same" }, billing), `${twice} "same"`)
      assert.include(yield* problemOf({ ...standard, deadLetter: () => "orders" }, billing), `${twice} "orders"`)
      assert.include(
        yield* problemOf({ ...standard, deadLetter: (source) => `${source.group}.orders.retry.2` }, billing),
        `${twice} "billing.orders.retry.2"`
      )
      assert.include(
        yield* problemOf({ ...standard, retry: () => "billing.orders.parked" }, billing, tiersOf(1)),
        `${twice} "billing.orders.parked"`
      )
      // A delay that comes a second time.
      assert.include(yield* problemOf(spring, billing, tiersOf(5, 10, 5)), `${twice} "orders-retry-5"`)
    }))
})

describe("Spring's names", () => {
  it.effect("tell the delay, unless there is one topic alone", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual(yield* Names.names(spring, billing, tiersOf(1000, 2000)), {
        retry: ["orders-retry-1000", "orders-retry-2000"],
        deadLetter: "orders-dlt"
      })
      assert.deepStrictEqual((yield* Names.names(spring, billing, tiersOf(1000))).retry, ["orders-retry"])
    }))

  it("lead back to topic and delay", () => {
    const parse = (name: string) => spring.parse!("any", name)
    assert.deepStrictEqual(parse("orders-retry-1000"), { topic: "orders", tier: undefined, delay: 1000 })
    assert.deepStrictEqual(parse("orders-retry"), { topic: "orders", tier: undefined, delay: undefined })
    assert.deepStrictEqual(parse("a-retry-5-retry-7"), { topic: "a-retry-5", tier: undefined, delay: 7 })
    assert.deepStrictEqual(parse("orders-retry-3000-1"), { topic: "orders", tier: undefined, delay: 3000 })
    for (const name of ["orders", "-retry", "orders-retry-", "orders-retry-x", "orders-dlt", "orders-retry-1e3"]) {
      assert.isUndefined(parse(name), name)
    }
    assert.isUndefined(parse(`orders-retry-${"9".repeat(16)}`))
  })

  // As DestinationTopicPropertiesFactory of Spring Kafka 4.1.1 makes them.
  const table = [
    ["equal delays, one topic", {}, [1000, 1000], ["orders-retry"]],
    ["equal delays, a topic each", { sameInterval: "multiple" }, [1000, 1000], ["orders-retry-0", "orders-retry-1"]],
    ["one retry, a topic each", { sameInterval: "multiple" }, [1000], ["orders-retry-1000"]],
    ["one retry by index, a topic each", { sameInterval: "multiple", suffix: "index" }, [1000], ["orders-retry-0"]],
    ["a cap by index, one topic for it", { suffix: "index" }, [1000, 2000, 2000], ["orders-retry-0", "orders-retry-1"]],
    ["a cap, one topic for it", {}, [1000, 2000, 2000], ["orders-retry-1000", "orders-retry-2000"]],
    ["a cap, a topic each", { sameInterval: "multiple" }, [1000, 2000, 2000], [
      "orders-retry-1000",
      "orders-retry-2000-0",
      "orders-retry-2000-1"
    ]],
    ["by index", { suffix: "index" }, [1000, 2000, 4000], ["orders-retry-0", "orders-retry-1", "orders-retry-2"]],
    ["suffixes of its own", { retrySuffix: ".again", dltSuffix: ".dead" }, [1000, 2000], [
      "orders.again-1000",
      "orders.again-2000"
    ]]
  ] as const
  for (const [what, names, delays, expected] of table) {
    it.effect(`are those of an application with ${what}`, () =>
      Effect.gen(function*() {
        const naming = springWith(names)
        const handler = {
          source: Topic.make("orders", { key: Codec.none, value: Codec.none }),
          call: Topic.handle(Topic.make("any", { key: Codec.none, value: Codec.none }), () => Effect.void).call,
          onFailure: Retry.nonBlocking(
            delays.map((delay) => Schedule.spaced(delay).pipe(Schedule.upTo({ times: 1 }))).reduce<
              Schedule.Schedule<unknown, unknown>
            >((a, b) => Schedule.concat(a, b), Schedule.recurs(0))
          )
        }
        const topology = yield* topologyOf("billing", [handler], { naming })
        const topics = (yield* topology.of("orders"))!
        assert.deepStrictEqual(topics.tiers.map(({ name }) => name), [...expected])
        assert.strictEqual(topics.plan.maxAttempts, delays.length + 1)
        for (const { name } of topics.tiers) assert.strictEqual(naming.parse!("billing", name)?.topic, "orders")
      }))
  }
})
