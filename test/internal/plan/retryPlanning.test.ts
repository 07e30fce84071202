import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"
import { Codec, OnFailure, Retry, RetryTopics, Topic } from "millrace"
import type * as Handler from "../../../src/Handler.ts"
import { topologyOf } from "../../../src/internal/plan/retryPlanning.ts"

const { recurs, spaced, upTo } = Schedule
const parts = { key: Codec.none, value: Codec.string }
const later = Retry.nonBlocking(upTo(spaced("1 minute"), { times: 2 }))

const handlerOf = (
  source: string | RegExp,
  onFailure: OnFailure.Any,
  concurrency: Handler.Concurrency = "partition",
  call?: Handler.Call,
  takesFailures = false
) => ({
  source: typeof source === "string"
    ? Topic.make(source, parts)
    : Topic.pattern(source, { ...parts, failures: takesFailures }),
  onFailure,
  call: call ?? Topic.handle(Topic.make("any", parts), () => Effect.void, { concurrency }).call
})

type Handlers = ReadonlyArray<ReturnType<typeof handlerOf>>

const refused = (
  what: string,
  handlers: Handlers,
  options: RetryTopics.Options,
  setting: string,
  ...says: ReadonlyArray<string>
) =>
  it.effect(what, () =>
    Effect.gen(function*() {
      const error = yield* Effect.flip(topologyOf("billing", handlers, options))
      assert.strictEqual(error.reason._tag, "InvalidSetting")
      for (const words of [`\`${setting}\``, ...says]) assert.include(error.message, words)
    }))

const accepted = (what: string, handlers: Handlers, options: RetryTopics.Options = {}, group = "billing") =>
  it.effect(what, () => topologyOf(group, handlers, options))

describe("the retry topics of a consumer", () => {
  it.effect("are those of its policies", () =>
    Effect.gen(function*() {
      const topology = yield* topologyOf("billing", [
        handlerOf("orders", later),
        handlerOf("users", OnFailure.deadLetter),
        handlerOf("mails", OnFailure.skip),
        handlerOf(
          "bugs",
          OnFailure.route(OnFailure.deadLetter, () => OnFailure.stop, { uses: [OnFailure.deadLetterTo("other")] })
        )
      ], {})
      const orders = yield* topology.of("orders")
      assert.deepStrictEqual(orders?.tiers, [
        { index: 1, delay: 60_000, attempts: 2, name: "billing.orders.retry.1" }
      ])
      assert.strictEqual(orders?.plan.maxAttempts, 3)
      assert.deepInclude(orders, { deadLetter: "billing.orders.dlt", needsDeadLetter: true, others: [] })
      assert.deepInclude(yield* topology.of("users"), { tiers: [], needsDeadLetter: true })
      assert.deepInclude(yield* topology.of("mails"), { tiers: [], needsDeadLetter: false, others: [] })
      assert.deepInclude(yield* topology.of("bugs"), { tiers: [], others: ["other"] })
      assert.isUndefined(yield* topology.of("unknown"))
    }))

  it.effect("are none of a stream, whose failures its reader sees", () =>
    Effect.gen(function*() {
      const stream = handlerOf("orders", later, "partition", { _tag: "Stream" } as Handler.Call)
      const topology = yield* topologyOf("billing", [stream], {})
      assert.deepInclude(yield* topology.of("orders"), { tiers: [], needsDeadLetter: false, others: [] })
      assert.isFalse(topology.routes)
    }))

  accepted("may be said twice by one policy", [
    handlerOf(
      "orders",
      OnFailure.andThen(Retry.nonBlocking(recurs(2), { include: ["A"] }), Retry.nonBlocking(recurs(2)))
    )
  ])
})

describe("policies are refused", () => {
  const several = (...times: ReadonlyArray<number>) =>
    times.map((times): OnFailure.OnFailure<unknown> => Retry.nonBlocking(recurs(times)))
      .reduce((a, b) => OnFailure.andThen(a, b))
  const different = ["orders", "different schedules", "retryable"]
  refused("with two schedules", [handlerOf("orders", several(1, 2))], {}, "onFailure", ...different)
  refused("with a third one that differs", [handlerOf("orders", several(1, 1, 2))], {}, "onFailure", ...different)
  refused(
    "with a schedule that has no topics",
    [handlerOf("orders", Retry.nonBlocking(Schedule.exponential("1 second")))],
    {},
    "onFailure",
    "more than 8"
  )
  refused(
    "that route to what is no topic",
    [handlerOf("orders", OnFailure.andThen(OnFailure.deadLetterTo("fine"), OnFailure.deadLetterTo("not fine")))],
    {},
    "onFailure",
    "orders",
    "\"not fine\" is not allowed by Kafka"
  )
  for (const source of ["orders", /ord.*/]) {
    refused(
      `that route ${source} to itself`,
      [handlerOf(
        source,
        OnFailure.route(OnFailure.stop, () => OnFailure.pass, {
          uses: [OnFailure.deadLetterTo("orders")]
        })
      )],
      {},
      "onFailure",
      "\"orders\", the source itself"
    )
  }
  refused(
    "that route to a retry topic of their own",
    [handlerOf("orders", OnFailure.poison(later, OnFailure.deadLetterTo("billing.orders.retry.1")))],
    {},
    "onFailure",
    "\"billing.orders.retry.1\", a retry topic of this consumer"
  )
})

describe("names are refused", () => {
  refused("that Kafka would not take", [handlerOf("t".repeat(245), later)], {}, "onFailure", "shorten")
  refused(
    "that would be the consumer's own source",
    [handlerOf("orders", later), handlerOf("billing.orders.dlt", later)],
    {},
    "handlers",
    "billing.orders.dlt"
  )
  refused(
    "of retry topics that two sources would share",
    [handlerOf("orders", later), handlerOf("users", later)],
    { naming: { ...RetryTopics.standard, retry: ({ group }, { index }) => `${group}.retry.${index}` } },
    "retries.naming",
    "\"billing.retry.1\"",
    "\"orders\"",
    "\"users\""
  )
  for (const sources of [["users", "orders"], ["orders", "users"]]) {
    refused(
      `of a dead letter topic that is a retry topic of another source, ${sources[0]} first`,
      sources.map((name) => handlerOf(name, name === "orders" ? later : OnFailure.deadLetter)),
      {
        naming: {
          ...RetryTopics.standard,
          deadLetter: ({ topic }) => `billing.${topic === "users" ? "orders.retry.1" : "dlt"}`
        }
      },
      "retries.naming",
      "billing.orders.retry.1"
    )
  }
  accepted("but not of a dead letter topic that is not used", [
    handlerOf("users", OnFailure.stop),
    handlerOf("orders", later)
  ], {
    naming: {
      ...RetryTopics.standard,
      deadLetter: ({ topic }) => topic === "users" ? "billing.orders.retry.1" : "dead"
    }
  })
  accepted("but not one dead letter topic for all", [handlerOf("orders", later), handlerOf("users", later)], {
    naming: { ...RetryTopics.standard, deadLetter: ({ group }) => `${group}.dead` }
  })
  accepted("but not where nothing is routed to them", [handlerOf("t".repeat(245), OnFailure.stop)])
  accepted("but not of a group that routes nothing", [handlerOf("orders", OnFailure.skip)], {}, "a group's name!")
  accepted("but not of handlers that route nothing, beside one that does", [
    handlerOf("orders", later),
    handlerOf("t".repeat(245), OnFailure.stop),
    handlerOf("users", OnFailure.stop),
    handlerOf("billing.users.dlt", OnFailure.stop)
  ])
})

describe("a pattern", () => {
  const shouting: RetryTopics.Naming = { ...RetryTopics.standard, deadLetter: ({ topic }) => `${topic}.DEAD` }
  const naming = ["/audit\\..*/", "is a pattern", "RetryTopics.standard"]
  refused(
    "is refused with names of its own",
    [handlerOf(/audit\..*/, later)],
    { naming: shouting },
    "retries.naming",
    ...naming
  )
  refused(
    "is refused with Spring's names",
    [handlerOf(/audit\..*/, later)],
    { naming: RetryTopics.spring },
    "retries.naming",
    ...naming
  )
  accepted("may have standard names", [handlerOf(/audit\..*/, later)], { naming: RetryTopics.standard })
  accepted("may route nothing beside a topic with names of its own", [
    handlerOf("orders", later),
    handlerOf(/audit\..*/, OnFailure.stop)
  ], { naming: shouting })

  it.effect("is refused when it takes in its own retry topics", () =>
    Effect.gen(function*() {
      for (const policy of [later, OnFailure.deadLetter]) {
        const narrow = yield* topologyOf("billing", [handlerOf(/.*/, policy)], {})
        assert.strictEqual((yield* narrow.of("orders"))?.deadLetter, "billing.orders.dlt")
        assert.isUndefined(yield* narrow.of("audit.orders.dlt"))
        const topology = yield* topologyOf("billing", [handlerOf(/.*/, policy, "partition", undefined, true)], {})
        const error = yield* Effect.flip(topology.of("orders"))
        assert.include(error.message, "/.*/ also takes in \"billing.orders.")
        assert.include(error.message, "narrower")
      }
    }))

  refused(
    "is refused when it takes in those of a topic beside it",
    [
      handlerOf("orders", later),
      handlerOf(/billing\..*/, OnFailure.stop, "partition", undefined, true)
    ],
    {},
    "handlers",
    "/billing\\..*/ also takes in \"billing.orders.retry.1\""
  )
})

describe("transactional copies", () => {
  const options = { transactional: true }
  for (const concurrency of [{ keys: 2 }, { unordered: 2 }] as const) {
    refused(
      `are refused with ${JSON.stringify(concurrency)}`,
      [handlerOf("users", later), handlerOf("orders", later, concurrency)],
      options,
      "retries.transactional",
      "orders",
      "concurrency \"partition\""
    )
    accepted(`are not refused when ${JSON.stringify(concurrency)} routes nothing`, [
      handlerOf("users", later),
      handlerOf("orders", OnFailure.stop, concurrency)
    ], options)
    accepted(`are not refused with ${JSON.stringify(concurrency)} unless asked for`, [
      handlerOf("orders", later, concurrency)
    ], { transactional: false })
  }
  refused(
    "are refused where several records at once may go to another topic",
    [handlerOf("orders", OnFailure.deadLetterTo("bugs"), { keys: 2 })],
    options,
    "retries.transactional",
    "orders"
  )
  accepted("go well with one record at a time", [handlerOf("orders", later)], options)
})

describe("a limit of dead letters", () => {
  const limits: ReadonlyArray<readonly [RetryTopics.DeadLetterLimit, string]> = [
    [{}, "neither consecutive nor ratio"],
    [{ window: 10 }, "neither consecutive nor ratio"],
    [{ consecutive: 0 }, "consecutive 0"],
    [{ consecutive: 1.5 }, "consecutive 1.5"],
    [{ consecutive: Number.NaN }, "consecutive NaN"],
    [{ consecutive: Infinity }, "consecutive Infinity"],
    [{ ratio: 0 }, "ratio 0 "],
    [{ ratio: -0.1 }, "ratio -0.1"],
    [{ ratio: 1.01 }, "ratio 1.01"],
    [{ ratio: Number.NaN }, "ratio NaN"],
    [{ ratio: 0.5, window: 0 }, "window 0"],
    [{ ratio: 0.5, window: Number.NaN }, "window NaN"]
  ]
  for (const [deadLetterLimit, says] of limits) {
    refused(
      `is refused as ${says.trim()}`,
      [handlerOf("orders", OnFailure.stop)],
      { deadLetterLimit },
      "retries.deadLetterLimit",
      says
    )
  }
  for (const deadLetterLimit of [{ consecutive: 1 }, { ratio: 1 }, { consecutive: 5, ratio: 0.01, window: 1 }]) {
    accepted(`may be ${JSON.stringify(deadLetterLimit)}`, [handlerOf("orders", later)], { deadLetterLimit })
  }
})
